"""All pairs of a set of images, block by block: their distances, and whether they have one class.

For a symmetric distance each pair comes once; for SNR, which is not symmetric, both orders come.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.progress import Bar
from likewise.retrieval._filter import exact_products, positions
from likewise.retrieval.distances import Comparison, prepared_distances

_BLOCK_ROWS = 1024
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class PairBlock:
    """A block of pairs.

    Attributes:
        distances: ``(B, C)`` float32; infinite where the pair does not count.
        same: ``(B, C)`` bool: the pair counts and has one class.
        first: ``(B,)`` classes of the rows.
        second: ``(C,)`` classes of the columns.
    """

    distances: Tensor
    same: Tensor
    first: Tensor
    second: Tensor


class Pairs:
    """The pairs of ``rows`` ``(N, D)`` (prepared, or as a Comparison takes them) with classes ``codes`` ``(N,)``."""

    def __init__(self, rows: Tensor, codes: Tensor, distance: str | Comparison) -> None:
        self.rows, self.codes, self.distance = rows, codes.to(rows.device), distance
        self._once = distance != "snr"

    @property
    def counts(self) -> tuple[int, int]:
        """Number of pairs of the same class, and of different classes."""
        sizes = torch.bincount(self.codes)
        same = int((sizes * (sizes - 1)).sum())
        different = len(self.codes) * (len(self.codes) - 1) - same
        return (same // 2, different // 2) if self._once else (same, different)

    @property
    def block_count(self) -> int:
        """Number of blocks."""
        side = math.ceil(len(self.rows) / _BLOCK_ROWS)
        return side * (side + 1) // 2 if self._once else side * side

    def blocks(self, bar: Bar) -> Iterator[PairBlock]:
        """All pairs; ``bar`` counts the blocks."""
        size = len(self.rows)
        for row in range(0, size, _BLOCK_ROWS):
            first = slice(row, row + _BLOCK_ROWS)
            for column in range(row if self._once else 0, size, _BLOCK_ROWS):
                second = slice(column, column + _BLOCK_ROWS)
                with exact_products(self.rows.device):
                    distances = self._distances(self.rows[first], self.rows[second])
                same = self.codes[first, None] == self.codes[None, second]
                if row == column:
                    left_out = torch.ones_like(same).tril() if self._once else torch.eye(len(same)).to(same)
                    distances.masked_fill_(left_out, torch.inf)
                    same &= ~left_out
                yield PairBlock(distances, same, self.codes[first], self.codes[second])
                bar.advance()

    def large_distance(self) -> float:
        """A distance that only one pair in a thousand exceeds, among some images drawn with a fixed seed."""
        drawn = torch.randperm(len(self.rows), generator=torch.Generator().manual_seed(0))[:_BLOCK_ROWS]
        rows = self.rows[drawn.to(self.rows.device)]
        with exact_products(self.rows.device):
            distances = self._distances(rows, rows).flatten()
        return float(distances.kthvalue(max(1, math.ceil(0.999 * len(distances)))).values)

    def _distances(self, first: Tensor, second: Tensor) -> Tensor:
        if isinstance(self.distance, str):
            return prepared_distances(first, second, self.distance)
        return self.distance.pairwise(first, second)


@dataclass(frozen=True)
class DistanceCounts:
    """Number of pairs within increasing distances.

    Attributes:
        edges: ``(E,)`` distances, ascending, from 0.
        same: ``(E,)`` pairs of one class whose distance is at most the edge (but for rounding).
        different: ``(E,)`` the same for pairs of two classes.
    """

    edges: NDArray[np.float64]
    same: Counts
    different: Counts


def count_distances(pairs: Pairs, bar: Bar, steps: int = 1 << 16) -> DistanceCounts:
    """Histogram of the distances of all pairs, in equal steps up to a distance that few exceed."""
    largest = 1.1 * pairs.large_distance() or 1.0
    counts = np.zeros((2, steps + 2), np.int64)
    for block in pairs.blocks(bar):
        for side, mask in enumerate((block.same, ~block.same & block.distances.isfinite())):
            chosen = block.distances.flatten()[positions(mask).to(mask.device)]
            # Bin i contains distances above edge i - 1 and up to edge i; the last one all larger distances.
            step = (chosen * (steps / largest)).ceil_().clamp_(max=steps + 1).long()
            counts[side] += torch.bincount(step, minlength=steps + 2).cpu().numpy()
    cumulated = counts.cumsum(1)[:, :-1]
    return DistanceCounts(np.linspace(0, largest, steps + 1), cumulated[0], cumulated[1])


def errors_by_group(
    pairs: Pairs, groups: Tensor, threshold: float, bar: Bar
) -> tuple[Counts, Counts, Counts]:
    """False matches and false non-matches at a threshold, by groups of classes.

    Args:
        pairs: The pairs.
        groups: ``(classes,)`` a number for each class.
        threshold: Distances up to this count as the same.
        bar: Counts the blocks of pairs.

    Returns:
        False matches ``(G, G)`` by the groups of both images; false non-matches ``(G,)``; same-class pairs ``(G,)``.
    """
    size = int(groups.max()) + 1
    matches, misses, same = (np.zeros(shape, np.int64) for shape in (size * size, size, size))
    limit = np.float32(threshold).item()
    for block in pairs.blocks(bar):
        first, second = groups[block.first], groups[block.second]
        within = block.distances <= limit
        false = positions(within & ~block.same)
        width = block.same.shape[1]
        key = first[false.div(width, rounding_mode="floor")] * size + second[false % width]
        matches += torch.bincount(key, minlength=size * size).cpu().numpy()
        misses += _by_group(block.same & ~within, first, size)
        same += _by_group(block.same, first, size)
    return matches.reshape(size, size), misses, same


def _by_group(mask: Tensor, groups: Tensor, size: int) -> Counts:
    counts: Counts = torch.bincount(groups, mask.sum(1).double(), minlength=size).long().cpu().numpy()
    return counts
