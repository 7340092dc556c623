"""What a pair of copies is called and which placement is kept, decided from given fits and windows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise import Catalog
from likewise.curation import pixel_decision
from likewise.curation.copies import DuplicatePair
from likewise.curation.pixel_decision import _kind, _refined, decided_pairs
from likewise.curation.prints import Prints
from likewise.errors import ImageError

WHOLE, INNER = (0, 1, 0, 1), (0.1, 0.8, 0.1, 0.8)  # begin and share of each side

Said = list[tuple[np.ndarray, np.ndarray, int, int]]


def prints(*sizes: tuple[int, int]) -> Prints:
    """Images whose pixel (y, x) is 10 y + x plus 100 times their number; they are the odd rows of a catalog."""
    grid = (10 * np.arange(2)[:, None] + np.arange(2))[None, :, :, None]
    pixels = np.repeat(grid + 100 * np.arange(len(sizes))[:, None, None, None], 3, 3).astype(np.uint8)
    return Prints(pixels, np.array(sizes), np.arange(len(sizes)) * 2 + 1, [])


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Gives the fits and windows of each call of the alignment, and keeps what it was asked."""

    def given(*answers: tuple[Sequence[float], Sequence[Sequence[float]]]) -> Said:
        said, left = Said(), list(answers)

        def fits(inner: np.ndarray, outer: np.ndarray, windows: np.ndarray, side: int, steps: int):
            said.append((inner, outer, side, steps))
            scores, places = left.pop(0)
            return np.array(scores), np.array(places, float)

        monkeypatch.setattr(pixel_decision, "refined_fits", fits)
        return said

    monkeypatch.setattr(
        pixel_decision, "squeezed", lambda path, side: (None, np.full((1, 2, 3), [[path], [path + 1]]))
    )
    return given


@pytest.mark.parametrize(
    ("sizes", "window", "kind"),
    [
        (((8, 6), (8, 6)), WHOLE, "re-encoded"),
        (((8, 6), (4, 3)), WHOLE, "resized"),
        (((8, 6), (8, 5)), WHOLE, "resized"),
        (((8, 6), (7, 6)), WHOLE, "resized"),
        (((8, 6), (8, 6)), (0, 0.98, 0, 0.98), "re-encoded"),
        (((8, 6), (8, 6)), (0, 0.97, 0, 1), "cropped"),
        (((8, 6), (8, 6)), (0, 1, 0, 0.97), "cropped"),
        (((8, 6), (4, 3)), INNER, "cropped"),
    ],
)
def test_what_a_pair_is_called(fitted: Callable[..., Said], sizes: tuple, window: tuple, kind: str) -> None:
    fitted(([0.9], [window]), ([0.9], [window]))
    (pair,) = _refined(range(9), prints(*sizes), np.array([[0, 1, 0]]), np.zeros((1, 4), np.float32), 0.9)
    assert pair == DuplicatePair(1, 3, kind, False, 0.9)


def test_pairs_far_below_the_limit_are_not_read_again(fitted: Callable[..., Said]) -> None:
    said = fitted(([0.86, 0.871, 0.99], [WHOLE] * 3), ([0.95, 1.2], [INNER, WHOLE]))
    pairs = np.array([[0, 1, 0], [1, 2, 1], [2, 0, 0]])
    found = _refined(range(9), prints(*[(8, 6)] * 3), pairs, np.zeros((3, 4), np.float32), 0.9)
    assert found == [
        DuplicatePair(3, 5, "cropped", True, 0.95),
        DuplicatePair(5, 1, "re-encoded", False, 1.0),
    ]
    (small, outer, *sizes), (fine, others, *finer) = said
    assert (sizes, finer) == ([20, 4], [64, 8])
    # Only the mirrored pair is turned, and only its first image.
    assert small[:, 0, :, 0].tolist() == [[0, 1], [101, 100], [200, 201]]
    assert outer[:, 0, :, 0].tolist() == [[100, 101], [200, 201], [0, 1]]
    assert fine[:, 0, :, 0].tolist() == [[4, 3], [5, 6]] and others[:, 0, :, 0].tolist() == [[5, 6], [1, 2]]
    fitted(([0.5], [WHOLE]))
    assert _refined(range(9), prints((8, 6), (8, 6)), pairs[:1], np.zeros((1, 4), np.float32), 0.9) == []


