"""A lower bound of the AVSL distance that costs a few matrix products for all pairs at once.

Fix a query. Let p be the reliability at the gallery's mean certainty, e = p - P what a pair differs from it,
F = h W the flow from below (h: what arrives at the level below), and F0, h0 the same at mean certainty and mean
difference. With the weights A that reach each level at reliability p (A = 1 at the top, A below = W ((1-p) A)),

    distance = sum_levels A . (P (delta - F0) + p F0)  +  A_lowest . delta  +  sum_levels (A e) . (F - F0)

exactly. The first two parts are sums of products (query) x (gallery) once P is a polynomial in the gallery's
certainty (``fits``). The last part couples every two nodes that a link joins. Of it, the strongest
``rank`` singular pairs (u, s, v) of the link are computed, s (v . A e) (u . (h - h0)), and the rest is at most
(next singular value) |A e| |h - h0|, both lengths being sums of products again. Every polynomial's error, and
whatever is left out of u . h, is added to the radius. So

    approximation - radius <= distance         for every pair,

and the tighter, the less the reliability depends on the pair. Only differences to the power 2 are covered.
"""

from copy import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from likewise.avsl.distance import AVSLDistance
from likewise.avsl.representation import Representation
from likewise.avsl.search.fits import Interval, chebyshev, interval
from likewise.avsl.search.products import Factors, factors, quick_precision
from likewise.avsl.search.query import COARSE_TERMS, QueryTerms

FLOAT_ALLOWANCE = 5e-5  # of distances 0..4, about ten times what float32 differs from float64
# What a quick product costs for each of its terms against a float32 one (not in bfloat16, and in it), and what any
# product of the radius costs in addition to its terms: sums and roots.
QUICK_UNIT, PRODUCT = (1.0, 0.15), 0.6
TF32_ALLOWANCE = 2e-2  # where the user lets CUDA multiply in TF32


@dataclass(frozen=True)
class GalleryStatistics:
    """Gallery statistics for the bound.

    Attributes:
        mean: Per level (D,), mean of the embeddings.
        mean_square: Per level (D,), mean of their squares.
        mean_certainty: Per level above the lowest (D,).
        intervals: Per level above the lowest, the range of the certainties.
        farthest: Per level above the lowest (D,), largest |certainty - mean|.
    """

    mean: tuple[Tensor, ...]
    mean_square: tuple[Tensor, ...]
    mean_certainty: tuple[Tensor, ...]
    intervals: tuple[Interval, ...]
    farthest: tuple[Tensor, ...]

    @classmethod
    def of(cls, gallery: Representation) -> "GalleryStatistics":
        """The statistics of N images, N at least 1."""
        means = tuple(values.mean(dim=0) for values in gallery.certainties)
        return cls(
            tuple(level.mean(dim=0) for level in gallery.embeddings),
            tuple(level.square().mean(dim=0) for level in gallery.embeddings),
            means,
            tuple(interval(values) for values in gallery.certainties),
            tuple(
                (values - mean).abs().amax(dim=0)
                for values, mean in zip(gallery.certainties, means, strict=True)
            ),
        )


@dataclass
class _Columns:
    """Gallery-side factors of a block of rows, made once for all products.

    Attributes:
        powers: Per level 3 of (N, D): embeddings to the power 0 .. 2.
        polynomials: Per level above the lowest (R, N, D).
        quick_powers: Per level, embeddings to the power 1 .. 4.
        quick_polynomials: Per level above the lowest, polynomials 1 .. R - 1.
        quick_first: Per level above the lowest, each of those times the embeddings' powers 0 .. 2.
        quick_spread: Per level between lowest and highest, squared distance of the certainty from its mean, times
            the embeddings' powers 0 .. 4.
        quick_both: The same levels: the powers 1 .. 4, then each coarse polynomial times the powers 0 .. 4.
    """

    powers: list[list[Tensor]] = field(default_factory=list)
    polynomials: list[Tensor] = field(default_factory=list)
    quick_powers: list[Factors] = field(default_factory=list)
    quick_polynomials: list[Factors] = field(default_factory=list)
    quick_first: list[Factors] = field(default_factory=list)
    quick_spread: list[Factors] = field(default_factory=list)
    quick_both: list[Factors] = field(default_factory=list)


