"""The search sheet: a row for each query, hits judged by class or by threshold."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.drawing import QUERY, RIGHT, WRONG
from likewise.errors import InputError
from likewise.retrieval import Hit, Searched, SearchResult, search_sheet


def hit(path: Path | None, rank: int, label: str, same: bool | None) -> Hit:
    return Hit(rank, f"{rank}.png", label, rank / 10, same, None if path is None else str(path), "", {})


def has(picture: Image.Image, color: tuple[int, int, int]) -> bool:
    return bool((np.asarray(picture) == color).all(axis=2).any())


def test_hits_are_judged_by_class_and_else_by_threshold(pictures: Path) -> None:
    hits = [hit(pictures / "1.png", 1, "a", False), hit(pictures / "2.png", 2, "a", False)]
    result = SearchResult(hits, 20, 0.05, True)
    by_class = search_sheet([Searched(pictures / "0.png", result, "a")])
    assert has(by_class, QUERY)
    assert has(by_class, RIGHT)
    assert not has(by_class, WRONG)
    by_threshold = search_sheet([Searched(Image.open(pictures / "0.png"), result)])
    assert has(by_threshold, WRONG)
    assert not has(by_threshold, RIGHT)
    unknown = [hit(pictures / "1.png", 1, "", None)]
    open_question = search_sheet([Searched(pictures / "0.png", SearchResult(unknown, 20, None, True))])
    assert not has(open_question, RIGHT)
    assert not has(open_question, WRONG)


def test_every_search_is_a_row_and_lost_pictures_leave_a_gap(pictures: Path) -> None:
    result = SearchResult([hit(None, 1, "a", None), hit(pictures / "gone.png", 2, "b", None)], 2, None, False)
    one = search_sheet([Searched(pictures / "0.png", result)])
    two = search_sheet([Searched(pictures / "0.png", result)] * 2)
    assert two.width == one.width
    assert two.height > 1.8 * one.height - 60
    with pytest.raises(InputError, match="at least one search"):
        search_sheet([])