def test_a_file_that_went_away_is_black(fitted: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    def squeezed(path: int, side: int):
        if path == 3:
            raise ImageError("gone")
        return None, np.full((side, side, 3), path, np.uint8)

    monkeypatch.setattr(pixel_decision, "squeezed", squeezed)
    said = fitted(([1], [WHOLE]), ([0], [WHOLE]))
    _refined(range(9), prints((8, 6), (8, 6)), np.array([[0, 1, 0]]), np.zeros((1, 4), np.float32), 0.9)
    inner, outer, *_ = said[1]
    assert inner.shape == outer.shape == (1, 96, 96, 3) and (inner == 1).all() and not outer.any()


def test_only_equal_pixels_are_exact(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "b.bmp")
    Image.fromarray(pixels + 1).save(tmp_path / "c.png")
    paths = [tmp_path / name for name in ("a.png", "b.bmp", "c.png")]
    for pair, kind in (
        (DuplicatePair(0, 1, "re-encoded", False, 0.999), "exact"),
        (DuplicatePair(0, 1, "re-encoded", False, 0.998), "re-encoded"),
        (DuplicatePair(0, 1, "re-encoded", True, 1.0), "re-encoded"),
        (DuplicatePair(0, 2, "re-encoded", False, 1.0), "re-encoded"),
        (DuplicatePair(0, 1, "resized", False, 1.0), "resized"),
        (DuplicatePair(0, 1, "cropped", False, 1.0), "cropped"),
    ):
        assert _kind(paths, pair) == kind


@pytest.mark.parametrize(
    ("limit", "coarse"), [(0.9, [0.86, 0.87, 0.9, 0.99]), (0.8, [0.8, 0.86, 0.87, 0.9, 0.99])]
)
def test_the_best_placement_of_each_pair(monkeypatch: pytest.MonkeyPatch, limit: float, coarse: list) -> None:
    """Both orders of a pair are one pair; fits below the limit and below the coarse one do not count."""
    monkeypatch.setattr(pixel_decision, "_kind", lambda paths, pair: pair.kind)
    monkeypatch.setattr(pixel_decision, "_PAIRS_AT_ONCE", 2)
    fits = np.array([0.99, 0.79, 0.86, 0.8, 0.9, 0.87])
    candidates = np.array([[0, 1, 0], [0, 2, 0], [0, 3, 0], [2, 3, 0], [1, 3, 1], [3, 0, 0]])
    order = np.argsort(candidates[:, 1], kind="stable")
    asked, seen = [], []

    def coarse_fits(pixels: np.ndarray, block: np.ndarray):
        asked.append(block)
        return fits[order], fits[order, None]

    def refined(paths, prints, pairs, windows, refined_limit):
        assert refined_limit == limit and len(pairs) <= 2
        seen.extend(windows[:, 0].tolist())
        return [
            DuplicatePair(a, b, "cropped" if (a, b) == (3, 0) else "resized", bool(m), fit)
            for (a, b, m), (fit,) in zip(pairs.tolist(), windows.tolist(), strict=True)
        ]

    monkeypatch.setattr(pixel_decision, "coarse_fits", coarse_fits)
    monkeypatch.setattr(pixel_decision, "_refined", refined)
    catalog = Catalog.from_table(pd.DataFrame({"path": list("abcd")}), Path())
    found = decided_pairs(catalog, prints(*[(8, 6)] * 4), candidates, limit, False)
    (block,) = asked
    assert block[:, 1].tolist() == [0, 1, 2, 3, 3, 3]
    assert sorted(seen) == coarse
    # At a limit of 0.8 the whole view of images 0 and 3 is kept although the cropped one fits better.
    expected = [DuplicatePair(0, 1, "resized", False, 0.99), DuplicatePair(1, 3, "resized", True, 0.9)]
    if limit == 0.8:
        expected[1:1] = [DuplicatePair(0, 3, "resized", False, 0.86)]
        expected.append(DuplicatePair(2, 3, "resized", False, 0.8))
    assert found == expected
