"""From a level's feature map to its nodes: embeddings, activation maps and certainties.

Source: Zhang et al., Attributable Visual Similarity Learning, CVPR 2022, and its released code. All functions
are pure; ``weight`` (D, C) and ``bias`` (D,) are the 1x1 convolution that embedding and maps share.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import linear

Certainty = Literal["relative", "rescaled", "published"]
Pooling = Literal["avg+max", "avg"]

SMALLEST = 1e-12


def pooled(features: Tensor, pooling: Pooling = "avg+max") -> Tensor:
    """Mean over the map, with "avg+max" plus the maximum over the map: (B, C, h, w) -> (B, C)."""
    mean = features.mean(dim=(2, 3))
    return mean if pooling == "avg" else mean + features.amax(dim=(2, 3))


def level_embedding(features: Tensor, weight: Tensor, bias: Tensor, pooling: Pooling = "avg+max") -> Tensor:
    """The nodes of a level: convolution of the pooled map.

    Args:
        features: (B, C, h, w).
        weight: (D, C).
        bias: (D,).
        pooling: see :func:`pooled`.

    Returns:
        (B, D), not normalised.
    """
    return linear(pooled(features, pooling), weight, bias)


def activation_maps(features: Tensor, weight: Tensor, bias: Tensor, pooling: Pooling = "avg+max") -> Tensor:
    """One map per node, whose spatial mean is exactly the embedding of the node.

    The global maximum is a mean too, once it is written as (h x w x maximum) at the position of the maximum
    (the first one, if tied) and 0 elsewhere; the convolution then commutes with the mean.

    Args:
        features: (B, C, h, w).
        weight: (D, C).
        bias: (D,).
        pooling: the embedding's; the mean alone needs no peak.

    Returns:
        (B, D, h, w), any sign; bias included at every position.
    """
    batch, channels, height, width = features.shape
    flat = features.reshape(batch, channels, height * width)
    if pooling == "avg+max":
        peak = flat.argmax(dim=2, keepdim=True)
        flat = flat.scatter_add(2, peak, flat.gather(2, peak) * (height * width))
    maps = torch.matmul(weight, flat) + bias[:, None]
    return maps.reshape(batch, -1, height, width)


def certainty(maps: Tensor, mode: Certainty) -> Tensor:
    """Certainty of each node: how peaked its activation map is.

    The map minus a minimum, divided by its sum, then its standard deviation over the n positions (divisor
    n - 1). This value ranges from 0 (flat) to 1/sqrt(n) (one position).

    - ``published``: the minimum of each *row* of the map, as in the released code, where the map's own was
      meant; turning the image by 90 degrees changes it.
    - ``rescaled``: the minimum of the whole map, and the value times sqrt(n): 0..1 for any size of map.
    - ``relative``: the same as ``rescaled`` here; the head then divides it by its running mean over images and
      nodes, so that it varies around 1. Real maps are far from one position (mean 0.05 at 7 x 7), so only
      this lets the reliability depend much on the pair.

    Args:
        maps: (B, D, h, w).
        mode: which of the three.

    Returns:
        (B, D), >= 0; 0 where the map is constant.
    """
    batch, nodes, height, width = maps.shape
    positions = height * width
    over = 3 if mode == "published" else (2, 3)
    above = (maps - maps.amin(dim=over, keepdim=True)).reshape(batch, nodes, positions)
    share = above / above.sum(dim=2, keepdim=True).clamp_min(SMALLEST)
    if positions == 1:
        return torch.zeros_like(share[..., 0])
    spread = share.std(dim=2)
    return spread if mode == "published" else spread * positions**0.5
