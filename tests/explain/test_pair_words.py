"""An explanation in words: every kind and every outcome of its check, from numbers written by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.explain.pair_types import LevelPart, PairExplanation, Side
from likewise.explain.pair_words import pair_paragraphs, pair_words, picture_words, printed_table
from likewise.explain.perturbation import Faithfulness

FIELDS = np.zeros((1, 2))


def side(name: str, named: float | None = None) -> Side:
    check = None if named is None else Faithfulness(0.2, named, [0.1 * number for number in range(10)])
    return Side(name, Image.new("RGB", (8, 8)), FIELDS, FIELDS, FIELDS, FIELDS, check)


def pair(kind: str, named: float | None = None, **fields: object) -> PairExplanation:
    table = pd.DataFrame(
        {"image": ["a"], "row": [0], "column": [1], "similarity": [0.5], "distance": [0.2], "contrast": [0.1]}
    )
    similarity = None if kind == "nodes" else 0.75
    return replace(
        PairExplanation(side("a.jpg", named), side("b.jpg"), "birds", 0.5, "cosine", similarity, kind, table),  # type: ignore[arg-type]
        **fields,  # type: ignore[arg-type]
    )


def test_positions_are_a_sum() -> None:
    words = pair_words(pair("positions", completeness=2e-7))
    assert words.startswith("The cosine distance of a.jpg and b.jpg is 0.5 according to birds. Their cosine")
    assert "0.750" in words and "differ by 2.0e-07" in words and "Hiding" not in words


def test_each_check_is_a_paragraph() -> None:
    checked = pair("positions", 0.95, b=side("b.jpg", 0.95))
    whole, *checks = pair_paragraphs(checked)
    assert whole.endswith("over the locations of both images.")
    assert [text.split(" that ")[0] for text in checks] == [
        "Hiding the 20 % of a.jpg",
        "Hiding the 20 % of b.jpg",
    ]
    assert pair_words(checked) == " ".join([whole, *checks])
    assert len(pair_paragraphs(pair("positions"))) == 1


def test_nodes_name_the_level_and_the_node_that_contribute_most() -> None:
    levels = [LevelPart(level, part, (1, 2), []) for level, part in ((3, 0.1), (2, 0.3), (1, 0.1))]
    table = pd.DataFrame({"level": [2, 3], "node": [7, 1], "contribution": [0.2, 0.1], "share": [0.4, 0.2]})
    words = pair_words(pair("nodes", table=table, levels=levels))
    assert (
        "The AVSL distance" in words
        and "2 nodes of 3 levels. Level 2 contributes 60 % of it, node 2:7 40 %." in words
    )


def test_hidden_places_are_no_sum() -> None:
    words = pair_words(pair("hiding"))
    assert "was estimated by hiding" in words and "do not add up" in words and "rounding" not in words


@pytest.mark.parametrize(
    ("named", "holds"), [(0.95, True), (0.85, True), (0.75, False), (0.0, False), (-0.3, False)]
)
def test_the_check_holds_where_nine_of_ten_random_choices_do_less(named: float, holds: bool) -> None:
    words = pair_words(pair("positions", named))
    assert ("The explanation holds." in words) == holds
    assert ("do not rely on the explanation" in words) == (not holds)
    assert (
        f"Hiding the 20 % of a.jpg that matters most according to the explanation changes the distance by {named:+.3g}"
        in words
    )
    assert "changes it by +0.45 on average" in words and words.count("matters most") == 1


@pytest.mark.parametrize(
    ("kind", "matches", "passes", "first", "columns"),
    [
        ("hiding", [], 0, "the image as the model sees it", 2),
        ("positions", ["match"], 0, "locations with the same number match", 4),
        ("positions", [], 0, "the image as the model sees it", 4),
        ("nodes", [], 0, "the image as the model sees it", 4),
        ("tokens", ["match"], 0, "locations with the same number match", 3),
        ("tokens", [], 12, "the image as the model sees it", 4),
    ],
)
def test_every_column_of_the_picture_is_explained(
    kind: str, matches: list[str], passes: int, first: str, columns: int
) -> None:
    captions = picture_words(pair(kind, matches=matches, passes=passes))
    assert captions[0] == first and len(captions) == columns
    assert any("hiding this location" in caption for caption in captions) == (kind == "hiding" or passes > 0)


def test_printed_columns_say_what_they_hold() -> None:
    exact, hidden = printed_table(pair("positions"), 5), printed_table(pair("hiding"), 5)
    assert exact[["adds to similarity", "adds to distance", "above the average"]].iloc[0].tolist() == [
        0.5,
        0.2,
        0.1,
    ]
    assert hidden["increase of the distance if hidden"].tolist() == [0.5]
    assert not {"distance", "contrast", "adds to distance"} & set(hidden.columns)
