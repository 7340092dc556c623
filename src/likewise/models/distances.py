"""Distances between rows of embeddings, as a model was trained with. Smaller is more similar, 0 is equal."""

import torch
import torch.nn.functional as F
from torch import Tensor

from likewise.arguments import checked
from likewise.distances import require_vector_distance


@checked
def pairwise(a: Tensor, b: Tensor, distance: str) -> Tensor:
    """Distances of every row of ``a`` ``(N, D)`` to every row of ``b`` ``(M, D)``: ``(N, M)`` float32.

    Rows are L2-normalised first.

    - ``cosine``: 1 - inner product, 0..2.
    - ``euclidean``: length of the difference, 0..2.
    - ``snr``: variance of (a - b) over the variance of a, 0 upwards; not symmetric, ``a`` is the anchor.
      Source: Yuan et al. 2019, equation 1.

    Raises:
        ConfigError: There is no such distance.
    """
    require_vector_distance(distance)
    a, b = F.normalize(a.float(), dim=-1), F.normalize(b.float(), dim=-1)
    if distance == "snr":
        # var(a - b) without an (N, M, D) array; the variance ignores each row's mean.
        a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
        noise = a.square().sum(-1)[:, None] + b.square().sum(-1)[None] - 2 * a @ b.T
        return noise.clamp(min=0) / a.square().sum(-1)[:, None]
    if distance == "cosine":
        return (1 - a @ b.T).clamp(min=0)
    # Not by the inner product: the square root would make 3e-4 of the rounding at equal rows.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
