"""Problems of a mask beside its image: contents, sizes, and orientations of files that a camera has turned."""

import numpy as np
import pytest
from PIL import Image

from likewise.data.mask_problems import UprightImage, mask_problem

TURNED = 6  # an EXIF orientation that swaps width and height


def image(width: int = 40, height: int = 40, orientation: int = 1) -> UprightImage:
    """White on its left half."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = 255
    return UprightImage((width, height), orientation, Image.fromarray(pixels))


def left_half(width: int = 40, height: int = 40) -> Image.Image:
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return Image.fromarray(mask)


def turned_half() -> Image.Image:
    """The left half as the camera has stored it, so that the mask marks the upper or the lower half."""
    return left_half().transpose(Image.Transpose.ROTATE_90)


@pytest.mark.parametrize(
    ("mask", "orientation", "photo", "problem"),
    [
        (left_half(), 1, image(), ""),
        (left_half(), 1, None, ""),
        (left_half(20, 40), 1, image(), "mask_wrong_size"),
        (left_half(20, 40), 1, image(40, 20), "mask_wrong_size"),  # nothing was turned
        (left_half(20, 40), 1, image(40, 20, TURNED), "mask_not_turned"),
        (left_half(20, 40), TURNED, image(40, 20, TURNED), "mask_wrong_size"),  # it was turned as its image
        (left_half(20, 30), 1, image(40, 20, TURNED), "mask_wrong_size"),
        (turned_half(), 1, image(orientation=TURNED), "mask_perhaps_not_turned"),
        (turned_half(), TURNED, image(orientation=TURNED), ""),  # it was turned as its image
        (turned_half(), 1, image(), ""),
        (left_half(), 1, image(orientation=TURNED), ""),  # fits as it is
    ],
)
def test_sizes_and_orientations(
    mask: Image.Image, orientation: int, photo: UprightImage | None, problem: str
) -> None:
    assert mask_problem(mask, orientation, photo) == problem


def filled(value: int, marked: int = 1600, rest: int = 0) -> Image.Image:
    grey = np.full(1600, rest, np.uint8)
    grey[:marked] = value
    return Image.fromarray(grey.reshape(40, 40))


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        (filled(0), "mask_empty"),
        (filled(1, 800), "mask_zero_one"),
        (filled(3, 800), "mask_class_numbers"),
        (
            Image.fromarray(np.arange(1600, dtype=np.int64).reshape(40, 40).__mod__(120).astype(np.uint8)),
            "mask_empty",
        ),
        (filled(255), "mask_full"),
        (filled(255, 1585), "mask_full"),
        (filled(255, 1584), ""),  # 99 %
        (filled(255, 16), ""),  # 1 %
        (filled(255, 15), "mask_tiny"),
    ],
)
def test_contents(mask: Image.Image, problem: str) -> None:
    assert mask_problem(mask, 1, None) == problem
    assert mask_problem(mask, 1, image()) == problem
    other_size = image(20, 20)
    assert mask_problem(mask, 1, other_size) == "mask_wrong_size"


def corner(value: int, side: int) -> Image.Image:
    """A mask of the upper left corner."""
    grey = np.zeros((40, 40), np.uint8)
    grey[:side, :side] = value
    return Image.fromarray(grey)


@pytest.mark.parametrize(
    ("mask", "fits", "turned"),
    [
        (corner(255, 20), "", "mask_perhaps_not_turned"),
        (corner(255, 3), "mask_tiny", "mask_perhaps_not_turned"),
        (corner(1, 20), "mask_zero_one", "mask_zero_one"),
        (corner(3, 20), "mask_class_numbers", "mask_class_numbers"),
        (filled(0), "mask_empty", "mask_empty"),
        (filled(255), "mask_full", "mask_full"),
    ],
)
def test_contents_of_masks_that_were_not_turned(mask: Image.Image, fits: str, turned: str) -> None:
    """The image is bright where the mask is, or where it would be after turning."""
    place = np.asarray(corner(255, 20))
    for bright, problem in ((place, fits), (place[:, ::-1], turned)):
        photo = UprightImage((40, 40), TURNED, Image.fromarray(np.stack([bright] * 3, axis=2)))
        assert mask_problem(mask, 1, photo) == problem
        assert mask_problem(mask, TURNED, photo) == fits  # stored as its image
