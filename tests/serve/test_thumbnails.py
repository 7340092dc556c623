"""Thumbnails belong to the content of an image: no other image, size or time answers with them."""

import io
from typing import Any

import pytest
from PIL import Image

from likewise.image_limits import Limits
from likewise.retrieval.index.schema import DIGEST, TIME
from likewise.serve import thumbnails
from likewise.serve.thumbnails import Thumbnails


class _Index:
    """An index whose images are of one colour each."""

    def __init__(self, rows: dict[str, dict[str, Any]], colors: dict[str, int]) -> None:
        self.rows, self.colors, self.decoded = rows, colors, 0

    def row(self, image_id: str) -> dict[str, Any]:
        return {"id": image_id, **self.rows[image_id]}

    def image(self, row: dict[str, Any], limits: Limits) -> bytes:
        self.decoded += 1
        stream = io.BytesIO()
        Image.new("RGB", (200, 100), (self.colors[row["id"]],) * 3).save(stream, "PNG")
        return stream.getvalue()


def shown(thumbs: Thumbnails, index: Any, image_id: str, size: int = 64) -> tuple[str, tuple[int, int], int]:
    """ETag, size and grey value of a thumbnail."""
    tag, data = thumbs.get(index, image_id, size, "")
    assert data is not None
    image = Image.open(io.BytesIO(data)).convert("L")
    return tag, image.size, image.getpixel((0, 0))


@pytest.mark.parametrize("digests", [{}, {"a": "1", "b": "2"}], ids=["without digests", "with digests"])
def test_each_image_has_its_own(digests: dict[str, str]) -> None:
    rows = {name: {TIME: 7, **({DIGEST: digests[name]} if digests else {})} for name in "ab"}
    index, thumbs = _Index(rows, {"a": 10, "b": 200}), Thumbnails(Limits())
    first, second = shown(thumbs, index, "a"), shown(thumbs, index, "b")
    assert first[0] != second[0] and abs(first[2] - 10) < 3 and abs(second[2] - 200) < 3
    assert first[1] == (64, 32)


def test_another_size_or_time_is_another_thumbnail() -> None:
    rows = {"a": {TIME: 7}}
    index, thumbs = _Index(rows, {"a": 10}), Thumbnails(Limits())
    small, large = shown(thumbs, index, "a", 64), shown(thumbs, index, "a", 128)
    assert small[0] != large[0] and (small[1], large[1]) == ((64, 32), (128, 64))
    rows["a"][TIME], index.colors["a"] = 8, 200
    changed = shown(thumbs, index, "a", 64)
    assert changed[0] != small[0] and abs(changed[2] - 200) < 3


def test_what_the_client_holds_is_not_sent_and_what_was_made_is_not_made_again() -> None:
    index, thumbs = _Index({"a": {TIME: 7}}, {"a": 10}), Thumbnails(Limits())
    fake: Any = index
    tag, first = thumbs.get(fake, "a", 64, "")
    assert thumbs.get(fake, "a", 64, tag) == (tag, None)
    assert thumbs.get(fake, "a", 64, "other") == (tag, first) and index.decoded == 1


def test_the_thumbnails_used_last_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    index = _Index({name: {TIME: 7} for name in "abc"}, {"a": 10, "b": 100, "c": 200})
    fake: Any = index
    thumbs = Thumbnails(Limits())
    size = len(thumbs.get(fake, "a", 64, "")[1] or b"")
    monkeypatch.setattr(thumbnails, "_MOST_BYTES", int(2.5 * size))
    for name in ("b", "a", "c"):
        thumbs.get(fake, name, 64, "")
    decoded = index.decoded
    for name in ("a", "c"):
        thumbs.get(fake, name, 64, "")
    assert index.decoded == decoded == 3
    thumbs.get(fake, "b", 64, "")
    assert index.decoded == 4
