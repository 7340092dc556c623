"""Laying an object on another background, and taking it out of its own.

Functions on pixels with a soft mask; `replace_background.py` and `conditions.py` say when they are used.

Source: Kobs & Hotho 2022 for the published composite; pull-push filling as in Gortler et al., The
Lumigraph, 1996.
"""

import threading
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from likewise.errors import InputError

Compositing = Literal["published", "clean"]
_Pixels = NDArray[np.uint8]

_buffers = threading.local()
_LEVELS = (0.1, 0.9)  # a clean composite takes masks below as background and above as object


def composite(image: Tensor, background: Tensor, mask: Tensor) -> Tensor:
    """The published composite: image * mask + background * (1 - mask), rounded to whole levels.

    The published code blends normalised floating-point tensors, which is the same up to the rounding
    (half a level of 255).

    Args:
        image: uint8 ``(..., 3, H, W)``.
        background: uint8, the same shape.
        mask: uint8 ``(..., 1, H, W)``, 255 = object, values between blend.

    Returns:
        uint8, shape of ``image``.

    Raises:
        InputError: Shapes or types do not fit.

    >>> dark, light = torch.zeros(3, 1, 2, dtype=torch.uint8), torch.full((3, 1, 2), 200, dtype=torch.uint8)
    >>> composite(light, dark, torch.tensor([[[255, 102]]], dtype=torch.uint8))[0].tolist()
    [[200, 80]]
    """
    _check(image, mask)
    if background.shape != image.shape or background.dtype != torch.uint8:
        raise InputError(
            f"The background is {background.dtype} {tuple(background.shape)}, the image uint8 "
            f"{tuple(image.shape)}: cut the background to the image first."
        )
    if image.device.type == "cpu":
        result = torch.empty_like(image, memory_format=torch.contiguous_format)
        sides = (part.reshape(-1, *part.shape[-3:]).numpy() for part in (image, background, mask, result))
        # Image by image, so that the 16-bit buffers stay in the cache.
        for pixels, other, edge, blended in zip(*sides, strict=True):
            _blend_on_cpu(pixels, other, edge, blended)
        return result
    return _blend_on_device(image, background, mask)


def _blend_on_device(image: Tensor, background: Tensor, mask: Tensor) -> Tensor:
    weight = mask.int()
    blend = image.int() * weight + background.int() * (255 - weight) + 128
    return ((blend + (blend >> 8)) >> 8).to(torch.uint8)  # division by 255, rounded


def _blend_on_cpu(image: _Pixels, background: _Pixels, mask: _Pixels, out: _Pixels) -> None:
    # 255 * 255 fits in 16 bits: several times faster than 32-bit integers or floats. The buffers are reused,
    # because getting fresh pages from the system for each image costs more than the arithmetic.
    shape = image.shape
    if _buffers.__dict__.get("shape") != shape:
        _buffers.shape = shape
        _buffers.work = [np.empty(shape, np.uint16) for _ in range(2)]
        _buffers.weight = [np.empty(mask.shape, np.uint16) for _ in range(2)]
    (total, other), (weight, rest) = _buffers.work, _buffers.weight
    np.copyto(weight, mask)
    np.subtract(255, weight, out=rest)
    np.multiply(image, weight, out=total, dtype=np.uint16)
    np.multiply(background, rest, out=other, dtype=np.uint16)
    total += other
    total += 128
    np.right_shift(total, 8, out=other)
    total += other
    total >>= 8  # together with the two lines above: division by 255, rounded
    np.copyto(out, total, casting="unsafe")


