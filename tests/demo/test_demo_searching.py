"""Twins, pairs to explain and evidence on the object, from searches written by hand."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog, Preprocessing
from likewise.demo import searching
from likewise.demo.inputs import MOST, DemoImages, _drawn
from likewise.demo.searching import Search, _on_object, alike_pairs, explain_some, find_twins
from likewise.retrieval import Neighbors, RetrievalResult


@dataclass(frozen=True)
class Side:
    """Stands for one side of an explained pair."""

    name: str
    refined_map: np.ndarray


@dataclass(frozen=True)
class PairExplanation:
    """Stands for an explained pair."""

    a: Side
    b: Side


def search(
    folder: Path,
    labels: str,
    first: list[int],
    counted: bool = True,
    contents: str = "",
    distances: Any = None,
) -> Search:
    """Images whose first hit is ``first``; those with the same letter in ``contents`` are the same file."""
    names = [f"{number}.png" for number in range(len(labels))]
    for name, content in zip(names, contents or map(str, range(len(labels))), strict=True):
        (folder / name).write_text(content)
    table = pd.DataFrame({"path": names, "label": [label.strip() for label in labels]})
    rows = np.array(first)[:, None] if np.ndim(first) == 1 else np.array(first)
    found = Neighbors(rows, np.ones(rows.shape) if distances is None else np.array(distances, float))
    nothing = RetrievalResult(np.array([]), np.array([], int), {}, 0)
    return Search(Catalog.from_table(table, folder), found, nothing if counted else None, [], folder)


@pytest.mark.parametrize("seed", range(5))
def test_pairs_to_explain_are_right_hits_of_different_classes(tmp_path: Path, seed: int) -> None:
    found = search(tmp_path, "aaabbbcc ", [1, 0, 3, 4, 5, 3, 0, 6, 0])
    pairs = alike_pairs(found, 5, seed)
    assert sorted("aaabbbcc"[row] for row, _ in pairs) == ["a", "b", "c"]
    assert all((row, found.neighbors.indices[row, 0]) == pair for pair in pairs for row in [pair[0]])
    assert not {2, 6, 8} & {row for row, _ in pairs}, "wrong hits, and what has no label"
    assert len(alike_pairs(found, 2, seed)) == 2


@pytest.mark.parametrize("masked", [0, 1, 2, 4])
def test_evidence_is_the_mean_over_the_images_that_have_a_mask(
    masked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = search(tmp_path, "aabb", [1, 0, 3, 2])
    table = images.catalog.table.assign(mask=["m.png"] * masked + [""] * (4 - masked))
    (tmp_path / "m.png").touch()
    images = replace(images, catalog=Catalog.from_table(table, tmp_path))
    explained = []

    def explain(first: Path, second: Path, *, check: bool) -> PairExplanation:
        explained.append((first.name, second.name, check))
        sides = [Side(name, np.full((2, 2), int(name[0]))) for name in (first.name, second.name)]
        return PairExplanation(*sides)

    monkeypatch.setattr(searching, "_on_object", lambda evidence, mask, chosen: (0.1 * evidence.max(), 0.5))
    chosen: Any = SimpleNamespace(model=SimpleNamespace(explain=explain))
    evidence = explain_some(chosen, images, 0)
    names = {name for pair in explained for name in pair[:2]}
    assert names == {"0.png", "1.png", "2.png", "3.png"} and not any(check for *_, check in explained)
    assert [side.name for pair in evidence.pairs for side in (pair.a, pair.b)] == [
        "aabb"[int(name[0])] for pair in explained for name in pair[:2]
    ]
    assert evidence.images == masked
    if masked:
        assert evidence.share == pytest.approx(0.1 * np.mean(range(masked))) and evidence.covered == 0.5
    else:
        assert np.isnan(evidence.share) and np.isnan(evidence.covered)


def test_without_labels_any_pair_is_explained(tmp_path: Path) -> None:
    found = search(tmp_path, "    ", [1, 0, 3, 2], counted=False)
    assert sorted(alike_pairs(found, 10, 0)) == [(0, 1), (1, 0), (2, 3), (3, 2)]


def test_twins_are_files_of_one_content_and_near_pairs_are_others_nearest_first(tmp_path: Path) -> None:
    found = search(
        tmp_path, "aabbb", [[1, 2], [0, 2], [3, 0], [2, 4], [3, 2]], contents="xxyzw",
        distances=[[0.0, 0.5], [0.0, 0.4], [0.2, 0.5], [0.2, 0.3], [0.3, 0.9]],
    )  # fmt: skip
    twins = find_twins(found, 3)
    assert twins.same == [(0, 1)]
    assert twins.near == [(2, 3, 0.2), (3, 4, 0.3), (0, 2, 0.4)], (
        "the copy counts as its first, each pair once"
    )
    assert find_twins(found, 1).near == [(2, 3, 0.2)]


@pytest.mark.parametrize(("evidence", "share"), [
    ([[1, 0], [1, 0]], 1.0), ([[0, 1], [0, 1]], 0.0), ([[1, 1], [1, 1]], 0.5), ([[3, 1], [3, 1]], 0.75),
    ([[1, -5], [1, -5]], 1.0), ([[0, 0], [0, 0]], 0.0),
])  # fmt: skip
def test_evidence_on_the_object_is_a_share_of_what_is_positive(
    tmp_path: Path, evidence: list[list[int]], share: float
) -> None:
    mask = np.zeros((128, 128), np.uint8)
    mask[:, :64] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    preprocessing = Preprocessing(resize_px=64, crop_px=64)
    chosen: Any = SimpleNamespace(model=SimpleNamespace(preprocessing=preprocessing))
    wide = np.kron(np.array(evidence, float), np.ones((32, 32)))  # so fine that nothing bleeds over the edge
    found, covered = _on_object(wide, tmp_path / "mask.png", chosen)
    assert covered == 0.5 and found == pytest.approx(share)


def test_the_mask_is_seen_as_the_model_sees_the_photo(tmp_path: Path) -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[:, :50] = 255  # outside of the centre crop
    Image.fromarray(mask).save(tmp_path / "mask.png")
    chosen: Any = SimpleNamespace(
        model=SimpleNamespace(preprocessing=Preprocessing(resize_px=50, crop_px=50))
    )
    assert _on_object(np.ones((50, 50)), tmp_path / "mask.png", chosen) == (0.0, 0.0)


@pytest.mark.parametrize(("labels", "labelled", "words"), [
    ("aabb", True, ""), ("aab", True, ""), ("aa", False, "belong to one class"), ("abc", False, "a single photo"),
    ("  ", False, "no labels"), ("aa ", False, "belong to one class"),
])  # fmt: skip
def test_hits_are_counted_where_there_is_something_to_count(labels: str, labelled: bool, words: str) -> None:
    table = pd.DataFrame(
        {"path": [f"{n}.png" for n in range(len(labels))], "label": [each.strip() for each in labels]}
    )
    images = DemoImages(Catalog.from_table(table, "."), own_photos=True)
    assert (
        images.labelled == labelled
        and words in images.why_not_counted
        and bool(images.why_not_counted) != labelled
    )


def test_too_many_images_are_drawn_by_whole_classes() -> None:
    labels = [f"class {number % 40:02d}" for number in range(2 * MOST)]
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(2 * MOST)], "label": labels})
    rows = _drawn(Catalog.from_table(table, "."), 0)
    assert len(rows) == MOST and (np.diff(rows) > 0).all()
    counts = pd.Series(np.array(labels)[rows]).value_counts()
    assert len(counts) == 20 and (counts == 50).all()
    assert rows.tolist() != _drawn(Catalog.from_table(table, "."), 1).tolist()
