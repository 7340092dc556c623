"""From any pixel format (palette, CMYK, alpha, 16-bit, ...) to 8-bit RGB or grey, without clipping.

For :mod:`likewise.images`, which opens the files.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.errors import ImageError

# Rows are converted in strips of about this many pixels, so that the copies in between stay small.
_STRIP_PIXELS = 1_000_000
_EIGHT_BIT_MAX = 255


def rgb(image: Image.Image, name: str) -> Image.Image:
    """``image`` as 8-bit RGB; transparent parts are laid on white. ``name`` is for messages."""
    _refuse_small_numbers(image, name)
    image = _eight_bit(image, name)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    result = Image.new("RGB", image.size)
    for top, strip in _strips(image):
        layer = strip.convert("LA").convert("RGBA") if strip.mode == "La" else strip.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        result.paste(Image.alpha_composite(white, layer).convert("RGB"), (0, top))
    return result


def as_array(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an 8-bit RGB or grey image: (H, W, 3) or (H, W), writable; needs no second copy in between."""
    shape = (image.height, image.width, 3) if image.mode == "RGB" else (image.height, image.width)
    result = np.empty(shape, np.uint8)
    for top, strip in _strips(image):
        result[top : top + strip.height] = np.asarray(strip)
    return result


def grey(image: Image.Image, name: str) -> Image.Image:
    """``image`` as one 8-bit grey channel; refused where parts are transparent. ``name`` is for messages."""
    image = _eight_bit(image, name)
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ImageError(
            f"The mask {name} has transparent parts: save it as plain grey, white where the object is."
        )
    return image if image.mode == "L" else image.convert("RGB").convert("L")


def _is_sixteen_bit(image: Image.Image) -> bool:
    return image.mode == "I" or image.mode.startswith("I;16")


def _refuse_small_numbers(image: Image.Image, name: str) -> None:
    """Refuse 8-bit values in a 16-bit image, which would be black; ``Image.convert("I")`` makes such images."""
    if not _is_sixteen_bit(image):
        return
    most = max((int(np.asarray(strip).max(initial=0)) for _, strip in _strips(image)), default=0)
    if 0 < most <= _EIGHT_BIT_MAX:
        raise ImageError(
            f"{name} has 16 bits per channel, but no value above {most}, so all of it would be black: save it with 8 "
            "bits per channel, or use the whole range up to 65535."
        )


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    if _is_sixteen_bit(image):
        result = Image.new("L", image.size)
        for top, strip in _strips(image):
            values = np.asarray(strip)
            if values.size and (values.min() < 0 or values.max() > 65535):
                raise ImageError(
                    f"{name} contains 32-bit numbers, not an image: save it with 8 or 16 bits per channel."
                )
            # 65535 / 257 = 255: both ends of the range are preserved.
            small = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
            result.paste(Image.fromarray(small), (0, top))
        return result
    if image.mode == "F":
        raise ImageError(
            f"{name} contains floating-point numbers, not an image: save it with 8 or 16 bits per channel."
        )
    return image


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Top row and pixels of each strip of ``image``."""
    rows = max(1, _STRIP_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))
