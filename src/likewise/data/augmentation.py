"""Random changes of training images: crop, mirroring and colour shift."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field, model_validator

from likewise.arguments import checked
from likewise.validation_errors import Spec

_CROP_TRIES = 10


@dataclass(frozen=True)
class Colors:
    """One drawn change of colours: factors, except ``hue``, which is added, and ``grey``."""

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    grey: bool = False


@checked
class Augmentation(Spec):
    """Augmentation of training images; the defaults are the published ones.

    Source: Musgrave et al. 2020 and Kobs & Hotho 2022, published code.
    """

    scale: tuple[float, float] = Field(
        (0.16, 1.0), description="smallest and largest share of the image cut out"
    )
    ratio: tuple[float, float] = Field(
        (0.75, 1.33), description="smallest and largest width / height of the cut"
    )
    flip: float = Field(0.5, ge=0, le=1, description="probability to mirror left and right")
    resize_first: bool = Field(
        True, description="draw the cut on the image resized to the preprocessing's resize_px (published)"
    )
    brightness: float = Field(0.0, ge=0, le=1, description="brightness is multiplied by 1 - x to 1 + x")
    contrast: float = Field(0.0, ge=0, le=1, description="contrast is multiplied by 1 - x to 1 + x")
    saturation: float = Field(0.0, ge=0, le=1, description="saturation is multiplied by 1 - x to 1 + x")
    hue: float = Field(0.0, ge=0, le=0.5, description="hue is turned by -x to x of the colour circle")
    grey: float = Field(0.0, ge=0, le=1, description="probability to remove all colour")

    @model_validator(mode="after")
    def _ordered(self) -> "Augmentation":
        for name, (low, high), most in (("scale", self.scale, 1.0), ("ratio", self.ratio, float("inf"))):
            if not 0 < low <= high <= most:
                raise ValueError(
                    f"{name} ({low}, {high}) must be two numbers above 0, smaller first, at most {most}"
                )
        return self

    def draw_colors(self, generator: np.random.Generator) -> Colors | None:
        """Draw a change of colours; None, and no random number used, when all colour options are 0."""
        if not any((self.brightness, self.contrast, self.saturation, self.hue, self.grey)):
            return None
        low = np.array([1 - self.brightness, 1 - self.contrast, 1 - self.saturation, -self.hue])
        high = np.array([1 + self.brightness, 1 + self.contrast, 1 + self.saturation, self.hue])
        brightness, contrast, saturation, hue = generator.uniform(low, high).tolist()
        return Colors(brightness, contrast, saturation, hue, bool(generator.random() < self.grey))


def random_box(
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: np.random.Generator,
) -> tuple[int, int, int, int]:
    """Box of a random resized crop: (left, top, right, bottom) within ``size`` (width, height).

    The share of the area is uniform in ``scale``, the logarithm of width / height uniform in ``ratio``. When
    ten draws do not fit, the largest centred box within ``ratio`` is taken. The same distribution as
    torchvision's RandomResizedCrop.
    """
    width, height = size
    for _ in range(_CROP_TRIES):
        # Four numbers at once and plain Python: this runs for every image, between decodings that empty the caches.
        share, shape, from_left, from_top = generator.random(4).tolist()
        area = width * height * (scale[0] + share * (scale[1] - scale[0]))
        aspect = ratio[0] * (ratio[1] / ratio[0]) ** shape
        across, down = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < across <= width and 0 < down <= height:
            left, top = int(from_left * (width - across + 1)), int(from_top * (height - down + 1))
            return left, top, left + across, top + down
    across, down = width, height
    if width / height < ratio[0]:
        down = max(1, round(width / ratio[0]))
    elif width / height > ratio[1]:
        across = max(1, round(height * ratio[1]))
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down


def change_colors(pixels: torch.Tensor, colors: Colors) -> torch.Tensor:
    """Apply brightness, contrast, saturation, hue and grey, in this order, to uint8 (3, H, W)."""
    from torchvision.transforms.v2 import functional  # takes seconds to load, and searching does without

    if colors.brightness != 1:
        pixels = functional.adjust_brightness(pixels, colors.brightness)
    if colors.contrast != 1:
        pixels = functional.adjust_contrast(pixels, colors.contrast)
    if colors.saturation != 1:
        pixels = functional.adjust_saturation(pixels, colors.saturation)
    if colors.hue != 0:
        pixels = functional.adjust_hue(pixels, colors.hue)
    return functional.rgb_to_grayscale(pixels, num_output_channels=3) if colors.grey else pixels
