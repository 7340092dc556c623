"""Problems of a mask, compared with its image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.data.masks import OBJECT_FROM, object_share
from likewise.images import TURNS

FULL_SHARE = 0.99
TINY_SHARE = 0.01

# A soft mask has many greys; class numbers and flat colours are few.
_FEW_GREYS = 32
# How much better the unrotated mask must fit the colours than the rotated one to be accepted.
_CLEARLY = 1.1


@dataclass(frozen=True)
class UprightImage:
    """An image in the orientation in which it is viewed.

    Attributes:
        size: (width, height) upright.
        orientation: EXIF orientation of its stored pixels, 1 to 8.
        small: The upright image, perhaps decoded at a fraction of its size.
    """

    size: tuple[int, int]
    orientation: int
    small: Image.Image


def mask_problem(mask: Image.Image, orientation: int, image: UprightImage | None) -> str:
    """The name of the problem, as in :class:`likewise.data.inspection.Finding`; "" if none was found.

    Args:
        mask: Upright, grey.
        orientation: EXIF orientation of the stored mask.
        image: Its image; None if it could not be read.
    """
    problem = _content_problem(np.asarray(mask))
    if image is None:
        return problem
    is_turned = image.orientation in TURNS and orientation not in TURNS
    if mask.size != image.size:
        swapped = is_turned and mask.size == image.size[::-1]
        return "mask_not_turned" if swapped else "mask_wrong_size"
    if problem in ("", "mask_tiny") and is_turned and not _fits_as_it_is(mask, image):
        return "mask_perhaps_not_turned"
    return problem


def _content_problem(grey: NDArray[np.uint8]) -> str:
    largest = grey.max()
    if largest <= 1:
        return "mask_zero_one" if largest else "mask_empty"
    if largest < OBJECT_FROM:
        return "mask_class_numbers" if len(np.unique(grey)) <= _FEW_GREYS else "mask_empty"
    share = object_share(grey)
    if share > FULL_SHARE:
        return "mask_full"
    return "mask_tiny" if share < TINY_SHARE else ""


def _fits_as_it_is(mask: Image.Image, image: UprightImage) -> bool:
    """Whether the mask separates the colours of the image clearly better than after rotating it as the image is."""
    pixels = np.asarray(image.small, dtype=np.float64)
    turned = mask.transpose(TURNS[image.orientation])
    as_it_is, if_turned = (_separation(pixels, each.resize(image.small.size)) for each in (mask, turned))
    return as_it_is > _CLEARLY * if_turned


def _separation(pixels: NDArray[np.float64], mask: Image.Image) -> float:
    """Variance between the mean colours of object and background, weighted by their shares."""
    inside = np.asarray(mask) >= OBJECT_FROM
    share = float(inside.mean())
    if share in (0.0, 1.0):
        return 0.0
    difference = pixels[inside].mean(axis=0) - pixels[~inside].mean(axis=0)
    return share * (1 - share) * float((difference**2).sum())
