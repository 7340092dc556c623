"""Uploaded images as rows of an index: each field in its column, each content once on the disk."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from served import encoded, picture

from likewise.errors import CatalogError, InputError
from likewise.files import content_digest, digest
from likewise.serve.adding import NewImage, _check_names, _entries
from likewise.serve.problems import ConflictError
from likewise.serve.query_images import Upload

FIRST, SECOND = encoded(picture(1)), encoded(picture(2), "JPEG")


@pytest.fixture
def served(tmp_path: Path) -> Any:
    return SimpleNamespace(path=str(tmp_path / "p.index"), state=tmp_path / "p.index.serve")


def test_each_field_stands_in_its_column(served: Any) -> None:
    images = [
        NewImage(
            Upload("a.png", FIRST), id="a", label="mug", split="test", properties={"price": "3", "new": "yes"}
        ),
        NewImage(Upload("../b.jpg", SECOND), label="cup", properties={"price": "4"}),
        NewImage(Upload("c.png", FIRST), id="c"),
    ]
    entries = _entries(served, images)
    assert entries.ids == ["a", f"uploads/{digest(SECOND)}", "c"]
    assert entries.labels == ["mug", "cup", ""] and entries.splits == ["test", "", ""]
    assert entries.properties.to_dict("list") == {"new": ["yes", None, None], "price": ["3", "4", None]}
    files = [Path(str(path)) for path in entries.paths]
    assert [file.read_bytes() for file in files] == [FIRST, SECOND, FIRST]
    assert files[0] == files[2] and [file.suffix for file in files[:2]] == [".png", ".jpeg"]
    assert sorted(file.name for file in (served.state / "images").iterdir()) == sorted(
        {file.name for file in files}
    )
    assert [record.digest for record in entries.records if record] == [content_digest(file) for file in files]
    assert entries.masks == entries.mask_ways == [None] * 3


@pytest.mark.parametrize("name", ["id", "a.b", "_hidden", "vector", "\x00"])
def test_names_that_no_property_can_have_are_refused(name: str, served: Any) -> None:
    with pytest.raises(CatalogError, match="cannot be the name of a property: use a word such as 'price'"):
        _entries(served, [NewImage(Upload("a.png", FIRST), properties={name: "x"})])


def test_ids_are_words_that_occur_once() -> None:
    _check_names(
        [NewImage(Upload("a", FIRST)), NewImage(Upload("b", SECOND)), NewImage(Upload("c", FIRST), id="c")]
    )
    for name in ("\x1b[31m", "a" * 1001):
        with pytest.raises(InputError, match="cannot be an id"):
            _check_names([NewImage(Upload("a", FIRST), id=name)])
    with pytest.raises(ConflictError, match="occurs twice in the request"):
        _check_names([NewImage(Upload("a", FIRST)), NewImage(Upload("b", FIRST))])
