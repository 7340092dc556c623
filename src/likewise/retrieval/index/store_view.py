"""Reading a store: rows, counts and nearest neighbours, all from one LanceDB table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from likewise.data.row_filter import RowFilter
from likewise.errors import CatalogError
from likewise.retrieval.distances import Comparison
from likewise.retrieval.index.exact import distances_to
from likewise.retrieval.index.guard import is_lance_error, read_all, reading, reason
from likewise.retrieval.index.schema import VECTORS, is_property, vectors_of

Row = dict[str, Any]
METRICS = {"cosine": "cosine", "euclidean": "l2"}
_NAMED = ("id", "label", "split", "path")  # what a condition may name besides properties
_BATCH_ROWS = 8192


@dataclass(frozen=True)
class Compared:
    """Rows that were compared with a query, in no certain order.

    Attributes:
        ids: Their ids.
        distances: ``(N,)`` float32, exact.
        rows: Gives the rows at these positions, without their vectors.
    """

    ids: list[str]
    distances: np.ndarray
    rows: Callable[[Sequence[int]], list[Row]]

    @classmethod
    def of(cls, rows: pa.Table, vector: np.ndarray, distance: str | Comparison) -> Self:
        """Compare a query ``(D,)`` with rows and their vectors."""
        columns = rows.select([name for name in rows.column_names if name not in VECTORS])
        return cls(
            rows["id"].to_pylist(),
            distances_to(vector, vectors_of(rows), distance),
            lambda chosen: columns.take(pa.array(chosen, pa.int64())).to_pylist(),
        )


class StoreView:
    """The images of a store, to be read. A view of one version does not see what is written later."""

    def __init__(self, uri: str, images: Any) -> None:
        self.uri = uri
        self._images = images

    @property
    def version(self) -> int:
        """Number of the version that is read."""
        with reading(self.uri):
            return int(self._images.version)

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        with reading(self.uri):
            return self._images.schema

    def condition(self, where: str | None) -> str | None:
        """A user's condition for LanceDB, parsed and rewritten so that it cannot contain anything else.

        Raises:
            CatalogError: It cannot be read, or does not fit the columns.
        """
        if where is None:
            return None
        types = {
            field.name: field.type for field in self.schema if is_property(field.name) or field.name in _NAMED
        }
        return RowFilter.parse(where, types).sql()

    def count(self, where: str | None = None) -> int:
        """Rows that fit.

        Raises:
            CatalogError: The condition cannot be used.
        """
        with reading(self.uri):
            rows = int(self._images.count_rows())
        if where is None:
            return rows
        try:
            return int(self._images.count_rows(where))
        except BaseException as error:
            if not is_lance_error(error):
                raise
            with reading(self.uri):  # is it the condition, or the index?
                read_all(self._images)
            raise CatalogError(f"The condition {where!r} cannot be used: {reason(error)}.") from error

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
        """The k rows nearest to ``vector`` ``(D,)``: all columns, in no certain order of equals.

        Args:
            vector: The query.
            k: Rows wanted.
            where: Condition of the rows, checked by :meth:`count` before.
            distance: "cosine" or "euclidean".
            probes: Partitions of the approximate index to look into, more only where they hold fewer than k rows
                that fit; None looks at every row.
            refine: Rows that are compared exactly for each of the k, if the approximate index stores codes.
            column: Column of the vectors.
        """
        with reading(self.uri):
            query = self._images.search(vector, vector_column_name=column)
            query = query.distance_type(METRICS[distance]).limit(k)
            query = query if where is None else query.where(where, prefilter=True)
            if probes is None:
                return query.bypass_vector_index().to_arrow()
            query = query.nprobes(probes) if refine == 1 else query.nprobes(probes).refine_factor(refine)
            rows = query.to_arrow()
            # Only then: LanceDB looks into more partitions of codes than it needs where it may.
            return rows if rows.num_rows == k else query.maximum_nprobes(0).to_arrow()

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
        """The rows of :meth:`nearest` with their exact distances."""
        rows = self.nearest(vector, k, where, distance, probes=probes, refine=refine)
        return Compared.of(rows, vector, distance)

    def scan(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """The rows that fit, in batches of bounded memory."""
        with reading(self.uri):
            query = self._images.search().select(list(columns))
            yield from (query if where is None else query.where(where)).to_batches(_BATCH_ROWS)

    def without_vectors(self) -> pa.Table:
        """All rows, but for the columns of vectors, in no certain order."""
        columns = [name for name in self.schema.names if name not in VECTORS]
        with reading(self.uri):
            return self._images.search().select(columns).to_arrow()

    def rows(self, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """The rows with these ids, in no certain order."""
        return self.rows_where(is_one_of("id", ids) if ids else "false", columns)

    def rows_where(self, where: str, columns: Sequence[str]) -> pa.Table:
        """The rows that fit, in no certain order."""
        # As stored, also for a view that scans otherwise: conditions of likewise itself are not a user's.
        batches = list(StoreView.scan(self, columns, where))
        schema = pa.schema([self.schema.field(name) for name in columns])
        return pa.Table.from_batches(batches) if batches else schema.empty_table()

    def verify(self) -> None:
        """Read every row once.

        Raises:
            DamagedIndexError: Something cannot be read.
        """
        with reading(self.uri):
            read_all(self._images)


def quoted(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def is_one_of(column: str, values: Sequence[str]) -> str:
    """An SQL condition."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"
