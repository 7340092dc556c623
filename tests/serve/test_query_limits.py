"""How much one query may hold, and that it must hold something to search for."""

from types import SimpleNamespace
from typing import Any

import pytest

from likewise.errors import InputError
from likewise.serve.query_images import Upload
from likewise.serve.requests import Query
from likewise.serve.searching import Searcher
from likewise.serve.settings import Settings

MOST = 3
UPLOAD = Upload("a.png", b"data")


def check(query: dict[str, Any], uploads: int = 0, ids: int = 0) -> None:
    images: Any = SimpleNamespace()
    Searcher(Settings(images=MOST), images, None)._check(Query(**query), [UPLOAD] * uploads, ["x"] * ids)


@pytest.mark.parametrize(
    ("query", "uploads", "ids", "words"),
    [
        ({}, MOST + 1, 0, "has 4 images"),
        ({}, 0, MOST + 1, "has 4 ids"),
        ({"text": ["a"] * (MOST + 1)}, 0, 0, "has 4 texts"),
        ({"text": "a", "without": ["b"] * MOST}, 0, 0, "has 4 texts"),
        ({"text": ["a"] * 2, "without": ["b"] * 2}, 1, 1, "has 4 texts"),
        ({}, 0, 0, "nothing to search for"),
        ({"without": ["a"]}, 0, 0, "nothing to search for"),
        ({"unlike": ["a"]}, 0, 0, "nothing to search for"),
        ({"text": "a", "mask": "object"}, 0, 0, "are for one image"),
        ({"region": (0, 0, 1, 1)}, 0, 2, "are for one image"),
    ],
)
def test_too_much_or_nothing_is_refused(query: dict[str, Any], uploads: int, ids: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(query, uploads, ids)


@pytest.mark.parametrize(
    ("query", "uploads", "ids"),
    [
        ({}, MOST, MOST),
        ({"text": ["a"] * 2, "without": "b"}, MOST, 0),
        ({"mask": "object"}, 1, 0),
        ({"text": "a"}, 0, 0),
    ],
)
def test_the_limit_itself_is_allowed(query: dict[str, Any], uploads: int, ids: int) -> None:
    check(query, uploads, ids)
