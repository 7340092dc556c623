"""From any pixel format (palette, CMYK, alpha, 16-bit, ...) to 8-bit RGB or grey, without clipping.

For :mod:`likewise.images`, which opens the files.
"""

import numpy as np
from PIL import Image

from likewise.errors import ImageError


def rgb(image: Image.Image, name: str) -> Image.Image:
    """``image`` as 8-bit RGB; transparent parts are laid on white. ``name`` is for messages."""
    image = _eight_bit(image, name)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def grey(image: Image.Image, name: str) -> Image.Image:
    """``image`` as one 8-bit grey channel; refused where parts are transparent. ``name`` is for messages."""
    image = _eight_bit(image, name)
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ImageError(
            f"The mask {name} has transparent parts: save it as plain grey, white where the object is."
        )
    return image if image.mode == "L" else image.convert("RGB").convert("L")


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ImageError(
                f"{name} holds 32-bit numbers, not a picture: save it with 8 or 16 bits a channel."
            )
        # 65535 / 257 = 255: both ends of the range are kept.
        return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        raise ImageError(
            f"{name} holds floating-point numbers, not a picture: save it with 8 or 16 bits a channel."
        )
    return image
