"""Captions of the columns of an explanation, for every kind of pair."""

from types import SimpleNamespace
from typing import Any

import pytest

from likewise.explain.pair_words import picture_words


@pytest.mark.parametrize(
    ("kind", "matches", "passes", "first", "columns"),
    [
        ("hiding", [], 0, "the image as the model sees it", 2),
        ("parts", ["match"], 0, "locations with the same number match", 4),
        ("parts", [], 0, "the image as the model sees it", 4),
        ("tokens", ["match"], 0, "locations with the same number match", 3),
        ("tokens", [], 12, "the image as the model sees it", 4),
    ],
)
def test_every_column_has_a_caption(
    kind: str, matches: list[str], passes: int, first: str, columns: int
) -> None:
    pair: Any = SimpleNamespace(kind=kind, matches=matches, passes=passes)
    captions = picture_words(pair)
    assert captions[0] == first and len(captions) == columns
    assert any("hiding this location" in caption for caption in captions) == (kind == "hiding" or passes > 0)
