"""Differentiable distances of embeddings, row by row: the scalars whose gradients saliency maps show.

All of them normalise both embeddings to length 1 first, as the published code of both papers does.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from likewise.arguments import checked
from likewise.distances import VectorDistance
from likewise.errors import ConfigError, choices

Distance = Callable[[Tensor, Tensor], Tensor]
DistanceName = Literal[VectorDistance, "squared_euclidean", "lp1", "lp2", "dot"]
"""Distances of vectors, the square of one, and the published names of three of them."""


@checked
def embedding_distance(name: str) -> Distance:
    """The function ``(x (B, D), y (B, D) or (D,)) -> (B,)`` called ``name``.

    - ``euclidean`` (published name ``lp1``): length of the difference, 0 to 2.
    - ``squared_euclidean`` (``lp2``): its square, equal to twice ``cosine``.
    - ``cosine``, and ``dot``, which equals it after the normalisation: 1 - inner product, 0 to 2. The
      published numbers are the inner product itself; the saliency map is the same.
    - ``snr``: var(x - y) / var(x), with x the anchor and the divisor D - 1; not symmetric.

    All are 0 for equal directions and grow as the embeddings differ.

    Raises:
        ConfigError: The name is none of these.
    """
    if name not in _DISTANCES:
        raise ConfigError(f"There is no distance {name!r} to differentiate: {choices(name, _DISTANCES)}")
    function = _DISTANCES[name]
    return lambda x, y: function(F.normalize(x, dim=-1), F.normalize(y, dim=-1))


def _euclidean(x: Tensor, y: Tensor) -> Tensor:
    # vector norm has the subgradient 0 at equal vectors, where a square root would give NaN
    lengths: Tensor = torch.linalg.vector_norm(x - y, dim=-1)
    return lengths


def _squared(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().sum(-1)


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    return 1 - (x * y).sum(-1)


def _snr(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).var(-1) / x.var(-1)


_DISTANCES: dict[DistanceName, Distance] = {
    "euclidean": _euclidean,
    "lp1": _euclidean,
    "squared_euclidean": _squared,
    "lp2": _squared,
    "cosine": _cosine,
    "dot": _cosine,
    "snr": _snr,
}
