"""Exact AVSL distances of listed pairs, and the choice of the k nearest among them."""

import torch
from torch import Tensor

from likewise.avsl.distance import AVSLDistance

PAIRS_AT_ONCE = 512  # their node tensors stay in the cache
ALL_PAIRS_BYTES = 64 * 2**20  # of distances held at once where every pair is compared
INDISTINCT = 4e-6  # of distances 0..4: closer ones may be swapped by float32


class PairDistances:
    """Distances between rows of two sets, counted.

    Args:
        distance: The comparison.
        queries: (Q, F) flat rows.
        gallery: (N, F) flat rows.
    """

    def __init__(self, distance: AVSLDistance, queries: Tensor, gallery: Tensor) -> None:
        self.distance, self.queries, self.gallery = distance, queries, gallery
        self.computed = 0

    def of(self, rows: Tensor, columns: Tensor, precise: bool = False) -> Tensor:
        """Distances (P,) of queries ``rows`` (P,) to gallery ``columns`` (P,); float64 with ``precise``."""
        self.computed += 0 if precise else len(rows)
        distance = self.distance.to(torch.float64) if precise else self.distance
        dtype = torch.float64 if precise else torch.float32
        distances = torch.empty(len(rows), dtype=dtype, device=rows.device)
        for start in range(0, len(rows), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            first, second = self.queries[rows[part]], self.gallery[columns[part]]
            if precise:
                first, second = first.double(), second.double()
            distances[part] = distance.between(first, second)
        return distances


def nearest_of_all(exact: PairDistances, k: int, self_index: Tensor) -> tuple[Tensor, Tensor]:
    """The k nearest by comparing every pair, in blocks of queries."""
    height = max(1, ALL_PAIRS_BYTES // (4 * len(exact.gallery)))
    indices, distances = [], []
    for start in range(0, len(exact.queries), height):
        rows = torch.arange(start, min(start + height, len(exact.queries)), device=self_index.device)
        block = exact.distance.compare(exact.queries[rows], exact.gallery)
        exact.computed += block.numel()
        with_own = (self_index[rows] >= 0).nonzero()[:, 0]
        block[with_own, self_index[rows][with_own]] = torch.inf
        chosen = settled(exact, rows, block, k)
        indices.append(chosen[0])
        distances.append(chosen[1])
    return torch.cat(indices), torch.cat(distances)


def settled(exact: PairDistances, rows: Tensor, distances: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest of each row of known distances, as float64 would order them.

    Args:
        exact: To compute distances again.
        rows: (B,) which queries.
        distances: (B, N) float32 distances, infinite where unknown or not allowed.
        k: Number of values; each row has at least k finite ones.

    Returns:
        Indices (B, k) and distances (B, k) float32.
    """
    mark = distances.topk(k, dim=1, largest=False).values[:, -1:]
    width = int((distances <= mark + INDISTINCT).sum(dim=1).max())  # the k-th may have ties
    values, indices = distances.topk(width, dim=1, largest=False)
    order = values.argsort(dim=1)
    values, indices = values.gather(1, order).double(), indices.gather(1, order)
    close = values.diff(dim=1) <= INDISTINCT
    edge = torch.zeros_like(values[:, :1], dtype=torch.bool)
    doubtful = torch.cat((edge, close), dim=1) | torch.cat((close, edge), dim=1)
    doubtful &= values.isfinite()
    pairs = doubtful.nonzero()
    values[pairs[:, 0], pairs[:, 1]] = exact.of(
        rows[pairs[:, 0]], indices[pairs[:, 0], pairs[:, 1]], precise=True
    )
    by_index = indices.argsort(dim=1)
    values, indices = values.gather(1, by_index), indices.gather(1, by_index)
    by_distance = values.argsort(dim=1, stable=True)[:, :k]
    return indices.gather(1, by_distance), values.gather(1, by_distance).float()
