"""A store whose vectors stay in memory: the same answers as the store on disk, many times faster.

A view holds one version of the index. The candidates of a search come from one matrix product per batch of queries;
:func:`likewise.retrieval.index.search.search_store` then computes exact distances and their order, as for a store on
disk. A new version, written by this or another process, is loaded with the next query.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from likewise.retrieval.distances import prepare
from likewise.retrieval.index.guard import reading
from likewise.retrieval.index.schema import VECTORS, vector_column
from likewise.retrieval.index.search import STORED_DISTANCES, vectors_of
from likewise.retrieval.index.store import IMAGES, Store
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.batching import Batcher

_BATCH_ROWS = 8192
_CONDITIONS = 64  # of which the rows that fit are remembered
Rows = NDArray[np.int64]


class ResidentView(StoreView):
    """One version of a store, in memory.

    Attributes:
        vectors: ``(N, D)`` float32.
        table: All other columns, in the same order.
    """

    def __init__(self, uri: str, images: Any, distance: str) -> None:
        super().__init__(uri, images)
        columns = [name for name in images.schema.names if not name.startswith("_collapsed")]
        with reading(uri):
            whole = images.search().select(columns).to_arrow().combine_chunks()
        self.vectors = vectors_of(whole)
        self.table = whole.drop_columns(["vector"])
        self.number = int(images.version)
        self._fits: OrderedDict[str, Rows] = OrderedDict()
        self._lock = threading.Lock()
        self._distance = distance
        self._scores: Batcher[torch.Tensor, NDArray[np.float32]] | None = None
        if distance in STORED_DISTANCES and len(self.vectors):
            self._scores = Batcher(_scorer(prepare(torch.from_numpy(self.vectors), distance)), 64, "scores")

    def __del__(self) -> None:
        if getattr(self, "_scores", None) is not None:
            self._scores.release()  # type: ignore[union-attr]  # its thread does not hold this view

    @cached_property
    def ids(self) -> list[str]:
        """Ids, in the order of the rows."""
        ids: list[str] = self.table["id"].to_pylist()
        return ids

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Number of the row of every id."""
        return {name: row for row, name in enumerate(self.ids)}

    def fitting(self, where: str | None) -> Rows | None:
        """Numbers of the rows that fit a parsed condition; None without a condition."""
        if where is None:
            return None
        with self._lock:
            numbers = self._fits.get(where)
        if numbers is None:
            super().count(where)  # refuses invalid conditions
            names = [name for batch in super().scan(["id"], where) for name in batch.column(0).to_pylist()]
            numbers = np.sort(np.array([self.row_of[name] for name in names], np.int64))
            with self._lock:
                self._fits[where] = numbers
                while len(self._fits) > _CONDITIONS:
                    self._fits.popitem(last=False)
        return numbers

    def count(self, where: str | None = None) -> int:
        """Rows that fit."""
        rows = self.fitting(where)
        return len(self.vectors) if rows is None else len(rows)

    def nearest(
        self,
        vector: np.ndarray,
        k: int,
        where: str | None,
        distance: str,
        *,
        probes: int | None,
        refine: int = 1,
        column: str = "vector",
    ) -> pa.Table:
        """See :meth:`StoreView.nearest`."""
        if probes is not None or column != "vector" or self._scores is None or distance != self._distance:
            return super().nearest(vector, k, where, distance, probes=probes, refine=refine, column=column)
        query = prepare(torch.from_numpy(vector)[None], distance, "the query")[0]
        squared = self._scores(query)
        rows = self.fitting(where)
        among = squared if rows is None else squared[rows]
        chosen = np.argpartition(among, k)[:k] if k < len(among) else np.arange(len(among))
        return self.take(chosen if rows is None else rows[chosen])

    def take(self, rows: Rows) -> pa.Table:
        """The rows with these numbers, with their vectors."""
        selected = self.table.take(pa.array(rows, pa.int64()))
        return selected.append_column("vector", vector_column(self.vectors[rows]))

    def scan(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """See :meth:`StoreView.scan`."""
        if any(name in VECTORS and name != "vector" for name in columns):
            yield from super().scan(columns, where)
            return
        fits = self.fitting(where)
        rows = np.arange(len(self.vectors)) if fits is None else fits
        for start in range(0, len(rows), _BATCH_ROWS):
            yield from self._part(rows[start : start + _BATCH_ROWS], columns).to_batches()

    def without_vectors(self) -> pa.Table:
        """See :meth:`StoreView.without_vectors`."""
        return self.table

    def rows(self, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """See :meth:`StoreView.rows`."""
        numbers = [self.row_of[name] for name in dict.fromkeys(ids) if name in self.row_of]
        return self._part(np.array(numbers, np.int64), columns)

    def _part(self, rows: Rows, columns: Sequence[str]) -> pa.Table:
        plain = [name for name in columns if name != "vector"]
        part = self.table.select(plain).take(pa.array(rows, pa.int64())).combine_chunks()
        if "vector" in columns:
            part = part.append_column("vector", vector_column(self.vectors[rows])).select(list(columns))
        return part


def _scorer(rows: torch.Tensor) -> Callable[[list[torch.Tensor]], list[NDArray[np.float32]]]:
    """Squared distances of prepared queries to prepared rows ``(N, D)``, up to a constant per query."""
    squares = rows.square().sum(1)

    def scores(queries: list[torch.Tensor]) -> list[NDArray[np.float32]]:
        return list(torch.addmm(squares[None], torch.stack(queries), rows.T, alpha=-2).numpy())

    return scores


class ResidentStore(Store):
    """A store that reads from memory while its vectors take no more than ``most_bytes``."""

    most_bytes = 4_000_000_000
    _lock: threading.Lock
    _view: ResidentView | None

    @classmethod
    def of(cls, store: Store, most_bytes: int) -> "ResidentStore":
        """The same store, in memory."""
        made = cls(store.uri, store._database, store._images, store.metadata)
        made.most_bytes, made._lock, made._view = most_bytes, threading.Lock(), None
        return made

    def snapshot(self) -> StoreView:
        """The current version; loaded where it is new."""
        number = self.version
        view = self._view
        if view is not None and view.number == number:
            return view
        with self._lock:
            view = self._view
            if view is None or view.number < number:
                size = self.count() * 4 * int(self.metadata["dim"])
                if size > self.most_bytes:
                    return super().snapshot()
                view = self._load()
                self._view = view
        return view

    def _load(self) -> ResidentView:
        with reading(self.uri):
            images = self._database.open_table(IMAGES)
            images.checkout(images.version)
        return ResidentView(self.uri, images, str(self.metadata["distance"]))
