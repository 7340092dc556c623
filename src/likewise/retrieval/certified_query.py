"""The query side of the lower bound: coefficients that meet the gallery's factors in matrix products.

See ``certified_bound`` for the algebra. Everything here is per query and node (B, D) until a product with the
gallery's factors makes it (B, N).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from likewise.models.avsl_distance import AVSLDistance
from likewise.models.avsl_representation import Representation
from likewise.retrieval.certified_fits import Fit, fit

if TYPE_CHECKING:
    from likewise.retrieval.certified_bound import GalleryStatistics

COARSE_TERMS = 4  # of polynomials that enter a length only


class Columns(Protocol):
    """The gallery's factors, see ``certified_bound``."""

    powers: list[Tensor]
    polynomials: list[Tensor]
    spread: list[Tensor]


class QueryTerms:
    """Coefficients of B queries against one gallery.

    Args:
        distance: With index_p 2.
        gallery: Statistics of the gallery.
        terms: Per level above the lowest, terms of the polynomials.
        images: The queries.
    """

    def __init__(
        self,
        distance: AVSLDistance,
        gallery: "GalleryStatistics",
        terms: Sequence[int],
        images: Representation,
    ) -> None:
        self._distance, self._gallery, self._images = distance, gallery, images
        self._kept: dict[tuple[str, int], Fit] = {}
        levels = range(1, distance.levels)
        self._mean_delta = [
            own.square() - 2 * own * mean + square
            for own, mean, square in zip(images.embeddings, gallery.mean, gallery.mean_square, strict=True)
        ]
        self._trust = [self._reliability(level, gallery.mean_certainty[level - 1]) for level in levels]
        self._fits = [self._fit(level, terms[level - 1]) for level in levels]
        flow, self._flows = self._mean_delta[0], []
        for level in levels:
            self._flows.append(flow @ distance.links[level - 1])
            trust = self._trust[level - 1]
            flow = trust * self._mean_delta[level] + (1 - trust) * self._flows[-1]
        weight = torch.ones_like(images.embeddings[-1])
        self._weights = [weight]
        for level in reversed(levels):
            weight = ((1 - self._trust[level - 1]) * weight) @ distance.links[level - 1].T
            self._weights.insert(0, weight)

    def first_order(self, powers: Sequence[Tensor], polynomials: Sequence[Tensor]) -> Tensor:
        """The distance without the coupling, less the polynomials' errors: (B, N)."""
        total = _product([self._weights[0] * part for part in self._delta(0, 0.0)], powers[0])
        for level in range(1, self._distance.levels):
            weight, flow = self._weights[level], self._flows[level - 1]
            coefficients, error = self._fits[level - 1]
            for j, coefficient in enumerate(coefficients):
                parts = [weight * coefficient * part for part in self._delta(level, flow)]
                if j == 0:
                    parts = [
                        own - weight * error * part
                        for own, part in zip(parts, self._delta(level, 0.0), strict=True)
                    ]
                total += _product(parts, powers[level], polynomials[level - 1][j] if j else None)
            total += (weight * (self._trust[level - 1] - error) * flow).sum(dim=1, keepdim=True)
        return total

    def lowest_deviation(self, powers: Tensor) -> Tensor:
        """|delta - its mean| at the lowest level: (B, N)."""
        return _length(_product(self._squared_delta(0, self._mean_delta[0]), powers))

    def gated(self, level: int, vector: Tensor, polynomials: Tensor) -> tuple[Tensor, Tensor]:
        """V . (A e) of all pairs (B, N), and its largest error (B,)."""
        coefficients, error = self._fits[level - 1]
        weight = vector * self._weights[level]
        constant = (weight * (self._trust[level - 1] - coefficients[0])).sum(dim=1, keepdim=True)
        total = constant.expand(-1, polynomials.shape[1]).clone()
        for coefficient, polynomial in zip(coefficients[1:], polynomials[1:], strict=True):
            total.addmm_(weight * coefficient, polynomial.T, alpha=-1)
        return total, (weight.abs() * error).sum(dim=1)

    def gate_length(self, level: int, polynomials: Tensor) -> Tensor:
        """At least |A e| of all pairs: (B, N)."""
        trust, square_weight = self._trust[level - 1], self._weights[level].square()
        squares = self._fit_once(
            ("gate", level),
            lambda: fit(
                lambda certainty: (self._reliability(level, certainty) - trust).square(),
                self._gallery.intervals[level - 1],
                len(polynomials),
            ),
        )
        constant = (square_weight * (squares.coefficients[0] + squares.error)).sum(dim=1, keepdim=True)
        total = constant.expand(-1, polynomials.shape[1]).clone()
        for coefficient, polynomial in zip(squares.coefficients[1:], polynomials[1:], strict=True):
            total.addmm_(square_weight * coefficient, polynomial.T)
        return _length(total)

    def arriving(self, level: int, vector: Tensor, powers: Sequence[Tensor]) -> Tensor:
        """U . (h - h0) at a level with every reliability at its mean: (B, N)."""
        direction = vector.expand_as(self._mean_delta[level])
        total: Tensor | float = 0.0
        for lower in range(level, -1, -1):
            own = direction * self._trust[lower - 1] if lower else direction
            parts = [own * part for part in self._delta(lower, self._mean_delta[lower])]
            total = total + _product(parts, powers[lower])
            if lower:
                direction = (direction - own) @ self._distance.links[lower - 1].T
        assert isinstance(total, Tensor)
        return total

    def step_up(
        self, level: int, columns: Columns, flow: Tensor, unknown: Tensor, strongest: Tensor
    ) -> tuple[Tensor, Tensor]:
        """From the level below to this one.

        Args:
            level: Not the highest.
            columns: The gallery's factors.
            flow: (B, N), at least |F - F0| of this level.
            unknown: (B, N), largest error of ``arriving`` at the level below.
            strongest: Largest singular value of the link from below.

        Returns:
            At least |h - h0|, and the largest error of ``arriving`` for vectors of length 1, of this level.
        """
        powers, spread = columns.powers[level], columns.spread[level - 1]
        slope, below = self._slope(level), self._flows[level - 1]
        largest = (slope * self._gallery.farthest[level - 1]).clamp_max(1).amax(dim=1, keepdim=True)
        squares = [slope.square() * part for part in self._squared_delta(level, below)]
        first = _length(_product(squares, powers, spread)).addcmul_(largest, flow)
        lowest = self._lowest_reliability(level).amin(dim=1, keepdim=True)
        passed = 1 - self._trust[level - 1].amin(dim=1, keepdim=True)
        deviation = self._own_part(level, columns).addcmul_(1 - lowest, flow)
        return deviation, first.addcmul_(strongest * passed, unknown)

    def _own_part(self, level: int, columns: Columns) -> Tensor:
        """At least |P (delta - F0) - p (mean delta - F0)|: (B, N)."""
        below, powers = self._flows[level - 1], columns.powers[level]
        polynomials = columns.polynomials[level - 1]
        kept = self._trust[level - 1] * (self._mean_delta[level] - below)
        terms, where = min(COARSE_TERMS, len(polynomials)), self._gallery.intervals[level - 1]
        plain = self._fit_once(("plain", level), lambda: self._fit(level, terms))
        square = self._fit_once(
            ("square", level), lambda: fit(lambda c: self._reliability(level, c).square(), where, terms)
        )
        quartic, quadratic = self._squared_delta(level, below), self._delta(level, below)
        total = kept.square().sum(dim=1, keepdim=True)
        for j, (own, squared) in enumerate(zip(plain.coefficients, square.coefficients, strict=True)):
            parts = [(squared + square.error if j == 0 else squared) * part for part in quartic]
            parts = [part - 2 * kept * own * quadratic[k] if k < 3 else part for k, part in enumerate(parts)]
            if j == 0:  # |kept (delta - F0)| error <= |kept| (delta + F0) error
                sizes = self._delta(level, -below)
                parts = [
                    part + 2 * kept.abs() * plain.error * sizes[k] if k < 3 else part
                    for k, part in enumerate(parts)
                ]
            total = total + _product(parts, powers, polynomials[j] if j else None)
        return _length(total)

    def _delta(self, level: int, less: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
        """(own - b)^2 - less, by powers of b."""
        own = self._images.embeddings[level]
        return own.square() - less, -2 * own, torch.ones_like(own)

    def _squared_delta(self, level: int, less: Tensor) -> list[Tensor]:
        """((own - b)^2 - less)^2, by powers of b."""
        own = self._images.embeddings[level]
        square = own.square()
        rest = square - less
        return [rest.square(), -4 * own * rest, 4 * square + 2 * rest, -4 * own, torch.ones_like(own)]

    def _reliability(self, level: int, certainty: Tensor) -> Tensor:
        """Of the queries against gallery certainties (..., D)."""
        distance, own = self._distance, self._images.certainties[level - 1]
        steep = own * (distance.gamma * distance.coef[level - 1])
        return torch.addcmul(distance.gamma * distance.bias[level - 1], steep, certainty).sigmoid_()

    def _fit_once(self, name: tuple[str, int], make: Callable[[], Fit]) -> Fit:
        # The same for every block of the gallery.
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def _fit(self, level: int, terms: int) -> Fit:
        return fit(
            lambda certainty: self._reliability(level, certainty), self._gallery.intervals[level - 1], terms
        )

    def _lowest_reliability(self, level: int) -> Tensor:
        middle, half = self._gallery.intervals[level - 1]
        ends = (self._reliability(level, middle - half), self._reliability(level, middle + half))
        return torch.minimum(*ends)

    def _slope(self, level: int) -> Tensor:
        """Largest change of the reliability per change of the gallery's certainty, (B, D)."""
        distance, own = self._distance, self._images.certainties[level - 1]
        middle, half = self._gallery.intervals[level - 1]
        ends = [self._reliability(level, middle - half), self._reliability(level, middle + half)]
        # p (1 - p) is largest at 1/2, else at the end nearer to it.
        steepest = torch.maximum(*(end * (1 - end) for end in ends))
        steepest = torch.where((ends[0] - 0.5) * (ends[1] - 0.5) <= 0, 0.25, steepest)
        return steepest * distance.gamma * (distance.coef[level - 1] * own).abs()


def _product(coefficients: Sequence[Tensor], powers: Tensor, factor: Tensor | None = None) -> Tensor:
    """sum_k coefficients[k] (B, D) times (powers[k] factor) (N, D), summed over nodes: (B, N)."""
    if factor is None:  # the power 0 is 1: one number a query
        constant = coefficients[0].sum(dim=1, keepdim=True)
        total = constant.expand(-1, powers.shape[1]).clone()
        start = 1
    else:
        total = coefficients[0] @ factor.T
        start = 1
    for k in range(start, len(coefficients)):
        other = powers[k] if factor is None else powers[k] * factor
        total.addmm_(coefficients[k], other.T)
    return total


def _length(squared: Tensor) -> Tensor:
    return squared.clamp_min_(0).sqrt_()
