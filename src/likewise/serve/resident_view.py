"""One version of an index in memory.

The candidates of a search come from one matrix product per batch of queries;
:func:`likewise.retrieval.index.search.search_store` then computes exact distances and their order, as for a store on
disk.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from likewise.retrieval.index.guard import reading
from likewise.retrieval.index.schema import VECTORS, vector_column, vectors_of
from likewise.retrieval.index.search import STORED_DISTANCES, candidate_count
from likewise.retrieval.index.store_view import Compared, StoreView
from likewise.serve.candidate_searches import CandidateSearches
from likewise.serve.vector_memory import Candidates, Rows, VectorMemory

_BATCH_ROWS = 8192
_CONDITIONS = 64  # of which the rows that fit are remembered


class ResidentView(StoreView):
    """One version of a store, in memory.

    Args:
        uri: The index.
        images: Table of this version.
        table: All columns but those of vectors.
        memory: Holds the vectors.
        places: Number in ``memory`` of the vector of each row of ``table``.
        candidates: Selects the candidates of queries.
    """

    def __init__(
        self,
        uri: str,
        images: Any,
        *,
        table: pa.Table,
        memory: VectorMemory,
        places: Rows,
        candidates: CandidateSearches,
    ) -> None:
        super().__init__(uri, images)
        self.table, self.number = table, int(images.version)
        self._memory, self._places, self._candidates = memory, places, candidates
        in_order = bool((places == np.arange(len(places))).all())
        self._searched: Rows | int = len(places) if in_order else places
        self.settled: tuple[int, int] | None = None  # the folder of the versions while this one was the last
        self._fits: OrderedDict[str, Rows] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        """Number of this version."""
        return self.number

    @classmethod
    def load(
        cls, uri: str, images: Any, dim: int, distance: str, candidates: CandidateSearches
    ) -> "ResidentView":
        """Read a version from the disk."""
        columns = _columns(images.schema)
        kinds = pa.schema([images.schema.field(name) for name in columns])
        with reading(uri):
            memory, batches = VectorMemory(dim, images.count_rows(), distance), []
            for batch in images.search().select([*columns, "vector"]).to_batches(_BATCH_ROWS):
                memory.append(vectors_of(batch))
                batches.append(batch.select(columns))
        table = pa.Table.from_batches(batches, schema=kinds).combine_chunks()
        return cls(
            uri, images, table=table, memory=memory, places=np.arange(len(memory)), candidates=candidates
        )

    def changed(self, images: Any, rows: pa.Table | None, gone: Sequence[str]) -> "ResidentView":
        """The version ``images``, in which ``rows`` were added or replaced, and the ids ``gone`` removed."""
        columns, table, places, memory = _columns(images.schema), self.table, self._places, self._memory
        names = [*gone, *([] if rows is None else rows["id"].to_pylist())]
        if names:
            remaining = pc.invert(pc.is_in(table["id"], value_set=pa.array(names, pa.string())))
            table, places = table.filter(remaining), places[remaining.to_numpy()]
        for name in columns:
            if name not in table.column_names:
                field = images.schema.field(name)
                table = table.append_column(field, pa.nulls(len(table), field.type))
        table = table.select(columns)
        if rows is not None:
            memory, places = memory.extended(places, vectors_of(rows))
            table = pa.concat_tables([table, rows.select(columns).cast(table.schema)]).combine_chunks()
        return ResidentView(
            self.uri, images, table=table, memory=memory, places=places, candidates=self._candidates
        )

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

    def compared(
        self,
        vector: np.ndarray,
        k: int,
        where: str | None,
        distance: str,
        *,
        probes: int | None,
        refine: int = 1,
    ) -> Compared:
        """See :meth:`StoreView.compared`."""
        stored = distance == self._memory.distance and distance in STORED_DISTANCES
        rows = self.fitting(where)
        total = len(self._places) if rows is None else len(rows)
        if probes is not None or not stored or not total:
            return super().compared(vector, k, where, distance, probes=probes, refine=refine)
        places = self._searched if rows is None else self._places[rows]
        chosen, distances = self._candidates(Candidates(self._memory, vector, places, min(k, total)))
        numbers = chosen if rows is None else rows[chosen]
        return Compared(
            self.table["id"].take(pa.array(numbers, pa.int64())).to_pylist(),
            distances,
            lambda best: self._part(numbers[best], self.table.column_names).to_pylist(),
        )

    def compared_together(
        self, vectors: Sequence[np.ndarray], counts: Sequence[int]
    ) -> AbstractContextManager[None]:
        """See :meth:`ResidentStore.compared_together`."""
        total = len(self._places)
        if not total or self._memory.distance not in STORED_DISTANCES:
            return nullcontext()
        return self._candidates.together(
            [
                Candidates(self._memory, vector, self._searched, min(candidate_count(k), total))
                for vector, k in zip(vectors, counts, strict=True)
            ]
        )

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
        part = self.table.select(plain).take(pa.array(rows, pa.int64()))
        if "vector" in columns:
            part = part.append_column(
                "vector", vector_column(self._memory.vectors(self._places[rows]))
            ).select(list(columns))
        return part


def _columns(schema: pa.Schema) -> list[str]:
    """All columns but those of vectors."""
    return [name for name in schema.names if name not in VECTORS]
