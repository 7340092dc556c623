"""Pages of hits: the pages after the first, and the best hit per group.

The order of all hits of a query is computed once, when its second page is requested, and stored with the version of
the index that the first page came from: no hit is lost or repeated while others change the index.
"""

import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from likewise.errors import InputError
from likewise.retrieval import SearchResult, Threshold
from likewise.retrieval.index.exact import distances_to
from likewise.retrieval.index.index_reader import NearestRows
from likewise.retrieval.index.schema import vectors_of
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.prepared_queries import Prepared
from likewise.serve.problems import NotThereError
from likewise.serve.requests import Search
from likewise.serve.served_index import ServedIndex

_MOST_CURSORS = 128  # pages whose next one can be requested
_MOST_BYTES = 256 * 2**20  # of all orders in memory; the order of the last query always stays
_VERSIONS = 4  # versions per index that cursors hold in memory: each is a copy of all vectors


@dataclass(frozen=True)
class Ordered:
    """All hits of a query, nearest first.

    Attributes:
        table: Columns of the rows of the version except their vectors; shared by all its queries.
        rows: Row in ``table`` of each hit.
        distances: Distances of the hits.
        sizes: Group sizes of the hits; empty without groups.
    """

    table: pa.Table
    rows: NDArray[np.int64]
    distances: NDArray[np.float32]
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def nbytes(self) -> int:
        """Size without the table."""
        return self.rows.nbytes + self.distances.nbytes + self.sizes.nbytes

    def column(self, name: str) -> list[Any]:
        """The values of a column, in the order of the hits."""
        values: list[Any] = self.table[name].take(pa.array(self.rows)).to_pylist()
        return values


class _Order:
    """The order of a query, computed at the first call only."""

    def __init__(self, work: Callable[[], Ordered] | Ordered) -> None:
        self._lock = threading.Lock()
        self._work = work if callable(work) else None
        self.computed = None if callable(work) else work

    def __call__(self) -> Ordered:
        with self._lock:
            if self.computed is None:
                assert self._work is not None
                self.computed = self._work()
                self._work = None  # lets the version of the index go that it holds
            return self.computed


@dataclass(frozen=True)
class Ranking:
    """A page of hits.

    Attributes:
        result: Hits of this page; ranks continue from the previous page.
        limit: The calibrated threshold.
        query: Description of the query in answers; see :attr:`Prepared.shown`.
        nearest: The smallest distance of all pages; None without a hit.
        cursor: Cursor of the next page; None after the last.
        group_sizes: Number of images per group, by the id of its best hit.
    """

    result: SearchResult
    limit: Threshold | None
    query: Mapping[str, str | None]
    nearest: float | None
    cursor: str | None = None
    group_sizes: Mapping[str, int] = field(default_factory=dict)

    def any_within(self, distance: float) -> bool:
        """Whether any hit is within a distance."""
        return self.nearest is not None and self.nearest <= distance


@dataclass
class _Waiting:
    """A query whose next page may be requested.

    Attributes:
        held: Path and version of the index that ``order`` holds; None once the order is computed.
    """

    page: Ranking
    place: int
    order: _Order
    held: tuple[str, int] | None = None


