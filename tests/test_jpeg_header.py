"""The quick header reader says what Pillow says, or nothing."""

import io

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from PIL import Image

from likewise.images import EncodedImage
from likewise.jpeg_header import plain_jpeg_size


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (31, 17), 0).save(stream, format="JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"comment": b"words \xff\xc0"},
        {"icc_profile": b"\xff\xc0" * 9000},
        {"restart_marker_rows": 1},
    ],
)
def test_plain_jpegs(options: dict[str, object]) -> None:
    assert plain_jpeg_size(jpeg(**options)) == (31, 17)


def test_others_are_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert plain_jpeg_size(jpeg(exif=exif)) is None
    assert plain_jpeg_size(jpeg("L")) is None
    assert plain_jpeg_size(jpeg("CMYK")) is None
    assert plain_jpeg_size(b"") is None
    assert plain_jpeg_size(b"\x89PNG") is None


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=4))
def test_damaged_headers_never_give_another_size_than_pillow(place: int, patch: bytes) -> None:
    data = bytearray(jpeg())
    data[place : place + len(patch)] = patch
    size = plain_jpeg_size(bytes(data))
    assume(size is not None)
    assert size is not None
    try:
        assert Image.open(io.BytesIO(bytes(data))).size == size
    except Image.DecompressionBombError:
        assert Image.MAX_IMAGE_PIXELS is not None
        assert size[0] * size[1] > 2 * Image.MAX_IMAGE_PIXELS, "the size that made Pillow refuse"
    except OSError:
        reject()


def test_a_thumbnail_inside_does_not_count() -> None:
    inner = jpeg()
    data = jpeg(comment=inner)
    assert plain_jpeg_size(data) == (31, 17)
    bigger = io.BytesIO()
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(bigger, format="JPEG", comment=inner)
    assert EncodedImage(bigger.getvalue()).size == (50, 40)
