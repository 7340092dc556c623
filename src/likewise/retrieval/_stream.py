"""Streams the gallery in blocks and keeps the best scores per query; only promising groups are examined."""

import math

import torch
from torch import Tensor

from likewise.retrieval._filter import BLOCK, EncodedQueries, Filter, positions

_GROUP_BITS, _BLOCK_BITS = 6, 11
_GROUP = 1 << _GROUP_BITS  # scores examined together: a group is opened if its maximum is high enough
_GROUPS = BLOCK // _GROUP
_BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16}
_ROOM = 4  # times the capacity: candidates before they are thinned out


def capacity(count: int) -> int:
    """Number of candidates per query, with room for scores close to the last requested one."""
    return count + 16 + count // 2


def stream(queries: EncodedQueries, gallery: Filter, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best candidates of each query.

    Returns:
        Scores ``(B, C)`` float32, descending; their positions in the filter ``(B, C)`` int64; and the highest
        score ``(B,)`` below which candidates were dropped (infinite if there were too many).
    """
    # Product with the negative query: half squared distances, whose bits as integers have the same order.
    halves, negated = queries.rows.new_empty((len(queries), BLOCK)), -queries.rows
    best = _BestCandidates(queries, gallery, count)
    next_look = BLOCK
    for start in range(0, len(gallery.rows), BLOCK):
        best.offer(torch.mm(negated, gallery.rows[start : start + BLOCK].T, out=halves), start)
        seen = start + BLOCK
        if seen >= next_look:
            best.thin_out(seen)
            next_look = 2 * seen
    best.thin_out(gallery.size)
    return best.scores[:, : capacity(count)], best.places[:, : capacity(count)].long(), best.turned_away


class _BestCandidates:
    """Candidates of each query, in the first ``_filled`` columns of two tables."""

    def __init__(self, queries: EncodedQueries, gallery: Filter, count: int) -> None:
        self._queries, self._size, self._count = queries, gallery.size, count
        shape = (len(queries), _ROOM * capacity(count))
        self.scores = gallery.rows.new_full(shape, -math.inf, dtype=torch.float32)
        self.places = torch.zeros(shape, dtype=torch.int32, device=self.scores.device)
        self._filled = torch.zeros(shape[0], dtype=torch.int64, device=self.scores.device)
        self.turned_away = torch.full_like(self.scores[:, 0], -math.inf)

    def offer(self, halves: Tensor, start: int) -> None:
        """Process the half squared distances ``(B, BLOCK)`` of the positions from ``start`` on.

        They are compared as integers: no conversion, and half of the bytes in bfloat16. What rounding made
        negative counts as nearest of all.
        """
        groups = halves.view(_BITS[halves.dtype]).view(-1, _GROUP)
        nearest = groups.amin(1).view(-1, _GROUPS)
        if start == 0:
            self._begin(halves, nearest)
        limits = _bits_at_least(0.0 - self.turned_away, halves.dtype)  # never -0.0, whose bits are the lowest
        opened = positions(nearest <= limits[:, None])
        inside = groups.index_select(0, opened)
        hits = positions(inside <= limits.index_select(0, opened >> (_BLOCK_BITS - _GROUP_BITS))[:, None])
        if len(hits):
            group = opened.index_select(0, hits >> _GROUP_BITS)
            address = (group << _GROUP_BITS) + (hits & (_GROUP - 1))  # row * BLOCK + column
            hit_halves = inside.view(-1).index_select(0, hits).view(halves.dtype).float()
            self._take(address >> _BLOCK_BITS, start + (address & (BLOCK - 1)), -hit_halves)

    def _begin(self, halves: Tensor, nearest: Tensor) -> None:
        rank = self._rank(BLOCK)
        # The r-th lowest of the groups' minima is at least the r-th lowest of all, and quicker to find.
        values = nearest.view(halves.dtype) if rank <= _GROUPS * 3 // 4 else halves
        self.turned_away = self._queries.lowest(-values.float().topk(rank, 1, largest=False).values[:, -1])

    def _take(self, row: Tensor, place: Tensor, score: Tensor) -> None:
        """Write candidates, ascending by row, behind those that are there."""
        count = torch.bincount(row, minlength=len(self._filled))
        if int((self._filled + count).max()) > self.scores.shape[1]:
            self._compact()
        before = count.cumsum(0) - count
        column = torch.arange(len(row), device=row.device) + (self._filled - before).index_select(0, row)
        self._filled += count
        flooded = self._filled > self.scores.shape[1]
        if bool(flooded.any()):
            self.turned_away[flooded] = math.inf
            self._filled[flooded] = 0
            fits = ~flooded.index_select(0, row)
            row, column, place, score = row[fits], column[fits], place[fits], score[fits]
        address = row * self.scores.shape[1] + column
        self.scores.view(-1).index_copy_(0, address, score)
        self.places.view(-1).index_copy_(0, address, place.int())

    def thin_out(self, seen: int) -> None:
        """Raise the limits after ``seen`` rows, and drop the candidates below them.

        Drops rows unlikely to be among the ``wanted`` nearest, judged by the rows seen so far. The gallery is
        shuffled, so a fraction seen / size of the nearest is expected there; four standard deviations more are
        allowed. Rows dropped by mistake are detected at the end, and the query is repeated.
        """
        self._compact()
        limit = self._queries.lowest(self.scores[:, self._rank(seen) - 1])
        self.turned_away = torch.maximum(self.turned_away, limit)

    def _compact(self) -> None:
        """Put the best candidates first, highest score first, and drop the rest."""
        most = capacity(self._count)
        width = max(most, int(self._filled.max()))
        best, order = self.scores[:, :width].topk(most, 1)
        self.places[:, :most] = self.places[:, :width].gather(1, order)
        self.scores.fill_(-math.inf)
        self.scores[:, :most] = best
        self._filled.clamp_(max=most)

    def _rank(self, seen: int) -> int:
        expected = self._count * min(1.0, seen / self._size)
        return min(self._count, math.ceil(expected + 4 * math.sqrt(expected) + 3))


def _bits_at_least(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Not negative float32 values, rounded up to ``dtype``, as integers."""
    bits = values.view(torch.int32)
    return bits if dtype == torch.float32 else ((bits >> 16) + 1).to(torch.int16)
