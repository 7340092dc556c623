"""Gaussian noise that belongs to an image, not to a batch.

Every value is a function of (seed of the image, number of the sample, position), computed by a hash on
whatever device the images are on. A saliency map therefore does not depend on the batch size, on the
order of the images, or on how the work was split among workers, and no loop over images is needed.
"""

import math

import torch
from torch import Tensor

_MULTIPLIERS = (0x7FEB352D, 0x846CA68B - 2**32)  # "lowbias32" of C. Wellons, a bijection of 32-bit words
_GOLDEN = 0x9E3779B9 - 2**32


def gaussian_noise(seeds: Tensor, samples: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers for rows of (image, sample).

    Args:
        seeds: int64 ``(R,)``, the seed of the image of each row. The result is made on its device.
        samples: int64 ``(R,)``, the number of the noise sample of each row.
        shape: Shape of one row, for instance ``(3, 224, 224)``.

    Returns:
        float32 ``(R, *shape)``. Values are within 5.9 standard deviations (24-bit uniforms).
    """
    count = math.prod(shape)
    low, high = seeds.to(torch.int32), (seeds >> 32).to(torch.int32)
    first = _hashed(low)
    second = _hashed(_hashed(high) ^ low ^ _hashed(samples.to(torch.int32) ^ _GOLDEN))
    counter = torch.arange((count + 1) // 2, device=seeds.device, dtype=torch.int32)
    words = _hashed(_hashed(counter[None] ^ first[:, None]) ^ second[:, None])
    radius = _uniform(words).log_().mul_(-2).sqrt_()
    angle = _uniform(_hashed(words ^ _GOLDEN)).mul_(2 * math.pi)
    pairs = torch.cat([radius * angle.cos(), radius.mul_(angle.sin_())], dim=1)
    return pairs[:, :count].reshape(len(seeds), *shape)


def _hashed(words: Tensor) -> Tensor:
    words = words ^ ((words >> 16) & 0xFFFF)  # & makes the arithmetic shift a logical one
    words.mul_(_MULTIPLIERS[0])
    words ^= (words >> 15) & 0x1FFFF
    words.mul_(_MULTIPLIERS[1])
    words ^= (words >> 16) & 0xFFFF
    return words


def _uniform(words: Tensor) -> Tensor:
    """Floats in (0, 1), never 0, from the upper 24 bits."""
    return ((words >> 8) & 0xFFFFFF).float().add_(0.5).mul_(2.0**-24)
