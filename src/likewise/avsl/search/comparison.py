"""Exact nearest neighbours under the AVSL distance, without computing every distance.

``AVSLComparison`` gives the same answer as comparing each query with the whole gallery, with a certificate: a
lower bound of every distance (``bound``) rules out all images but a few, and those are compared
exactly. Where the bound would not pay (an untrained model, a tiny gallery, k of the gallery's order, a power
other than 2) every pair is compared, so it is never slower than that. ``report`` says what was done.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.avsl.distance import AVSLDistance
from likewise.avsl.search.bound import LowerBound
from likewise.avsl.search.exact import PairDistances, nearest_of_all, settled
from likewise.avsl.search.plan import Plan, make_plan

GALLERY_ROWS = 2304  # met at once by a block of queries: many, so that making their factors costs little
QUERY_ROWS = 2304
BLOCK_BYTES = 128 * 2**20  # of one (queries, gallery) matrix; about five are alive


@dataclass(frozen=True)
class SearchReport:
    """Statistics of an exact search.

    Attributes:
        pairs: Queries x gallery.
        exact_pairs: Pairs whose distance was computed exactly; the others were ruled out by the bound.
        plan: Plan of the search.
    """

    pairs: int
    exact_pairs: int
    plan: Plan

    @property
    def exact_share(self) -> float:
        """Share of the pairs that had to be compared exactly, 0..1."""
        return self.exact_pairs / max(1, self.pairs)


class AVSLComparison:
    """The distance of an AVSL model as a search: give it to ``nearest`` or ``evaluate`` as ``distance``.

    Args:
        distance: ``head.distance()`` of the model.

    Attributes:
        report: Report of the last search; None before the first.
    """

    name = "avsl"

    def __init__(self, distance: AVSLDistance) -> None:
        self.distance = distance
        self.report: SearchReport | None = None

    def pairwise(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """All distances (Q, N) of flat rows, in blocks of bounded memory."""
        return self._on(queries).compare(queries.float(), gallery.float())

    @torch.no_grad()
    def nearest(
        self, queries: Tensor, gallery: Tensor, k: int, self_index: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The k nearest gallery rows of each query, nearest first; equal distances by lower index.

        Order and choice are those of float64 arithmetic: if float32 cannot distinguish two distances, both
        are computed again in float64.

        Args:
            queries: (Q, F) flat rows.
            gallery: (N, F) flat rows.
            k: 1 to N (N - 1 with ``self_index``).
            self_index: (Q,) gallery row that a query must not find, or -1; None: no exclusion.

        Returns:
            Indices (Q, k) int64 and distances (Q, k) float32.

        Raises:
            InputError: The rows are not those of this model.
        """
        distance = self._on(queries)
        queries, gallery = queries.float(), gallery.float()
        distance.unpack(queries), distance.unpack(gallery)  # refuses rows of another model
        plan, bound = make_plan(distance, queries, gallery, k)
        exact = PairDistances(distance, queries, gallery)
        hidden = torch.full((len(queries),), -1, device=queries.device) if self_index is None else self_index
        neighbors = _bounded(exact, bound, k, hidden) if bound else nearest_of_all(exact, k, hidden)
        self.report = SearchReport(len(queries) * len(gallery), exact.computed, plan)
        return neighbors

    def _on(self, rows: Tensor) -> AVSLDistance:
        return self.distance.to(rows.device)


def _bounded(exact: PairDistances, bound: LowerBound, k: int, self_index: Tensor) -> tuple[Tensor, Tensor]:
    """Blocks of queries against the whole gallery, through the bound."""
    height = max(1, min(QUERY_ROWS, BLOCK_BYTES // (4 * len(exact.gallery))))
    blocks = [
        _bounded_block(
            exact,
            bound,
            k,
            self_index,
            torch.arange(start, min(start + height, len(exact.queries)), device=self_index.device),
        )
        for start in range(0, len(exact.queries), height)
    ]
    return torch.cat([indices for indices, _ in blocks]), torch.cat([distances for _, distances in blocks])


def _bounded_block(
    exact: PairDistances, bound: LowerBound, k: int, self_index: Tensor, rows: Tensor
) -> tuple[Tensor, Tensor]:
    approximation, lower = bound_matrix(exact, bound, rows)
    with_own = (self_index[rows] >= 0).nonzero()[:, 0]
    approximation[with_own, self_index[rows][with_own]] = torch.inf
    lower[with_own, self_index[rows][with_own]] = torch.inf
    # The approximation is good enough for the likely neighbours; their distances set the mark to beat.
    likely = approximation.topk(min(k + 4 + k // 4, len(exact.gallery)), dim=1, largest=False)
    pairs = likely.values.isfinite().nonzero()
    columns = likely.indices[pairs[:, 0], pairs[:, 1]]
    distances = exact.of(rows[pairs[:, 0]], columns)
    exact_distances = torch.full_like(approximation, torch.inf)
    exact_distances[pairs[:, 0], columns] = distances
    mark = exact_distances.topk(k, dim=1, largest=False).values[:, -1:]
    lower[pairs[:, 0], columns] = torch.inf
    possible = (lower <= mark).nonzero()
    exact_distances[possible[:, 0], possible[:, 1]] = exact.of(rows[possible[:, 0]], possible[:, 1])
    return settled(exact, rows, exact_distances, k)


def bound_matrix(exact: PairDistances, bound: LowerBound, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Approximations and lower bounds (B, N) of some queries against the whole gallery."""
    query = bound.query(exact.distance.unpack(exact.queries[rows]))
    approximation = torch.empty(len(rows), len(exact.gallery), device=rows.device)
    lower = torch.empty_like(approximation)
    for start in range(0, len(exact.gallery), GALLERY_ROWS):
        part = slice(start, start + GALLERY_ROWS)
        near, radius = bound.block(query, exact.distance.unpack(exact.gallery[part]))
        approximation[:, part] = near
        lower[:, part] = near - radius
    return approximation, lower
