"""The query side of the lower bound: coefficients that meet the gallery's factors in matrix products.

See ``bound`` for the algebra. Everything here is per query and node (B, D) until a product with the
gallery's factors makes it (B, N).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from likewise.avsl.distance import AVSLDistance
from likewise.avsl.representation import Representation
from likewise.avsl.search.fits import Fit, fit
from likewise.avsl.search.products import Factors, Quick, exact_product, quick_product

if TYPE_CHECKING:
    from likewise.avsl.search.bound import GalleryStatistics

COARSE_TERMS = 4  # of polynomials that enter a length only


class Columns(Protocol):
    """The gallery's factors, see ``bound``."""

    powers: list[list[Tensor]]
    polynomials: list[Tensor]
    quick_powers: list[Factors]
    quick_polynomials: list[Factors]
    quick_first: list[Factors]
    quick_spread: list[Factors]
    quick_both: list[Factors]


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
        self._fit_cache: dict[tuple[str, int], Fit] = {}
        levels = range(1, distance.levels)
        self._mean_delta = [
            a.square() - 2 * a * mean + square
            for a, mean, square in zip(images.embeddings, gallery.mean, gallery.mean_square, strict=True)
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

    def first_order(self, columns: Columns) -> Quick:
        """The distance without the coupling, less the polynomials' errors, and its own error: (B, N)."""
        total = exact_product([self._weights[0] * part for part in self._delta(0, 0.0)], columns.powers[0])
        total_error: Tensor | float = 0.0
        for level in range(1, self._distance.levels):
            weight, flow = self._weights[level], self._flows[level - 1]
            coefficients, error = self._fits[level - 1]
            largest = [weight * error * part for part in self._delta(level, 0.0)]
            constant = _sum(weight * (self._trust[level - 1] - error) * flow)
            mean = [weight * coefficients[0] * part for part in self._delta(level, flow)]
            total += exact_product(
                [coefficient - less for coefficient, less in zip(mean, largest, strict=True)],
                columns.powers[level],
            )
            parts = [
                weight * coefficient * part
                for coefficient in coefficients[1:]
                for part in self._delta(level, flow)
            ]
            varying = quick_product(parts, columns.quick_first[level - 1], constant)
            total += varying.value
            total_error = total_error + varying.error
        return Quick(total, total_error)

    def lowest_deviation(self, columns: Columns) -> Tensor:
        """At least |delta - its mean| at the lowest level: (B, N)."""
        constant, *parts = self._squared_delta(0, self._mean_delta[0])
        return _length(quick_product(parts, columns.quick_powers[0], _sum(constant)).highest())

    def gated(self, level: int, vector: Tensor, columns: Columns) -> Quick:
        """V . (A e) of all pairs (B, N), and its largest error (B, N)."""
        coefficients, error = self._fits[level - 1]
        weight = vector * self._weights[level]
        constant = _sum(weight * (self._trust[level - 1] - coefficients[0]))
        parts = [-weight * coefficient for coefficient in coefficients[1:]]
        product = quick_product(parts, columns.quick_polynomials[level - 1], constant)
        return Quick(product.value, _sum(weight.abs() * error) + product.error)

    def gate_length(self, level: int, columns: Columns) -> Tensor:
        """At least |A e| of all pairs: (B, N)."""
        trust, square_weight = self._trust[level - 1], self._weights[level].square()
        squares = self._fit_once(
            ("gate", level),
            lambda: fit(
                lambda certainty: (self._reliability(level, certainty) - trust).square(),
                self._gallery.intervals[level - 1],
                len(columns.polynomials[level - 1]),
            ),
        )
        constant = _sum(square_weight * (squares.coefficients[0] + squares.error))
        parts = [square_weight * coefficient for coefficient in squares.coefficients[1:]]
        return _length(quick_product(parts, columns.quick_polynomials[level - 1], constant).highest())

    def arriving(self, level: int, vector: Tensor, columns: Columns) -> Quick:
        """U . (h - h0) at a level with every reliability at its mean: (B, N)."""
        direction = vector.expand_as(self._mean_delta[level])
        total: Tensor | None = None
        error: Tensor | float = 0.0
        for lower in range(level, -1, -1):
            share = direction * self._trust[lower - 1] if lower else direction
            constant, *parts = [share * part for part in self._delta(lower, self._mean_delta[lower])]
            product = quick_product(parts, columns.quick_powers[lower], _sum(constant))
            total = product.value if total is None else total.add_(product.value)
            error = error + product.error
            if lower:
                direction = (direction - share) @ self._distance.links[lower - 1].T
        assert total is not None
        return Quick(total, error)

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
        slope, below = self._slope(level), self._flows[level - 1]
        largest = (slope * self._gallery.farthest[level - 1]).clamp_max(1).amax(dim=1, keepdim=True)
        squares = [slope.square() * part for part in self._squared_delta(level, below)]
        squared = quick_product(squares, columns.quick_spread[level - 1], torch.zeros_like(largest)).highest()
        first = _length(squared).addcmul_(largest, flow)
        lowest = self._lowest_reliability(level).amin(dim=1, keepdim=True)
        passed = 1 - self._trust[level - 1].amin(dim=1, keepdim=True)
        deviation = self._own_part(level, columns).addcmul_(1 - lowest, flow)
        return deviation, first.addcmul_(strongest * passed, unknown)

    def _own_part(self, level: int, columns: Columns) -> Tensor:
        """At least |P (delta - F0) - p (mean delta - F0)|: (B, N)."""
        below, polynomials = self._flows[level - 1], columns.polynomials[level - 1]
        mean_term = self._trust[level - 1] * (self._mean_delta[level] - below)
        terms, where = min(COARSE_TERMS, len(polynomials)), self._gallery.intervals[level - 1]
        plain = self._fit_once(("plain", level), lambda: self._fit(level, terms))
        square = self._fit_once(
            ("square", level), lambda: fit(lambda c: self._reliability(level, c).square(), where, terms)
        )
        quartic, quadratic = self._squared_delta(level, below), self._delta(level, below)
        constant, every = _sum(mean_term.square()), list[Tensor]()
        for j, (coefficient, squared) in enumerate(zip(plain.coefficients, square.coefficients, strict=True)):
            parts = [(squared + square.error if j == 0 else squared) * part for part in quartic]
            parts = [
                part - 2 * mean_term * coefficient * quadratic[k] if k < 3 else part
                for k, part in enumerate(parts)
            ]
            if j == 0:  # |mean term (delta - F0)| error <= |mean term| (delta + F0) error
                sizes = self._delta(level, -below)
                parts = [
                    part + 2 * mean_term.abs() * plain.error * sizes[k] if k < 3 else part
                    for k, part in enumerate(parts)
                ]
                constant = constant + _sum(parts[0])
                parts = parts[1:]
            every += parts
        return _length(quick_product(every, columns.quick_both[level - 1], constant).highest())

    def _delta(self, level: int, less: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
        """(a - b)^2 - less, by powers of b."""
        a = self._images.embeddings[level]
        return a.square() - less, -2 * a, torch.ones_like(a)

    def _squared_delta(self, level: int, less: Tensor) -> list[Tensor]:
        """((a - b)^2 - less)^2, by powers of b."""
        a = self._images.embeddings[level]
        square = a.square()
        rest = square - less
        return [rest.square(), -4 * a * rest, 4 * square + 2 * rest, -4 * a, torch.ones_like(a)]

    def _reliability(self, level: int, certainty: Tensor) -> Tensor:
        """Reliability of the queries for gallery certainties (..., D)."""
        distance, certainties = self._distance, self._images.certainties[level - 1]
        steep = certainties * (distance.gamma * distance.coef[level - 1])
        return torch.addcmul(distance.gamma * distance.bias[level - 1], steep, certainty).sigmoid_()

    def _fit_once(self, name: tuple[str, int], make: Callable[[], Fit]) -> Fit:
        # The same for every block of the gallery.
        if name not in self._fit_cache:
            self._fit_cache[name] = make()
        return self._fit_cache[name]

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
        distance, certainties = self._distance, self._images.certainties[level - 1]
        middle, half = self._gallery.intervals[level - 1]
        ends = [self._reliability(level, middle - half), self._reliability(level, middle + half)]
        # p (1 - p) is largest at 1/2, else at the end nearer to it.
        steepest = torch.maximum(*(end * (1 - end) for end in ends))
        steepest = torch.where((ends[0] - 0.5) * (ends[1] - 0.5) <= 0, 0.25, steepest)
        return steepest * distance.gamma * (distance.coef[level - 1] * certainties).abs()


def _sum(values: Tensor) -> Tensor:
    return values.sum(dim=1, keepdim=True)


def _length(squared: Tensor) -> Tensor:
    return squared.clamp_min_(0).sqrt_()
