"""Preprocessing of a network: geometry (in the loader, on 8-bit pixels) and values (on the device).

A Preprocessing belongs to a model and is saved with it. The formula from pixels to network input is
once, in :func:`normalize`.
"""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from likewise.arguments import checked
from likewise.bounds import Count
from likewise.validation_errors import Spec

Triple = tuple[float, float, float]
ChannelOrder = Literal["rgb", "bgr"]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


@checked
class Preprocessing(Spec):
    """Size, crop and numbers of a network's input.

    The shorter side is resized to ``resize_px`` ("squash": both sides, whatever the proportions), then the centre of
    ``crop_px`` is cut out; ``mean`` and ``std`` are in the order of the channels the network sees (blue first for
    ``bgr``) and in the unit of ``value_range``.
    """

    resize_px: int = Field(256, ge=1, le=8192, description="length of the shorter side after resizing")
    crop_px: int = Field(224, ge=1, le=8192, description="side of the square centre crop")
    interpolation: Interpolation = Field("bilinear", description="how pixels are resampled")
    channel_order: ChannelOrder = Field("rgb", description="order of the channels the network sees")
    value_range: Literal[1, 255] = Field(1, description="white before mean and std are applied")
    mean: Triple = Field((0.485, 0.456, 0.406), description="subtracted from each channel")
    std: Triple = Field((0.229, 0.224, 0.225), description="each channel is divided by it")
    resize_mode: Literal["shorter", "squash"] = Field(
        "shorter", description="'shorter' keeps the proportions, 'squash' resizes both sides to resize_px"
    )
    crop_rounding: Literal["round", "floor"] = Field(
        "round",
        description="corner of the crop that falls on half a pixel: rounded (torchvision) or cut off (transformers)",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Preprocessing":
        if self.crop_px > self.resize_px:
            raise ValueError(f"crop_px ({self.crop_px}) must not be larger than resize_px ({self.resize_px})")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} must be positive")
        return self

    def resized(self, size: tuple[Count, Count]) -> tuple[int, int]:
        """(width, height) of an image of ``size`` before the crop."""
        return (self.resize_px,) * 2 if self.resize_mode == "squash" else resized_size(size, self.resize_px)

    def corner(self, resized: tuple[Count, Count]) -> tuple[int, int]:
        """(left, top) of the crop in an image of size ``resized``."""
        left, top = ((side - self.crop_px) / 2 for side in resized)
        return (int(left), int(top)) if self.crop_rounding == "floor" else (round(left), round(top))

    def identity(self) -> str:
        """The values as JSON; later fields only where they differ from what earlier versions did."""
        unchanged = {name for name, value in _ADDED.items() if getattr(self, name) == value}
        return self.model_dump_json(exclude=unchanged)

    def normalize(self, images: Tensor) -> Tensor:
        """:func:`normalize` with these numbers."""
        return normalize(
            images,
            torch.tensor(self.mean, device=images.device),
            torch.tensor(self.std, device=images.device),
            channel_order=self.channel_order,
            value_range=self.value_range,
        )


@checked
def normalize(
    images: Tensor, mean: Tensor, std: Tensor, *, channel_order: ChannelOrder = "rgb", value_range: Count = 1
) -> Tensor:
    """From pixels to network input: order of channels, scale to ``value_range``, minus mean, divided by std.

    Args:
        images: (..., 3, H, W) RGB, uint8 or floating point, 0..255.
        mean: (3,), in the order of the channels after reordering.
        std: (3,), likewise.
        channel_order: Order the network wants.
        value_range: Value of 255 after scaling.

    Returns:
        (..., 3, H, W) floating point; float32 for uint8 input, else the dtype of ``images``.

    Source: Kobs & Hotho 2022, published code (bgr, 255, mean 104, 117, 128, std 1).

    >>> red = torch.tensor([255, 0, 0], dtype=torch.uint8).reshape(3, 1, 1)
    >>> PUBLISHED_BN_INCEPTION.normalize(red).flatten().tolist()
    [-104.0, -117.0, 127.0]
    """
    if channel_order == "bgr":
        images = images.flip(-3)
    # (x * range / 255 - mean) / std as one product and one sum: half the passes over memory.
    dtype = images.dtype if images.is_floating_point() else torch.float32
    scale = (value_range / 255 / std).to(dtype).reshape(3, 1, 1)
    shift = (-mean / std).to(dtype).reshape(3, 1, 1)
    if images.is_floating_point():
        return torch.addcmul(shift, images, scale)
    return images.float().mul_(scale).add_(shift)


# Left out of fingerprints, so that models saved before these fields existed keep theirs.
_ADDED = {"resize_mode": "shorter", "crop_rounding": "round"}

PUBLISHED_BN_INCEPTION = Preprocessing(
    resize_px=256, crop_px=227, interpolation="bilinear", channel_order="bgr", value_range=255,
    mean=(104.0, 117.0, 128.0), std=(1.0, 1.0, 1.0),
)  # fmt: skip
"""Preprocessing of the released BN-Inception of the three papers. Source: code of the papers."""

IMAGENET = Preprocessing()
"""torchvision's usual 256 / 224 with the ImageNet mean and standard deviation."""


def resized_size(size: tuple[int, int], side_px: int) -> tuple[int, int]:
    """(width, height) with the shorter side ``side_px``; the longer is rounded down, as torchvision does.

    >>> resized_size((90, 60), 256)
    (384, 256)
    """
    width, height = size
    if width <= height:
        return side_px, int(side_px * height / width)
    return int(side_px * width / height), side_px
