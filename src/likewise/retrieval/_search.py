"""Exact nearest rows by squared Euclidean distance: a lossless coarse filter, then exact distances.

A matrix product in low precision scores every pair, with a bound on the error of the score. The few gallery
rows whose score comes within twice that bound of the k-th best are computed again from differences in float64;
no other row can be among the k nearest. If more rows are that close than fit, the query is searched again
in float32, and finally with all rows. The answer is therefore exact in every precision and on every device.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.bfloat16 import bf16_is_faster
from likewise.retrieval._filter import BLOCK, Filter, exact_products, positions
from likewise.retrieval._stream import capacity, stream

_BUDGET = 1 << 26  # bytes of scores and answers held at once where the gallery is not streamed
_GPU_BUDGET, _GPU_ROWS = (
    1 << 30,
    4096,
)  # a GPU is quick with few large steps: no streaming, which is for CPU caches
_EXACT_VALUES = 1 << 17  # float64 differences held at once: they stay in the cache


@dataclass(frozen=True)
class Found:
    """Result of a block of queries: gallery rows ``(B, k)`` int64, nearest first, and squared distances float64."""

    indices: Tensor
    squared: Tensor


class Searcher:
    """A gallery ``(N, D)`` float32 ready to be searched.

    Args:
        gallery: Prepared rows, see :mod:`likewise.retrieval.distances`.
        bf16: Filter in bfloat16; None if that is faster on this machine and the gallery is large.
        streams: Score a large gallery block by block; None on a CPU.
    """

    def __init__(self, gallery: Tensor, bf16: bool | None = None, streams: bool | None = None) -> None:
        self.gallery = gallery
        on_cpu = gallery.device.type == "cpu"
        self._large = (on_cpu if streams is None else streams) and len(gallery) > 2 * BLOCK
        self._budget, self._most_rows = (_BUDGET, BLOCK) if on_cpu else (_GPU_BUDGET, _GPU_ROWS)
        self._center = gallery.mean(0, dtype=torch.float64).float()
        # Shuffled, so that the first block is a fair sample whatever the order of the catalog.
        order = torch.randperm(len(gallery), generator=torch.Generator().manual_seed(0))
        self._order = order.to(gallery.device)
        self._bf16 = (self._large and bf16_is_faster(gallery.device)) if bf16 is None else bf16
        self._filters: dict[torch.dtype, Filter] = {}

    def rows_per_block(self, k: int) -> int:
        """Number of queries to search at once, so that memory is bounded."""
        if self._streams(k + 1):
            return BLOCK
        return max(1, min(self._most_rows, self._budget // (4 * len(self.gallery) + 50 * capacity(k + 1))))

    def search(
        self, queries: Tensor, k: int, self_index: Tensor | None = None, all_exact: bool = True
    ) -> Found:
        """The k nearest gallery rows of at most ``rows_per_block(k)`` queries ``(B, D)`` float32.

        Args:
            queries: Rows prepared as the gallery is.
            k: From 1 to N, or to N - 1 with ``self_index``.
            self_index: ``(B,)`` int64, the gallery row to exclude for each query; -1 for none.
            all_exact: False computes distances exactly only where the order depends on it.
        """
        with exact_products(queries.device):
            low = self._bf16 and self._streams(k + 1)
            nearest, hard = self._search(
                queries, k, self_index, torch.bfloat16 if low else torch.float32, all_exact
            )
            if low and len(hard):
                # Distances that bfloat16 hardly distinguishes: if there are many, another attempt is not worthwhile.
                self._bf16 = len(hard) < len(queries) / 8
                again, harder = self._search(
                    queries[hard], k, _at(self_index, hard), torch.float32, all_exact
                )
                nearest.indices[hard], nearest.squared[hard] = again.indices, again.squared
                hard = hard[harder]
            for rows in torch.split(hard, max(1, self._budget // (32 * len(self.gallery)))):
                again = self._search_ties(queries[rows], k, _at(self_index, rows))
                nearest.indices[rows], nearest.squared[rows] = again.indices, again.squared
        return nearest

    def _streams(self, count: int) -> bool:
        return capacity(count) * 4 <= BLOCK and self._large

    def _filter(self, dtype: torch.dtype) -> Filter:
        if dtype not in self._filters:
            self._filters[dtype] = Filter(self.gallery, self._order, self._center, dtype)
        return self._filters[dtype]

    def _search(
        self, queries: Tensor, k: int, self_index: Tensor | None, dtype: torch.dtype, all_exact: bool
    ) -> tuple[Found, Tensor]:
        """The answer, and the queries for which it may be wrong because too many rows were too close."""
        # The query itself is found like any other row and removed by its index, never by its rank.
        count, gallery = k + (self_index is not None), self._filter(dtype)
        encoded = gallery.encode(queries)
        if self._streams(count):
            scores, places, turned_away = stream(encoded, gallery, count)
        else:
            candidates = min(capacity(count), len(self.gallery))
            scores, places = encoded.product(gallery.rows).topk(candidates, 1)
            turned_away = torch.full_like(scores[:, 0], -math.inf)
        needed = encoded.lowest(scores[:, count - 1])
        hard = turned_away > needed
        if scores.shape[1] < len(self.gallery):
            hard |= scores[:, -1] >= needed
        indices = self._order[places]
        possible = scores >= needed[:, None]
        squared = torch.where(possible, scores.double().mul_(-2).clamp_(min=0), math.inf)
        close = possible if all_exact else possible & _ambiguous(scores, encoded.lowest(scores))
        pairs = positions(close)
        width = indices.shape[1]
        rows = pairs.div(width, rounding_mode="floor")
        squared.view(-1)[pairs] = self._exact(queries, rows, indices.reshape(-1)[pairs])
        if self_index is not None:
            squared.masked_fill_(indices == self_index[:, None], math.inf)
        return _first(squared, indices, k), hard.nonzero().flatten()

    def _exact(self, queries: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Squared distances float64 of pairs, from the differences of their values."""
        distances = torch.empty(len(rows), dtype=torch.float64, device=queries.device)
        step = max(1, (_EXACT_VALUES if rows.device.type == "cpu" else _BUDGET // 8) // queries.shape[1])
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            difference = self.gallery.index_select(0, columns[part]).double()
            difference -= queries.index_select(0, rows[part])
            torch.linalg.vector_norm(difference, dim=1, out=distances[part])
        return distances.square_()

    def _search_ties(self, queries: Tensor, k: int, self_index: Tensor | None) -> Found:
        """Search with any number of ties at the k-th row: take all candidates, then choose by distance and index."""
        count, gallery = k + (self_index is not None), self._filter(torch.float32)
        encoded = gallery.encode(queries)
        scores = encoded.product(gallery.rows)[:, : len(self.gallery)]
        pairs = positions(scores >= encoded.lowest(scores.topk(count, 1).values[:, -1])[:, None])
        row = pairs.div(len(self.gallery), rounding_mode="floor")
        column = self._order[pairs % len(self.gallery)]
        squared = self._exact(queries, row, column)
        if self_index is not None:
            squared[column == self_index[row]] = math.inf
        order = column.argsort()
        for key in (squared, row):  # stable sorts, the most important key last
            order = order[key[order].argsort(stable=True)]
        starts = torch.searchsorted(row, torch.arange(len(queries), device=row.device))  # rows were sorted
        first = order[starts[:, None] + torch.arange(k, device=row.device)]
        return Found(column[first], squared[first])


def _first(squared: Tensor, indices: Tensor, k: int) -> Found:
    """The k smallest of each row; equal distances by lower index."""
    squared, order = squared.sort(1)
    indices = indices.gather(1, order)
    tied = ((squared[:, 1:] == squared[:, :-1]) & squared[:, 1:].isfinite()).any(1).nonzero().flatten()
    if len(tied):
        by_index = indices[tied].argsort(dim=1)
        by_distance = squared[tied].gather(1, by_index).argsort(dim=1, stable=True)
        indices[tied] = indices[tied].gather(1, by_index.gather(1, by_distance))
    return Found(indices[:, :k], squared[:, :k])


def _ambiguous(scores: Tensor, lowest: Tensor) -> Tensor:
    """Mask of the descending scores ``(B, C)`` that are too close to a neighbour to know their order."""
    unclear = scores[:, 1:] >= lowest[:, :-1]
    result = torch.zeros_like(scores, dtype=torch.bool)
    result[:, 1:] = unclear
    result[:, :-1] |= unclear
    return result


def _at(self_index: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if self_index is None else self_index[rows]