def clean_edges(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Image and mask whose composite shows less of the old background than the published one does.

    Predicted masks are soft over many pixels, where the published composite lets the old background
    through. Here each partly covered pixel is split into an object colour F and a background colour B
    with pixel = mask * F + (1 - mask) * B: the split that changes least of what sure object and sure
    background around it suggest. The mask is then stretched so that below 0.1 is background and above
    0.9 is object.

    Args:
        image: uint8 ``(..., 3, H, W)``.
        mask: uint8 ``(..., 1, H, W)``.

    Returns:
        The object's colours (unchanged where the mask is 255) and the stretched mask, both uint8.
    """
    _check(image, mask)
    shape = image.shape
    pixels, alpha = image.reshape(-1, *shape[-3:]).float(), mask.reshape(-1, 1, *shape[-2:]).float() / 255
    low, high = _LEVELS
    colors = _object_colors(pixels, alpha, (alpha > high).float(), (alpha < low).float())
    stretched = ((alpha - low) / (high - low)).clamp(0, 1)
    colors = torch.where(alpha == 1, pixels, colors)
    return _levels(colors).reshape(shape), _levels(stretched * 255).reshape(mask.shape)


def fill_object(image: Tensor, mask: Tensor, grow_px: int = 5) -> Tensor:
    """The image without its object: the hole is filled smoothly from the background around it.

    Averages of known background are pulled up a pyramid of halved images and pushed down into the hole,
    so near background counts more. No texture is invented; the outline of the object can still be guessed
    from smooth areas of the image. The mask is first cut at 25 (a tenth) and grown by ``grow_px``,
    because soft and tight masks leave a rim of object colour. An image that is entirely object becomes grey 128.

    Args:
        image: uint8 ``(..., 3, H, W)``.
        mask: uint8 ``(..., 1, H, W)``, 255 = object.
        grow_px: Pixels to grow the hole by.

    Returns:
        uint8, shape of ``image``; unchanged outside the grown mask.
    """
    _check(image, mask)
    shape = image.shape
    pixels = image.reshape(-1, *shape[-3:]).float()
    hole = (mask.reshape(-1, 1, *shape[-2:]) > 25).float()
    if grow_px > 0:
        hole = F.max_pool2d(hole, 2 * grow_px + 1, stride=1, padding=grow_px)
    outside = 1 - hole
    filled = _push_pull(pixels * outside, outside)
    return _levels(torch.where(hole > 0, filled, pixels)).reshape(shape)


def paint_background(image: Tensor, mask: Tensor, color: tuple[int, int, int] = (128, 128, 128)) -> Tensor:
    """The object alone on an even ``color`` (RGB)."""
    plain = torch.tensor(color, dtype=torch.uint8, device=image.device).reshape(3, 1, 1).expand(image.shape)
    return composite(image, plain.contiguous(), mask)


def _object_colors(pixels: Tensor, alpha: Tensor, sure_object: Tensor, sure_background: Tensor) -> Tensor:
    ahead, behind = (_push_pull(pixels * sure, sure) for sure in (sure_object, sure_background))
    # Nothing sure to spread from: the pixels themselves are the best guess.
    ahead, behind = (
        torch.where(sure.sum((2, 3), keepdim=True) > 0, guess, pixels)
        for guess, sure in ((ahead, sure_object), (behind, sure_background))
    )
    unexplained = pixels - alpha * ahead - (1 - alpha) * behind
    share = alpha / (alpha.square() + (1 - alpha).square())  # of the smallest change of both that explains it
    return (ahead + share * unexplained).clamp(0, 255)


def _push_pull(weighted: Tensor, weight: Tensor) -> Tensor:
    """Colours for every pixel from ``weighted`` = colour * weight, coarse values where weight is missing."""
    if min(weight.shape[-2:]) == 1:
        total = weight.sum((2, 3), keepdim=True)
        mean = weighted.sum((2, 3), keepdim=True) / total.clamp_min(1e-6)
        return torch.where(total > 0, mean, torch.full_like(mean, 128.0)).expand_as(weighted)
    coarse_weighted, coarse_weight = (
        F.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False) for values in (weighted, weight)
    )
    coarse = _push_pull(coarse_weighted, coarse_weight)
    spread = F.interpolate(coarse, size=weight.shape[-2:], mode="bilinear", align_corners=False)
    local = weighted / weight.clamp_min(1e-6)
    return torch.lerp(spread, local, weight)


def _levels(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def _check(image: Tensor, mask: Tensor) -> None:
    expected = (*image.shape[:-3], 1, *image.shape[-2:])
    if image.dtype != torch.uint8 or mask.dtype != torch.uint8 or tuple(mask.shape) != expected:
        raise InputError(
            f"Image {image.dtype} {tuple(image.shape)} and mask {mask.dtype} {tuple(mask.shape)} do not go "
            "together: give uint8 (..., 3, H, W) and uint8 (..., 1, H, W)."
        )
