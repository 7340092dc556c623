"""Agreement of many maps at once, image by image, in memory that does not grow with the images.

For pairs of M maps of an image: Pearson correlation and Jensen-Shannon divergence, added up in Fisher's z.
The functions of `statistics.py` are the reference.
"""

import heapq
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.audit.saliency_agreement.statistics import (
    LARGEST_DIVERGENCE,
    FisherMean,
    fisher_from_sums,
    fisher_z,
)
from likewise.audit.saliency_agreement.statistics import jensen_shannon as exact_divergence

_TINY = 1e-30
_PIXELS = 4096  # of all maps at once: what is computed with them stays in the cache
_SMALL = 1e-3  # below it, float32 sums of entropies cancel too much


class AgreementTotals:
    """Adds up the agreement of sets of pairs of M maps over images.

    The pairs of a set are averaged image by image, so that an image counts once, however many pairs there are.

    Attributes:
        sets: The sets of pairs (i, j); one result each.
        lowest: Images with the smallest mean correlation over the counted sets: (mean correlation, image).
    """

    def __init__(
        self, sets: Sequence[Sequence[tuple[int, int]]], keep: int = 6, counted: Sequence[bool] | None = None
    ) -> None:
        """Start at zero.

        Args:
            sets: Pairs of maps whose agreement is averaged.
            keep: Number of images of least agreement to store.
            counted: Whether each set counts for the least agreement. None: all.
        """
        self.sets = [list(pairs) for pairs in sets]
        self._pairs = sorted({pair for pairs in self.sets for pair in pairs})
        column = {pair: number for number, pair in enumerate(self._pairs)}
        self._members = np.zeros((len(self._pairs), len(self.sets)))
        for number, pairs in enumerate(self.sets):
            self._members[[column[pair] for pair in pairs], number] = 1
        self._counted = np.array([True] * len(self.sets) if counted is None else counted)
        self._keep = keep
        self._z = _Moments(len(self.sets))
        self._divergence = _Moments(len(self.sets))
        self._undefined = np.zeros(len(self.sets), np.int64)
        self._clipped = np.zeros(len(self.sets), np.int64)
        self._heap: list[tuple[float, int]] = []

    @classmethod
    def every_pair(cls, maps: int, keep: int = 6) -> "AgreementTotals":
        """Each pair of M maps is a set of its own, in the order of ``itertools.combinations``."""
        return cls([[pair] for pair in combinations(range(maps), 2)], keep)

    def add(self, maps: NDArray[np.float32], first_image: int) -> None:
        """Add maps ``(M, B, H, W)`` of B images, numbered from ``first_image``."""
        values = torch.from_numpy(np.ascontiguousarray(maps)).flatten(2)
        each, at_one = fisher_z(pair_correlations(values, self._pairs))
        z = _averaged(each, self._members)
        self._z.add(z)
        self._undefined += np.isnan(z).sum(0)
        self._clipped += (at_one.astype(np.float64) @ self._members > 0).sum(0)
        self._divergence.add(_averaged(pair_divergences(values, self._pairs), self._members))
        if self._counted.any() and self._keep:
            counted = z[:, self._counted]
            defined = ~np.isnan(counted)
            sums = np.where(defined, counted, 0).sum(1)
            means = np.where(defined.any(1), np.tanh(sums / np.maximum(defined.sum(1), 1)), np.inf)
            for row, mean in enumerate(means.tolist()):
                heapq.heappush(self._heap, (-mean, first_image + row))
                if len(self._heap) > self._keep:
                    heapq.heappop(self._heap)

    @property
    def lowest(self) -> list[tuple[float, int]]:
        """Least agreement first."""
        return sorted((-negative, image) for negative, image in self._heap)

    def correlations(self, confidence: float = 0.95) -> list[FisherMean]:
        """The averaged correlation of each set."""
        sums = zip(*self._z.sums, self._undefined.tolist(), self._clipped.tolist(), strict=True)
        return [fisher_from_sums(*set_sums, confidence=confidence) for set_sums in sums]

    def divergences(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and population standard deviation of the divergence per set."""
        count, total, squares = (np.array(values) for values in self._divergence.sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / count
            spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
        return mean, spread


def _averaged(values: NDArray[np.float64], members: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(B, sets)`` means of columns of ``(B, pairs)``, ``members`` being (pairs, sets); NaN entries are left out."""
    defined = ~np.isnan(values)
    count = defined.astype(np.float64) @ members
    means: NDArray[np.float64] = np.where(defined, values, 0) @ members / np.where(count > 0, count, np.nan)
    return means


class _Moments:
    """Count, sum and sum of squares of each column; NaN is left out."""

    def __init__(self, columns: int) -> None:
        self._count = np.zeros(columns, np.int64)
        self._sum, self._squares = np.zeros(columns), np.zeros(columns)

    def add(self, values: NDArray[np.float64]) -> None:
        defined = ~np.isnan(values)
        filled = np.where(defined, values, 0)
        self._count += defined.sum(0)
        self._sum += filled.sum(0)
        self._squares += (filled**2).sum(0)

    @property
    def sums(self) -> tuple[list[int], list[float], list[float]]:
        return self._count.tolist(), self._sum.tolist(), self._squares.tolist()


def pair_correlations(values: Tensor, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Pearson correlations ``(B, pairs)`` of maps ``(M, B, P)``; NaN where a map is constant."""
    centered = values - values.mean(2, keepdim=True)
    lengths = torch.linalg.vector_norm(centered, dim=2)
    # A constant map leaves only the rounding of its mean.
    flat = lengths <= 1e-5 * torch.linalg.vector_norm(values, dim=2)
    by_image = centered.transpose(0, 1)
    products = torch.bmm(by_image, by_image.transpose(1, 2)).double()
    scale = torch.where(flat, torch.nan, lengths.double()).T
    products /= scale[:, :, None] * scale[:, None, :]
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    correlations: NDArray[np.float64] = products[:, first, second].clamp(-1, 1).numpy()
    return correlations


def pair_divergences(values: Tensor, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Jensen-Shannon divergences ``(B, pairs)`` of maps ``(M, B, P)``; NaN where a map is zero.

    With shares p and q of a map, the divergence is H((p + q) / 2) - (H(p) + H(q)) / 2, and the first of these
    entropies is log 2 - sum((p + q) log(p + q)) / 2.
    """
    # Empty pixels get a tiny value, so that x log x is 0 there and the logarithm needs no guard.
    scale = values.sum(2, keepdim=True)
    firsts = [
        (i, [column for column, pair in enumerate(pairs) if pair[0] == i]) for i in {i for i, _ in pairs}
    ]
    others = {i: torch.tensor([pairs[column][1] for column in columns]) for i, columns in firsts}
    entropies = torch.zeros(values.shape[:2], dtype=torch.float64)
    mixed = torch.zeros(len(pairs), values.shape[1], dtype=torch.float64)
    for start in range(0, values.shape[2], _PIXELS):
        shares = (values[:, :, start : start + _PIXELS] / scale).clamp_min_(_TINY)
        entropies -= shares.log().mul_(shares).sum(2)
        for i, columns in firsts:
            both = shares.index_select(0, others[i]).add_(shares[i])
            mixed[columns] -= both.log().mul_(both).sum(2).double()
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    divergences = (LARGEST_DIVERGENCE + mixed / 2 - (entropies[first] + entropies[second]) / 2).T.contiguous()
    for row, column in torch.nonzero(divergences < _SMALL).tolist():
        pair = (values[side, row].double().numpy()[None] for side in pairs[column])
        divergences[row, column] = float(exact_divergence(*pair)[0])
    result: NDArray[np.float64] = divergences.clamp(0, LARGEST_DIVERGENCE).numpy()
    return result
