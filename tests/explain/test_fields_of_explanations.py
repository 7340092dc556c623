"""Every field of an explanation reaches its JSON, its words and its figures: no two of them are equal here."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.avsl.node_drawing import level_grids
from likewise.avsl.nodes import LevelPart, LinkedNode, NodeGraph, NodeLink, NodePicture
from likewise.drawing import signed_overlay
from likewise.explain.pair_drawing import pair_grid
from likewise.explain.pair_types import Match, PairExplanation, Side
from likewise.explain.perturbation import Faithfulness


def side(name: str, start: int, color: str) -> Side:
    maps = [np.arange(start + 4 * number, start + 4 * number + 4.0).reshape(2, 2) for number in range(5)]
    check = Faithfulness(0.01 * start, 0.02 * start, [0.001 * start, 0.5 * start, 0.003 * start])
    image = Image.new("RGB", (40, 40), color)
    return Side(name, image, *maps[:4], check, {"class token": start + 0.5}, maps[4])


NODE = NodePicture(1, 3, 0.2, 0.1, (np.zeros((2, 2)), np.zeros((2, 2))), "apart")
LOWER, HIGHER = LinkedNode(0, 5, 0.31, 0.32), LinkedNode(1, 6, 0.33, 0.34)
PAIR = PairExplanation(
    side("a.jpg", 1, "white"), side("b.jpg", 30, "black"), "birds", 0.8, "cosine", 0.6, "tokens",
    pd.DataFrame({"image": ["a", "b", "a"], "row": [0, 1, 2], "similarity": [0.3, 0.2, 0.1]}),
    [Match((0, 1, 20, 21), (5, 6, 25, 26), 0.41), Match((1, 2, 3, 4), (7, 8, 9, 10), 0.42)], 0.05, 1e-6,
    [LevelPart(1, 0.5, (2, 3), [NODE])], NodeGraph([HIGHER, LOWER], [NodeLink(LOWER, HIGHER, 0.7)]), "why", 7,
)  # fmt: skip


def test_every_number_of_a_pair_is_in_its_json() -> None:
    found = dict(PAIR.to_dict(2))
    assert found.pop("words") == PAIR.words
    for name in ("similarity_map", "distance_map", "refined_map", "standard_errors"):
        expected = {"a": getattr(PAIR.a, name).tolist(), "b": getattr(PAIR.b, name).tolist()}
        assert found.pop(name) == expected
    assert found == {
        "a": "a.jpg", "b": "b.jpg", "model": "birds", "distance": 0.8, "distance_name": "cosine",
        "similarity": 0.6, "kind": "tokens", "rest": 0.05, "inexact_reason": "why", "completeness": 1e-6, "passes": 7,
        "unlocated": {"a": {"class token": 1.5}, "b": {"class token": 30.5}},
        "faithfulness": {
            "a": {"share": 0.01, "named": 0.02, "random": pytest.approx(0.168), "win_rate": pytest.approx(2 / 3)},
            "b": {"share": 0.3, "named": 0.6, "random": pytest.approx(5.04), "win_rate": pytest.approx(2 / 3)},
        },
        "matches": [
            {"box_a": (0, 1, 20, 21), "box_b": (5, 6, 25, 26), "similarity": 0.41},
            {"box_a": (1, 2, 3, 4), "box_b": (7, 8, 9, 10), "similarity": 0.42},
        ],
        "levels": [{"level": 1, "contribution": 0.5, "grid": [2, 3]}],
        "links": [{"lower": "0:5", "higher": "1:6", "flow": 0.7}],
        "parts": [{"image": "a", "row": 0, "similarity": 0.3}, {"image": "b", "row": 1, "similarity": 0.2}],
    }  # fmt: skip
    assert len(PAIR.to_dict()["parts"]) == 3


def test_the_words_of_tokens_name_what_each_image_contributes() -> None:
    located = (PAIR.a.similarity_map.sum(), PAIR.b.similarity_map.sum())
    assert "similarity is 0.600." in PAIR.words
    assert f"contribute {located[0]:.3f} of it in a.jpg and {located[1]:.3f} in b.jpg." in PAIR.words


def test_heatmaps_share_one_scale() -> None:
    largest = PAIR.b.similarity_map.max()
    np.testing.assert_allclose(PAIR.heatmap_a, PAIR.a.similarity_map / largest)
    np.testing.assert_allclose(PAIR.heatmap_b, PAIR.b.similarity_map / largest)


def test_each_row_and_tile_shows_its_own_image() -> None:
    grid, levels = pair_grid(PAIR), PAIR.level_grids()
    assert grid.row_titles == ["a.jpg", "b.jpg"]
    assert ["similarity 0.600" in grid.title, "1e-06" in grid.title] == [True, True]
    for row, each, shared in zip(grid.rows, (PAIR.a, PAIR.b), (PAIR.heatmap_a, PAIR.heatmap_b), strict=True):
        maps = (
            shared,
            each.refined_map / PAIR.b.refined_map.max(),
            each.contrast_map / PAIR.b.contrast_map.max(),
        )
        for tile, values in zip(row[1:], maps, strict=True):
            assert tile is not None
            assert np.array_equal(np.asarray(tile.image), np.asarray(signed_overlay(each.image, values)))
        assert row[0] is not None
        assert np.asarray(row[0].image)[-1, -1].tolist() == np.asarray(each.image)[-1, -1].tolist()
    assert [row[1].caption for row in grid.rows if row[1]] == [
        "red: shared with b.jpg",
        "red: shared with a.jpg",
    ]
    (expected,) = level_grids(PAIR.levels, 0.8, (PAIR.a.image, PAIR.b.image))
    assert (levels[0].title, levels[0].row_titles) == (expected.title, expected.row_titles)
    shades = [np.asarray(tile.image).mean() for tile in levels[0].rows[0] if tile]
    assert shades[0] > 200 > 50 > shades[1]
