"""Pictures as data URIs, small enough that a page with many of them still opens on a phone."""

import base64
import io
from dataclasses import dataclass

from PIL import Image

from likewise.images import image_size, open_image
from likewise.report.sections import Picture

LIMIT_BYTES = 600_000
_STEPS = ((1800, 88), (1800, 78), (1400, 78), (1100, 70), (900, 60))  # longer side in pixels, JPEG quality
_FEW_COLORS = 4096
_WIDE_PX = 640
_WIDE_RATIO = 1.8
_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Inlined:
    """A picture ready for the page: its data, its size on it in pixels, and whether it takes the whole width."""

    uri: str
    width: int
    height: int
    wide: bool


def inlined(picture: Picture) -> Inlined:
    """Encode a picture: drawings as PNG, photos as JPEG, at most LIMIT_BYTES where quality allows.

    Raises:
        ImageError: The bytes or the file are no image.
    """
    if isinstance(picture.image, bytes) and _ready(picture.image):
        kind = "png" if picture.image.startswith(_PNG_START) else "jpeg"
        return _result(picture, picture.image, kind, image_size(picture.image))
    image = picture.image if isinstance(picture.image, Image.Image) else open_image(picture.image)
    image = _on_white(image)
    if image.getcolors(_FEW_COLORS) is not None and max(image.size) <= _STEPS[0][0]:
        data = _encoded(image, "PNG")
        if len(data) <= LIMIT_BYTES:
            return _result(picture, data, "png", image.size)
    for longest, quality in _STEPS:
        smaller = image.copy()
        smaller.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        data = _encoded(smaller, "JPEG", quality=quality, optimize=True, progressive=True)
        if len(data) <= LIMIT_BYTES:
            break
    return _result(picture, data, "jpeg", image.size)


def _result(picture: Picture, data: bytes, kind: str, original: tuple[int, int]) -> Inlined:
    width, height = (max(1, round(side / picture.density)) for side in original)
    wide = picture.wide if picture.wide is not None else width > _WIDE_PX or width > _WIDE_RATIO * height
    return Inlined(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", width, height, wide)


def _ready(data: bytes) -> bool:
    """Whether the file can stand on the page as it is: small, and without what a camera writes into it."""
    known = data.startswith((_PNG_START, _JPEG_START))
    return known and len(data) <= LIMIT_BYTES and b"Exif" not in data[:65536] and b"eXIf" not in data


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer).convert("RGB")


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()
