"""A store whose vectors stay in memory: the same answers as the store on disk, many times faster.

A view holds one version of the index. The candidates of a search come from one matrix product per batch of queries;
:func:`likewise.retrieval.index.search.search_store` then computes exact distances and their order, as for a store on
disk. A version that this process writes through :meth:`ResidentStore.writer` continues the view before it; a version
of another process is loaded with the next query.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from likewise.retrieval.index.guard import reading
from likewise.retrieval.index.schema import VECTORS, vector_column
from likewise.retrieval.index.search import STORED_DISTANCES, vectors_of
from likewise.retrieval.index.store import IMAGES, Store
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.batching import Batcher
from likewise.serve.vector_memory import Rows, VectorMemory, prepared_query, scores

_BATCH_ROWS = 8192
_CONDITIONS = 64  # of which the rows that fit are remembered
_MOST_QUERIES = 64  # in a matrix product
_SETTLED_NS = 10**9  # age of a folder's time from which a later change has a later time on every file system
Scores = Batcher[tuple[VectorMemory, torch.Tensor], NDArray[np.float32]]


class ResidentView(StoreView):
    """One version of a store, in memory.

    Args:
        uri: The index.
        images: Table of this version.
        table: All columns but those of vectors.
        memory: Holds the vectors.
        places: Number in ``memory`` of the vector of each row of ``table``.
        scores: Computes the scores of queries.
    """

    def __init__(
        self, uri: str, images: Any, *, table: pa.Table, memory: VectorMemory, places: Rows, scores: Scores
    ) -> None:
        super().__init__(uri, images)
        self.table, self.number = table, int(images.version)
        self._memory, self._places, self._scores = memory, places, scores
        self.settled: tuple[int, int] | None = None  # the folder of the versions while this one was the last
        self._fits: OrderedDict[str, Rows] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        """Number of this version."""
        return self.number

    @classmethod
    def load(cls, uri: str, images: Any, dim: int, distance: str, scores: Scores) -> "ResidentView":
        """Read a version from the disk."""
        columns = _columns(images.schema)
        kinds = pa.schema([images.schema.field(name) for name in columns])
        with reading(uri):
            memory, batches = VectorMemory(dim, images.count_rows(), distance), []
            for batch in images.search().select([*columns, "vector"]).to_batches(_BATCH_ROWS):
                memory.append(vectors_of(batch))
                batches.append(batch.select(columns))
        table = pa.Table.from_batches(batches, schema=kinds).combine_chunks()
        return cls(uri, images, table=table, memory=memory, places=np.arange(len(memory)), scores=scores)

    def changed(self, images: Any, rows: pa.Table | None, gone: Sequence[str]) -> "ResidentView":
        """The version ``images``, in which ``rows`` were added or replaced, and the ids ``gone`` removed."""
        columns, table, places, memory = _columns(images.schema), self.table, self._places, self._memory
        names = [*gone, *([] if rows is None else rows["id"].to_pylist())]
        if names:
            kept = pc.invert(pc.is_in(table["id"], value_set=pa.array(names, pa.string())))
            table, places = table.filter(kept), places[kept.to_numpy()]
        for name in columns:
            if name not in table.column_names:
                field = images.schema.field(name)
                table = table.append_column(field, pa.nulls(len(table), field.type))
        table = table.select(columns)
        if rows is not None:
            memory, places = memory.extended(places, vectors_of(rows))
            table = pa.concat_tables([table, rows.select(columns).cast(table.schema)]).combine_chunks()
        return ResidentView(self.uri, images, table=table, memory=memory, places=places, scores=self._scores)

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
        return len(self._places) if rows is None else len(rows)

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
        stored = column == "vector" and distance == self._memory.distance and distance in STORED_DISTANCES
        if probes is not None or not stored or not len(self._places):
            return super().nearest(vector, k, where, distance, probes=probes, refine=refine, column=column)
        squared = self._scores((self._memory, prepared_query(vector, distance)))
        rows = self.fitting(where)
        among = squared[self._places if rows is None else self._places[rows]]
        chosen = np.argpartition(among, k)[:k] if k < len(among) else np.arange(len(among))
        return self.take(chosen if rows is None else rows[chosen])

    def take(self, rows: Rows) -> pa.Table:
        """The rows with these numbers, with their vectors."""
        return self._part(rows, [*self.table.column_names, "vector"])

    def scan(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """See :meth:`StoreView.scan`."""
        if any(name in VECTORS and name != "vector" for name in columns):
            yield from super().scan(columns, where)
            return
        fits = self.fitting(where)
        rows = np.arange(len(self._places)) if fits is None else fits
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
            part = part.append_column(
                "vector", vector_column(self._memory.vectors(self._places[rows]))
            ).select(list(columns))
        return part


def _columns(schema: pa.Schema) -> list[str]:
    """All columns but those of vectors."""
    return [name for name in schema.names if name not in VECTORS]


class ResidentStore(Store):
    """A store that reads from memory while its vectors take no more than ``most_bytes``."""

    most_bytes = 4_000_000_000
    _lock: threading.Lock
    _view: ResidentView | None
    _scores: Scores
    _continuing: bool

    @classmethod
    def of(cls, store: Store, most_bytes: int) -> "ResidentStore":
        """The same store, in memory."""
        made = cls(store.uri, store._database, store._images, store.metadata)
        made.most_bytes, made._lock, made._view, made._continuing = most_bytes, threading.Lock(), None, False
        made._scores = Batcher(scores, _MOST_QUERIES, "scores")
        return made

    def __del__(self) -> None:
        if hasattr(self, "_scores"):
            self._scores.release()  # its thread does not hold this store

    def snapshot(self) -> StoreView:
        """The current version; loaded where another process wrote it."""
        view = (
            self._view
        )  # read before the number: a write that is followed replaces it before it is acknowledged
        if view is not None and (self._is_current(view) or self._continuing):
            return view
        with self._lock:
            view = self._view
            if view is None or view.number != self.version:
                if not self._fits():
                    self._view = None
                    return super().snapshot()
                view = self._load()
                self._view = view
        return view

    def writer(self) -> "Writer":
        """The store for a write of this process, inside :meth:`exclusive`."""
        store = Writer.open(self.uri)
        store.resident = self
        return store

    @contextmanager
    def continued(self, rows: pa.Table | None = None, gone: Sequence[str] = ()) -> Iterator[None]:
        """Take up the write of the block without reading the index again; it adds ``rows`` and removes ``gone``.

        Until the block is done, and the write can be acknowledged, searches use the version before it.
        """
        view = self._view
        if view is None or view.number != self.version:
            yield
            return
        self._continuing = True
        try:
            yield
            with self._lock:
                if self.version != view.number:
                    self._view = view.changed(self._latest_images(), rows, gone) if self._fits() else None
        finally:
            self._continuing = False

    def _is_current(self, view: ResidentView) -> bool:
        """Whether a view is the last version. LanceDB is asked only where the time of the folder does not say it."""
        try:
            about = (Path(self.uri) / f"{IMAGES}.lance" / "_versions").stat()
        except OSError:
            return view.number == self.version
        state = (about.st_ino, about.st_mtime_ns)
        settled = time.time_ns() - about.st_mtime_ns > _SETTLED_NS
        if settled and state == view.settled:
            return True
        if view.number != self.version:
            return False
        view.settled = state if settled else None
        return True

    def _fits(self) -> bool:
        return self.count() * 4 * int(self.metadata["dim"]) <= self.most_bytes

    def _load(self) -> ResidentView:
        about = self.metadata
        return ResidentView.load(
            self.uri, self._latest_images(), int(about["dim"]), str(about["distance"]), self._scores
        )

    def _latest_images(self) -> Any:
        with reading(self.uri):
            images = self._database.open_table(IMAGES)
            images.checkout(images.version)
        return images


class Writer(Store):
    """A store whose writes a :class:`ResidentStore` takes up; it loads what other writes make."""

    resident: ResidentStore

    def upsert(self, rows: pa.Table, gone: Sequence[str] = ()) -> tuple[int, int]:
        """See :meth:`Store.upsert`."""
        with self.resident.continued(rows, gone):
            return super().upsert(rows, gone)

    def delete_ids(self, ids: Sequence[str]) -> int:
        """See :meth:`Store.delete_ids`."""
        with self.resident.continued(gone=ids):
            return super().delete_ids(ids)

    def add_columns(self, fields: Sequence[pa.Field]) -> None:
        """See :meth:`Store.add_columns`."""
        with self.resident.continued():
            super().add_columns(fields)

    def merge_fragments(self) -> None:
        """See :meth:`Store.merge_fragments`."""
        with self.resident.continued():
            super().merge_fragments()
