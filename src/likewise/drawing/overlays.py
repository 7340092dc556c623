"""Maps and masks laid over photos, in colours that colour-blind readers can distinguish.

The scales are matplotlib's "inferno" (strength) and ColorBrewer's "RdBu" (sign).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.arrays import as_numbers
from likewise.drawing.sheets import QUERY, Color
from likewise.errors import InputError


def heat_overlay(
    image: Image.Image, map01: NDArray[np.floating], signed: bool = False, strength: float = 0.75
) -> Image.Image:
    """Lay a map over a photo: where it is zero the photo shows, dimmed and nearly grey.

    Args:
        image: The photo.
        map01: (h, w), any size (it is stretched to the photo), values 0 to 1; with ``signed`` -1 to 1, where
            positive is red and negative blue.
        signed: Use diverging colours.
        strength: Opacity of the map where it is largest, 0 to 1.

    Raises:
        InputError: Not two-dimensional, not finite, or outside its range.
    """
    values = as_numbers(map01, "The map").astype(np.float32)
    low = -1.0 if signed else 0.0
    if values.ndim != 2 or values.size == 0:
        raise InputError(f"A heat map needs the shape (height, width), got {values.shape}.")
    if not np.isfinite(values).all() or values.min() < low - 1e-4 or values.max() > 1 + 1e-4:
        raise InputError(
            f"A heat map needs values from {low:g} to 1, got {values.min():.3g} to {values.max():.3g}: "
            "divide it by its largest absolute value first."
        )
    stretched = Image.fromarray(values).resize(image.size, Image.Resampling.BICUBIC)
    weights = np.clip(np.asarray(stretched), low, 1)
    photo = np.asarray(image.convert("RGB"), dtype=np.float32)
    grey = np.asarray(image.convert("L"), dtype=np.float32)[..., None]
    base = 0.8 * (0.3 * photo + 0.7 * grey) + 18
    # Around zero a diverging scale is white: laid on lightly, or it would show as a line where the sign changes.
    opacity = strength * (np.abs(weights) if signed else np.sqrt(np.abs(weights)))[..., None]
    mixed = base * (1 - opacity) + color_of(weights, signed).astype(np.float32) * opacity
    return Image.fromarray(mixed.round().astype(np.uint8))


def signed_overlay(image: Image.Image, values: NDArray[np.floating]) -> Image.Image:
    """A photo under a signed map whose scale ends at -1 and 1; values beyond are clipped."""
    return heat_overlay(image, np.clip(as_numbers(values, "The map"), -1, 1), signed=True)


def largest_magnitude(maps: Iterable[NDArray[np.floating]]) -> float:
    """The largest absolute value of all maps, or 1 where all are 0: the divisor that puts them on one scale."""
    return max(float(np.abs(values).max()) for values in maps) or 1.0


def color_of(values: NDArray[np.floating], signed: bool = False) -> NDArray[np.uint8]:
    """The colours of ``values`` (0 to 1, or -1 to 1): shape of ``values`` plus (3,), uint8."""
    from matplotlib import colormaps  # takes a quarter of a second to load

    scale = colormaps["RdBu_r" if signed else "inferno"]
    scaled = (np.asarray(values) + 1) / 2 if signed else np.asarray(values)
    colors: NDArray[np.uint8] = scale(np.clip(scaled, 0, 1), bytes=True)[..., :3]
    return colors


def mask_overlay(image: Image.Image, mask: Image.Image, color: Color = QUERY) -> Image.Image:
    """Show what a mask keeps: the rest of the photo faded, a line along the edge of the mask.

    Args:
        image: The photo.
        mask: "L", white = object; stretched to the photo.
        color: Colour of the line.
    """
    inside = np.asarray(mask.convert("L").resize(image.size, Image.Resampling.NEAREST)) > 127
    photo = np.asarray(image.convert("RGB"), dtype=np.float32)
    result = np.where(inside[..., None], photo, 0.25 * photo + 0.75 * 255).astype(np.uint8)
    around = max(2, round(min(image.size) / 150))
    grown = np.pad(inside, around, mode="edge")
    height, width = inside.shape
    shifts = [(0, 1), (2, 1), (1, 0), (1, 2)]
    near = [grown[y * around : y * around + height, x * around : x * around + width] for y, x in shifts]
    result[inside & ~np.logical_and.reduce(near)] = color
    return Image.fromarray(result)