class Pages:
    """The queries that have further pages, most recent last."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._newest: dict[str, int] = {}  # version of each index that the last cursor holds
        self._lock = threading.Lock()

    def first(
        self,
        served: ServedIndex,
        prepared: Prepared,
        search: Search,
        near: NearestRows,
        *,
        limit: Threshold | None,
        exclude: Sequence[str],
    ) -> Ranking:
        """The page of a search."""
        view = near.view
        result = SearchResult.of(near.rows, near.searched, limit, None, exact=not search.approximate)
        nearest = result.hits[0].distance if result.hits else None
        page = Ranking(result, limit, prepared.shown, nearest)
        if len(result.hits) < search.k or result.searched <= len(result.hits) + len(exclude):
            return page
        order = _Order(lambda: _ordered(served, view, prepared.vector, search.where, exclude))
        held = (served.path, view.version)
        return self._with_cursor(page, len(result.hits), order, held)

    def groups(
        self,
        served: ServedIndex,
        prepared: Prepared,
        search: Search,
        limit: Threshold | None,
        exclude: Sequence[str],
    ) -> Ranking:
        """The first page of the best hits per value of a column."""
        column = str(search.group_by)
        names = ["label", "split", *served.properties]
        if column not in names:
            raise InputError(
                f"{served.name} has no column {column!r} to group by: choose one of {', '.join(names)}."
            )
        view = served.view()
        every = _ordered(served, view, prepared.vector, search.where, exclude)
        order = _grouped(every, column)
        result, sizes = _slice(order, 0, search.k, limit=limit, searched=len(every.distances))
        nearest = result.hits[0].distance if result.hits else None
        page = Ranking(result, limit, prepared.shown, nearest, group_sizes=sizes)
        if len(order.distances) <= search.k:
            return page
        return self._with_cursor(page, search.k, _Order(order))

    def next(self, cursor: str, k: int) -> Ranking:
        """The page that a cursor names.

        Raises:
            NotThereError: The cursor is too old, or older than the server process.
        """
        with self._lock:
            waiting = self._waiting.get(cursor)
            if waiting is not None:
                self._waiting.move_to_end(cursor)
        if waiting is None:
            raise NotThereError("This cursor has expired: search again.")
        order = waiting.order()
        waiting.held = None
        before = waiting.page
        result, sizes = _slice(order, waiting.place, k, limit=before.limit, searched=before.result.searched)
        page = replace(before, result=result, cursor=None, group_sizes=sizes)
        if waiting.place + k >= len(order.distances):
            return page
        return self._with_cursor(page, waiting.place + k, waiting.order)

    def _with_cursor(
        self, page: Ranking, place: int, order: _Order, held: tuple[str, int] | None = None
    ) -> Ranking:
        cursor = secrets.token_urlsafe(12)
        with self._lock:
            self._waiting[cursor] = _Waiting(
                replace(page, result=replace(page.result, hits=[])), place, order, held
            )
            if held is not None and self._newest.get(held[0]) != held[1]:
                self._newest[held[0]] = held[1]
                self._drop_old_versions(held[0])
            while len(self._waiting) > _MOST_CURSORS or self._too_large():
                self._waiting.popitem(last=False)
        return replace(page, cursor=cursor)

    def _too_large(self) -> bool:
        """Whether the orders of several queries take more memory than they may.

        With the tables they share, except one: that of the newest version is in memory for searches anyway.
        """
        orders = {id(each.order): each.order.computed for each in self._waiting.values()}
        computed = [each for each in orders.values() if each is not None]
        tables = {id(each.table): each.table.nbytes for each in computed}
        total = sum(sorted(tables.values())[:-1]) + sum(each.nbytes for each in computed)
        return len(orders) > 1 and total > _MOST_BYTES

    def _drop_old_versions(self, path: str) -> None:
        """Drop cursors that hold old versions of an index, so that changes do not fill the memory."""
        versions = {each.held[1] for each in self._waiting.values() if each.held and each.held[0] == path}
        old = set(sorted(versions)[:-_VERSIONS])
        for cursor, each in list(self._waiting.items()):
            if each.held and each.held[0] == path and each.held[1] in old:
                del self._waiting[cursor]


def _ordered(
    served: ServedIndex, view: StoreView, vector: np.ndarray, where: str | None, exclude: Sequence[str]
) -> Ordered:
    """All rows that fit, nearest first, equal distances by id, as in a search."""
    condition = view.condition(where)
    view.count(condition)
    table = view.without_vectors()
    ids, parts = list[str](), list[NDArray[np.float32]]()
    for batch in view.scan(["id", "vector"], condition):
        ids += batch.column("id").to_pylist()
        parts.append(distances_to(vector, vectors_of(batch), served.index.distance))
    distances = np.concatenate(parts) if parts else np.empty(0, np.float32)
    names = np.array(ids, dtype=object)
    order = np.lexsort((_ranks(names), distances))
    if exclude:
        order = order[~np.isin(names[order], list(exclude))]
    rows = pc.index_in(pa.array(names[order], pa.string()), value_set=table["id"])
    return Ordered(table, rows.to_numpy(zero_copy_only=False).astype(np.int64), distances[order])


def _ranks(ids: NDArray[np.object_]) -> NDArray[np.int64]:
    """The position of each id in sorted order."""
    ranks = np.empty(len(ids), np.int64)
    ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return ranks


def _grouped(every: Ordered, column: str) -> Ordered:
    """The best hit of each value; images without a value are groups of their own."""
    values = every.column(column)
    counts = Counter(value for value in values if value not in (None, ""))
    best: list[int] = []
    met = set[Any]()
    for row, value in enumerate(values):
        if value in (None, "") or value not in met:
            best.append(row)
            met.add(value)
    sizes = np.array([counts.get(values[row], 1) for row in best], np.int64)
    return Ordered(every.table, every.rows[best], every.distances[best], sizes)


def _slice(
    order: Ordered, place: int, k: int, *, limit: Threshold | None, searched: int
) -> tuple[SearchResult, dict[str, int]]:
    """A page of hits, with the group sizes by the ids of its hits."""
    page = slice(place, place + k)
    rows = order.table.take(pa.array(order.rows[page])).to_pylist()
    pairs = list(zip(map(float, order.distances[page]), rows, strict=True))
    result = SearchResult.of(pairs, searched, limit, None, exact=True)
    hits = [replace(hit, rank=hit.rank + place) for hit in result.hits]
    sizes = dict(zip((hit.id for hit in hits), map(int, order.sizes[page]), strict=False))
    return replace(result, hits=hits), sizes
