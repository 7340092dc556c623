"""Pictures of a page as data URIs, each held once, and small enough that the page opens on a phone."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image

from likewise.drawing import Grid, Tile
from likewise.errors import InputError
from likewise.files import digest
from likewise.images import image_size, open_image
from likewise.report.sections import Figure, Picture, Section

LIMIT_BYTES = 600_000
"""Limit per image."""
PAGE_BYTES = 1_350_000
"""Limit for all images of a page before base64 encoding, which adds a third."""
# Longer side in pixels and JPEG quality, from the best to the setting for pages with many images.
_PICTURE_STEPS = ((1800, 88), (1800, 78), (1400, 78), (1100, 70), (900, 60), (600, 60))
_TILE_STEPS = ((512, 85), (400, 82), (320, 78), (256, 75), (200, 70), (150, 65))
_FEW_COLORS = 4096
_WIDE_PX = 640
_WIDE_RATIO = 1.8
_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Inlined:
    """An encoded image.

    Attributes:
        data: Bytes of a PNG or JPEG file.
        width: Width of the image on the page in pixels.
        height: The same.
        wide: Whether it takes the whole width of the page.
        key: Names its content.
    """

    data: bytes
    width: int
    height: int
    wide: bool
    key: str

    @property
    def uri(self) -> str:
        """The image as a data URI."""
        kind = "png" if self.data.startswith(_PNG_START) else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(self.data).decode()}"


class PageImages:
    """All images of a page, encoded so that their total stays within PAGE_BYTES if possible.

    An image that occurs more than once is stored once, in a hidden drawing that the others refer to.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        pictures = [
            picture for section in sections for figure in section.figures for picture in _pictures(figure)
        ]
        for step in range(len(_TILE_STEPS)):
            self._inlined = {id(picture): inlined(picture, step) for picture in pictures}
            sizes = {image.key: len(image.data) for image in self._inlined.values()}
            if sum(sizes.values()) <= PAGE_BYTES:
                break
        self._uses = Counter(self._inlined[id(picture)].key for picture in pictures)

    def of(self, picture: Picture | Tile) -> Inlined:
        """The encoded image."""
        return self._inlined[id(picture)]

    def shared(self, picture: Picture | Tile) -> bool:
        """Whether the image occurs on the page more than once."""
        return self._uses[self.of(picture).key] > 1

    @property
    def repeated(self) -> list[Inlined]:
        """Images that occur more than once, each once."""
        unique = {image.key: image for image in self._inlined.values() if self._uses[image.key] > 1}
        return list(unique.values())


def inlined(picture: Picture | Tile, step: int = 0) -> Inlined:
    """Encode an image: drawings as PNG, photos as JPEG, at most LIMIT_BYTES if quality allows.

    Args:
        picture: The image, or a tile of a grid that has one.
        step: 0 is the best quality; each step more is smaller.

    Raises:
        ImageError: The bytes or the file are not an image.
    """
    source = picture.image
    if step == 0 and isinstance(source, bytes) and _ready(source):
        return _result(picture, source, image_size(source))
    if source is None:
        raise InputError("A tile without an image cannot be put on a page.")
    image = _on_white(source if isinstance(source, Image.Image) else open_image(source))
    steps = (_TILE_STEPS if isinstance(picture, Tile) else _PICTURE_STEPS)[step:]
    if image.getcolors(_FEW_COLORS) is not None and max(image.size) <= steps[0][0]:
        data = _encoded(image, "PNG")
        if len(data) <= LIMIT_BYTES:
            return _result(picture, data, image.size)
    for longest, quality in steps:
        smaller = image.copy()
        smaller.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        data = _encoded(smaller, "JPEG", quality=quality, optimize=True, progressive=True)
        if len(data) <= LIMIT_BYTES:
            break
    return _result(picture, data, smaller.size if isinstance(picture, Tile) else image.size)


def _pictures(figure: Figure) -> Iterable[Picture | Tile]:
    if isinstance(figure, Picture):
        return [figure]
    return [tile for tile in figure.tiles if tile.image is not None] if isinstance(figure, Grid) else []


def _result(picture: Picture | Tile, data: bytes, original: tuple[int, int]) -> Inlined:
    if isinstance(picture, Tile):
        return Inlined(data, *original, False, digest(data))
    width, height = (max(1, round(side / picture.density)) for side in original)
    wide = picture.wide if picture.wide is not None else width > _WIDE_PX or width > _WIDE_RATIO * height
    return Inlined(data, width, height, wide, digest(data))


def _ready(data: bytes) -> bool:
    """Whether the file can be used unchanged: small, and without camera metadata."""
    web_format = data.startswith((_PNG_START, _JPEG_START))
    return web_format and len(data) <= LIMIT_BYTES and b"Exif" not in data[:65536] and b"eXIf" not in data


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
