"""Choice of the lower bound for a model and gallery, by a pilot on a few pairs."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.avsl.distance import AVSLDistance, reliability
from likewise.avsl.representation import Representation
from likewise.avsl.search.bound import LowerBound
from likewise.avsl.search.fits import needed_terms
from likewise.seeds import torch_stream

RANKS = (0, 1, 2, 4, 8, 16)
ERRORS = (0.02, 0.006, 0.002)  # of the polynomials, mean over nodes, of a reliability 0..1
PILOT_QUERIES = 32
PILOT_GALLERY = 1024
FEWEST_PAIRS = 1_000_000  # below it, the pilot costs more than it saves
EXACT_OVERHEAD = 2.0  # an exact comparison against its matrix products alone
BOUND_OVERHEAD = 1.3
WORTHWHILE = 0.8  # of the time of comparing every pair


@dataclass(frozen=True)
class Plan:
    """Plan of a search.

    Attributes:
        exhaustive: Compare every pair.
        terms: Per level above the lowest, terms of the reliability's polynomial.
        rank: Singular pairs of each link that are computed.
        expected_share: Expected fraction of pairs to compare exactly, from the pilot.
    """

    exhaustive: bool
    terms: tuple[int, ...] = ()
    rank: int = 0
    expected_share: float = 1.0


def make_plan(
    distance: AVSLDistance, queries: Tensor, gallery: Tensor, k: int
) -> tuple[Plan, LowerBound | None]:
    """Tries bounds of growing rank on a sample and takes the cheapest, or none.

    Args:
        distance: The comparison.
        queries: (Q, F) flat rows.
        gallery: (N, F) flat rows.
        k: Number of neighbours.

    Returns:
        The plan, and its bound (none if every pair is compared).
    """
    every = Plan(exhaustive=True)
    too_few = len(queries) * len(gallery) < FEWEST_PAIRS or 4 * k > len(gallery)
    if distance.index_p != 2 or too_few:
        return every, None
    some, others = _sample(queries, PILOT_QUERIES, "queries"), _sample(gallery, PILOT_GALLERY, "gallery")
    images, pilot = distance.unpack(some), distance.unpack(others)
    # The neighbours in the sample represent the k nearest of the whole gallery; own rows in the sample do no harm.
    rank = min(len(others), max(2, round(k * len(others) / len(gallery)) + 1))
    mark = distance.compare(some, others).kthvalue(rank, dim=1).values[:, None]
    compare_cost = EXACT_OVERHEAD * (distance.levels - 1) * distance.dim**2
    best: tuple[Plan, LowerBound | None] = (every, None)
    best_cost = WORTHWHILE * compare_cost
    first = LowerBound(distance, distance.unpack(gallery), (1,) * (distance.levels - 1), 0)
    for bound in _candidates(first, images):
        if BOUND_OVERHEAD * bound.cost() >= best_cost:
            continue
        approximation, radius = bound.block(bound.query(images), pilot)
        share = float((approximation - radius <= mark).float().mean())
        cost = BOUND_OVERHEAD * bound.cost() + share * compare_cost
        if cost < best_cost:
            best, best_cost = (Plan(False, bound.terms, bound.rank, share), bound), cost
    return best


def _candidates(first: LowerBound, images: Representation) -> Iterator[LowerBound]:
    """Bounds from cheap to tight: polynomials by tolerance, then ranks, each combination once."""
    tried = set()
    for error in ERRORS:
        terms = tuple(_terms(first, images, level, error) for level in range(first.distance.levels - 1))
        for rank in RANKS[: first.distance.dim]:
            if (terms, rank) not in tried:
                tried.add((terms, rank))
                yield first.with_settings(terms, rank)


def _terms(bound: LowerBound, images: Representation, level: int, error: float) -> int:
    distance = bound.distance

    def trust(certainty: Tensor) -> Tensor:
        product = images.certainties[level] * certainty
        return reliability(product, distance.coef[level], distance.bias[level], distance.gamma)

    return needed_terms(trust, bound.statistics.intervals[level], error)


def _sample(rows: Tensor, count: int, name: str) -> Tensor:
    if len(rows) <= count:
        return rows
    chosen = torch.randperm(len(rows), generator=torch_stream(0, "certified search", name))[:count]
    return rows[chosen.to(rows.device)]
