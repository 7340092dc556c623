"""Figures of the demo: which images stand in which line, and what is written beside them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise import Catalog
from likewise.demo import pictures
from likewise.retrieval import Neighbors


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Four images of two classes, and one without a label."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(5):
        Image.new("RGB", (8, 8)).save(root / f"{number}.png")
    return Catalog.from_table(
        pd.DataFrame({"path": [f"{number}.png" for number in range(5)], "label": ["a", "a", "b", "b", ""]}),
        root,
    )


def captions(grid: Any) -> list[list[str]]:
    return [[tile.caption for tile in line] for line in grid.rows]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 3, 5])
def test_some_images_begin_with_one_of_each_class(count: int, seed: int, catalog: Catalog) -> None:
    (line,) = captions(pictures.some_images(catalog, count, seed))
    assert len(line) == count and len(set(line[:3])) == min(count, 3) and set(line) <= {"a", "b", ""}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 2, 6])
def test_searches_show_hits_with_their_distances_and_whether_they_are_right(
    count: int, seed: int, catalog: Catalog
) -> None:
    order = np.array([[other for other in range(5) if other != row] for row in range(5)])
    grid = pictures.searches(catalog, Neighbors(order, order / 10), seed, count)
    assert len(grid.rows) == (min(count, 5)), "one for each class only where there are enough classes"
    for line in grid.rows:
        query, *hits = line
        assert len(hits) == 4 and query.mark == "?" and query.border == pictures.QUERY
        label = query.caption.removeprefix("query").removeprefix(": ")
        for hit in hits:
            name, distance = hit.caption.split()
            assert float(distance) in (0.0, 0.1, 0.2, 0.3, 0.4)
            judged = bool(label) and name in ("a", "b")
            assert (hit.border is not None) == judged
            if judged:
                assert (hit.mark == "\u2713") == (name == label)


def test_every_changed_search_has_two_lines_and_one_title() -> None:
    image = Image.new("RGB", (8, 8))
    examples = [
        SimpleNamespace(
            label=label, query=(image, image), neighbors=([image] * 2, [image] * 2),
            neighbor_labels=([label, "x"], ["x", "y"]),
        )
        for label in ("a", "b", "c")
    ]  # fmt: skip
    audit: Any = SimpleNamespace(examples=examples, model="net")
    grid: Any = pictures.changed_results(audit, 2)
    assert captions(grid) == [
        ["original", "a", "x"], ["background replaced", "x", "y"], ["original", "b", "x"],
        ["background replaced", "x", "y"],
    ]  # fmt: skip
    assert list(grid.row_titles) == ["a", "", "b", ""]
    rights = [[tile.border == grid.rows[0][1].border for tile in line[1:]] for line in grid.rows]
    assert rights == [[True, False], [False, False]] * 2
    assert grid.caption == "The searches of net that change most when the background is replaced."
    assert pictures.changed_results(SimpleNamespace(examples=[], model="net"), 2) is None  # type: ignore[arg-type]


def test_twins_stand_three_pairs_to_a_line(catalog: Catalog) -> None:
    pairs = [(0, 1, 0.01), (2, 3, 0.02), (1, 2, 0.03), (3, 4, 0.04)]
    assert captions(pictures.twins(catalog.paths, pairs)) == [
        ["0.png", "1.png 0.010", "2.png", "3.png 0.020", "1.png", "2.png 0.030"], ["3.png", "4.png 0.040"],
    ]  # fmt: skip
