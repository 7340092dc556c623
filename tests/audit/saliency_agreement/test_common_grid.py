"""Maps of other sizes and views meet on one grid, and nothing is shifted or lost on the way."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from likewise.audit import agreement_of_stores
from likewise.audit.saliency_agreement.common_grid import CommonGrid, cell_means
from likewise.data import Preprocessing
from likewise.explain import SaliencySettings, SaliencyStore
from likewise.files import write_json


def store(folder: Path, maps: np.ndarray, resize_px: int, crop_px: int) -> SaliencyStore:
    folder.mkdir(parents=True)
    np.save(folder / "00000.npy", np.round(maps * 255).astype(np.uint8))
    write_json(folder / "saliency.json", {
        "form": 1, "model": folder.name, "model_fingerprint": folder.name, "settings": SaliencySettings().model_dump(),
        "preprocessing": {"resize_px": resize_px, "crop_px": crop_px}, "kind": "uint8", "shape": list(maps.shape[1:]),
        "catalog_fingerprint": "", "shards": ["00000.npy"], "ids": [f"{n}.png" for n in range(len(maps))],
        "counts": [len(maps)],
    })  # fmt: skip
    return SaliencyStore.open(folder)


def blob(side: int, seen: float, image: int) -> np.ndarray:
    """A Gaussian at one place of the photo, as a model sees it that looks at the middle ``seen`` of it."""
    middles = (np.arange(side) + 0.5) / side * seen + (1 - seen) / 2
    y, x = 0.35 + 0.05 * (image % 4), 0.6 - 0.04 * (image % 3)
    found: np.ndarray = np.exp(-((middles[:, None] - y) ** 2 + (middles[None] - x) ** 2) / (2 * 0.08**2))
    return found


def maps(side: int, seen: float, images: int = 12) -> np.ndarray:
    return np.stack([blob(side, seen, image) for image in range(images)])


@pytest.mark.parametrize(("pixels", "start", "length", "cells"), [
    (8, 0.0, 8.0, 4), (8, 0.0, 8.0, 3), (8, 1.0, 6.0, 5), (3, 0.0, 3.0, 7), (7, 0.9, 5.2, 2),
])  # fmt: skip
def test_cells_are_means_of_what_they_cover(pixels: int, start: float, length: float, cells: int) -> None:
    weights = cell_means(pixels, start, length, cells)
    np.testing.assert_allclose(weights.sum(1), 1)
    row = np.random.default_rng(0).random(pixels)
    fine = np.repeat(row, 10_000)  # the same by brute force
    edges = np.round((start + length * np.arange(cells + 1) / cells) * 10_000).astype(int)
    expected = [fine[low:high].mean() for low, high in itertools.pairwise(edges)]
    np.testing.assert_allclose(weights @ row, expected, atol=1e-3)
    # what lies on the whole part is kept
    assert (weights @ row).sum() * length / cells == pytest.approx(
        fine[edges[0] : edges[-1]].sum() / 10_000, abs=1e-3
    )


def test_whole_divisors_are_plain_average_pooling() -> None:
    values = np.random.default_rng(1).random((2, 12, 12))
    weights = cell_means(12, 0, 12, 4)
    pooled = torch.nn.functional.avg_pool2d(torch.from_numpy(values), 3).numpy()
    np.testing.assert_allclose(np.einsum("yh,nhw,xw->nyx", weights, values, weights), pooled)


def test_equal_stores_are_read_as_they_are(tmp_path: Path) -> None:
    first = store(tmp_path / "a", maps(32, 1), 32, 32)
    grid = CommonGrid([first, store(tmp_path / "b", maps(32, 1), 32, 32)])
    assert not grid.words and grid.shape == (32, 32)
    np.testing.assert_array_equal(grid.read(0, 2, 5), first.read(2, 5))


@pytest.mark.parametrize(("a", "b"), [
    ((64, 64), (96, 96)), ((64, 56), (518, 518)), ((64, 56), (64, 64)), ((98, 98), (256, 224)),
])  # fmt: skip
def test_the_same_place_of_the_photo_stays_the_same_place(
    tmp_path: Path, a: tuple[int, int], b: tuple[int, int]
) -> None:
    """Two models that look at one thing agree fully, whatever size they see it at and how much around it."""
    stores = {
        name: store(tmp_path / name, maps(crop, crop / resize), resize, crop)
        for name, (resize, crop) in {"a": a, "b": b}.items()
    }
    grid = CommonGrid(list(stores.values()))
    assert grid.words and str(grid.shape[0]) in grid.words
    assert ("that all models see" in grid.words) == (a[1] / a[0] != b[1] / b[0])
    audit = agreement_of_stores(stores)
    assert audit.pairs[0].correlation.mean > 0.995 and audit.pairs[0].divergence < 0.01
    assert grid.words in audit.settings and grid.words in audit.verdict().evidence[0]


def test_different_places_still_disagree(tmp_path: Path) -> None:
    turned = maps(96, 1)[:, ::-1, ::-1]
    found = agreement_of_stores(
        {"a": store(tmp_path / "a", maps(64, 1), 64, 64), "b": store(tmp_path / "b", turned, 96, 96)}
    )
    assert found.pairs[0].correlation.mean < 0.5


def test_sizes_are_said_width_by_height() -> None:
    stores = [
        SimpleNamespace(shape=shape, preprocessing=Preprocessing(resize_px=40, crop_px=crop))
        for shape, crop in (((30, 20), 40), ((12, 18), 40), ((30, 20), 40))
    ]
    grid = CommonGrid(stores)
    assert grid.shape == (12, 18)
    assert grid.words == "maps of 18 x 12, 20 x 30 px averaged onto 18 x 12"
    stores[1].preprocessing = Preprocessing(resize_px=40, crop_px=20)
    assert CommonGrid(stores).words == (
        "maps of 18 x 12, 20 x 30 px averaged onto 10 x 12, on the part of the photo that all models see"
    )