class LowerBound:
    """The bound against one gallery.

    Args:
        distance: With index_p 2.
        gallery: All images of the gallery.
        terms: Per level above the lowest, terms of the polynomials.
        rank: Singular pairs of each link that are computed; more tighten the bound and cost products.
    """

    def __init__(
        self, distance: AVSLDistance, gallery: Representation, terms: tuple[int, ...], rank: int
    ) -> None:
        self.distance = distance
        self.statistics = GalleryStatistics.of(gallery)
        self.terms = terms
        self.rank = rank
        self._quick = quick_precision(gallery.embeddings[0]) != gallery.embeddings[0].dtype
        self.singular = tuple(torch.linalg.svd(link) for link in distance.links)

    def with_settings(self, terms: tuple[int, ...], rank: int) -> "LowerBound":
        """The same with other polynomials and another number of singular pairs, 0 to D - 1."""
        other = copy(self)
        other.terms, other.rank = terms, rank
        return other

    def query(self, images: Representation) -> QueryTerms:
        """The query side of some images, reused for many blocks of the gallery."""
        return QueryTerms(self.distance, self.statistics, self.terms, images)

    def block(self, query: QueryTerms, gallery: Representation) -> tuple[Tensor, Tensor]:
        """Approximation and radius, both (B, N): the distance is at least their difference."""
        columns = self._columns(gallery)
        approximation, rounding = query.first_order(columns)
        radius = torch.full_like(approximation, self._allowance(approximation.device)).add_(rounding)
        deviation = query.lowest_deviation(columns)  # |h - h0| at the level below
        unknown = torch.zeros_like(deviation)  # largest error of u . (h - h0), u of length 1
        for level in range(1, self.distance.levels):
            left_vectors, values, right_vectors = self.singular[level - 1]
            following = values[self.rank]
            top = level == self.distance.levels - 1
            flow = (following * deviation).square_()
            for i in range(self.rank):
                gated, gated_error = query.gated(level, right_vectors[i], columns)
                arriving, arriving_error = query.arriving(level - 1, left_vectors[:, i], columns)
                error = unknown + arriving_error
                approximation.addcmul_(gated, arriving, value=float(values[i]))
                largest = arriving.abs_().add_(error)
                radius.addcmul_(largest, torch.as_tensor(gated_error), value=float(values[i]))
                radius.addcmul_(gated.abs_(), error, value=float(values[i]))
                if not top:
                    flow += largest.mul_(values[i]).square_()
            radius.addcmul_(query.gate_length(level, columns), deviation, value=float(following))
            if not top:
                flow = flow.sqrt_()
                deviation, unknown = query.step_up(level, columns, flow, unknown, values[0])
        return approximation, radius

    def cost(self) -> float:
        """Time of one pair, in multiply-adds of a float32 product."""
        levels, rank, products = self.distance.levels, self.rank, 2.0
        quick = 4.0
        for terms in self.terms:
            quick += 3 * (terms - 1) + (1 + rank) * (terms - 1)
            products += 2 + rank
        for terms in self.terms[:-1]:
            quick += 5 * min(terms, COARSE_TERMS) + 4
            products += 2
        for level in range(1, levels):
            quick += 2 * level * rank
            products += level * rank
        exact = 2 * levels
        return (exact + QUICK_UNIT[self._quick] * quick + PRODUCT * products) * self.distance.dim

    def _columns(self, gallery: Representation) -> _Columns:
        columns = _Columns()
        for level, vectors in enumerate(gallery.embeddings):
            square = vectors.square()
            powers = [torch.ones_like(vectors), vectors, square, square * vectors, square.square()]
            columns.powers.append(powers[:3])
            columns.quick_powers.append(factors(vectors, powers[1:]))
            if not level:
                continue
            values, terms = gallery.certainties[level - 1], self.terms[level - 1]
            polynomials = chebyshev(self.statistics.intervals[level - 1].scaled(values), terms)
            columns.polynomials.append(polynomials)
            columns.quick_polynomials.append(factors(vectors, list(polynomials[1:])))
            first = [part * polynomial for polynomial in polynomials[1:] for part in powers[:3]]
            columns.quick_first.append(factors(vectors, first))
            if level == gallery.levels - 1:
                continue
            spread = (values - self.statistics.mean_certainty[level - 1]).square()
            columns.quick_spread.append(factors(vectors, [spread * part for part in powers]))
            both = powers[1:] + [
                part * polynomial for polynomial in polynomials[1:COARSE_TERMS] for part in powers
            ]
            columns.quick_both.append(factors(vectors, both))
        return columns

    def _allowance(self, device: torch.device) -> float:
        coarse = device.type == "cuda" and torch.get_float32_matmul_precision() != "highest"
        return TF32_ALLOWANCE if coarse else FLOAT_ALLOWANCE
