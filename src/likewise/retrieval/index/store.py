"""The store under an index: two LanceDB tables, ``images`` and ``about``, in a folder or on object storage.

``about`` holds one JSON text and is written last: what has none is no index. Every write is one transaction of
LanceDB; readers that are open see the next version with their next query.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from likewise.data.row_filter import RowFilter
from likewise.errors import CatalogError, InputError, WorkError
from likewise.retrieval.index.schema import COLLAPSED, is_property, vector_column

IMAGES, ABOUT = "images", "about"
_METRICS = {"cosine": "cosine", "euclidean": "l2"}
_NAMED = ("id", "label", "split", "path")  # what a condition may name besides properties
_BATCH_ROWS = 8192
_DELETE_AT_ONCE = 500


def is_remote(uri: str) -> bool:
    """Whether an address is one of object storage (``s3://...``) and not a path."""
    return "://" in uri


class Store:
    """An open store. Make one with :meth:`create` or :meth:`open`."""

    def __init__(self, uri: str, database: Any, images: Any, about: dict[str, Any]) -> None:
        self.uri = uri
        self.about = about
        self._database = database
        self._images = images

    @classmethod
    def create(cls, uri: str, schema: pa.Schema) -> Self:
        """A new, empty store; it becomes an index with :meth:`write_about`.

        Raises:
            InputError: The place cannot be written, or holds a store already.
        """
        database = _connect(uri)
        if IMAGES in _names(database):
            raise InputError(f"{uri} holds an index already: add to it, or choose another place.")
        try:
            images = database.create_table(IMAGES, schema=schema)
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"Cannot write an index at {uri} ({_reason(error)}): choose another place."
            ) from error
        return cls(uri, database, images, {})

    @classmethod
    def open(cls, uri: str) -> Self:
        """An existing store.

        Raises:
            InputError: There is none.
        """
        if not is_remote(uri) and not Path(uri).is_dir():  # LanceDB would make the folder
            make = f"likewise index build MODEL CATALOG --out {uri}"
            raise InputError(f"There is no index at {uri}: make one with  {make}")
        database = _connect(uri)
        if not {IMAGES, ABOUT} <= set(_names(database)):
            raise InputError(
                f"{uri} holds no index of likewise: make one with  likewise index build MODEL CATALOG --out INDEX"
            )
        about = json.loads(database.open_table(ABOUT).to_arrow()["json"][0].as_py())
        return cls(uri, database, database.open_table(IMAGES), about)

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._images.schema

    def write_about(self, about: dict[str, Any]) -> None:
        """Replace what is said about the index."""
        with self._writing():
            rows = pa.table({"json": [json.dumps(about, ensure_ascii=False)]})
            exists = ABOUT in _names(self._database)
            self._database.create_table(ABOUT, rows, mode="overwrite" if exists else "create")
        self.about = about

    def add_columns(self, fields: Sequence[pa.Field]) -> None:
        """New properties, empty for the images that are there."""
        with self._writing():
            for field in fields:
                self._images.add_columns(field)

    def renew_collapsed(self, dim: int) -> None:
        """An empty column for collapsed vectors of ``dim`` numbers; an earlier one and its partitions go."""
        with self._writing():
            if COLLAPSED in self.schema.names:
                self._images.drop_columns([COLLAPSED])
            self._images.add_columns(pa.field(COLLAPSED, pa.list_(pa.float32(), dim)))

    def write_collapsed(self, ids: pa.ChunkedArray, vectors: np.ndarray) -> None:
        """Collapsed vectors ``(N, D)`` of the images with these ids."""
        with self._writing():
            merge = self._images.merge_insert("id").when_matched_update_all()
            merge.use_index(False).execute(pa.table({"id": ids, COLLAPSED: vector_column(vectors)}))

    def upsert(self, rows: pa.Table) -> tuple[int, int]:
        """Add rows, replacing those with the same id, in one transaction.

        Returns:
            How many were new and how many replaced.

        Raises:
            WorkError: The store could not be written, or did not do what it should.
        """
        with self._writing():
            merge = self._images.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            # LanceDB's own index on the id can miss rows that an earlier upsert rewrote (lancedb#3177, #3515).
            result = merge.use_index(False).execute(rows)
        added, replaced = int(result.num_inserted_rows), int(result.num_updated_rows)
        if added + replaced != rows.num_rows:
            raise WorkError(
                f"{self.uri}: of {rows.num_rows} images LanceDB added {added} and replaced {replaced}; the index "
                "may be damaged: build it again, and report this."
            )
        return added, replaced

    def condition(self, where: str | None) -> str | None:
        """A condition of the user as LanceDB takes it: read and written anew, so that it is nothing else.

        Raises:
            CatalogError: It cannot be read, or does not fit the columns.
        """
        types = {
            field.name: field.type for field in self.schema if is_property(field.name) or field.name in _NAMED
        }
        return None if where is None else RowFilter.parse(where, types).sql()

    def delete(self, where: str) -> int:
        """Remove the rows that fit; returns how many.

        Raises:
            CatalogError: The condition cannot be used.
        """
        self.count(where)
        with self._writing():
            return int(self._images.delete(where).num_deleted_rows)

    def delete_ids(self, ids: Sequence[str]) -> int:
        """Remove rows by id; returns how many were there."""
        parts = [ids[start : start + _DELETE_AT_ONCE] for start in range(0, len(ids), _DELETE_AT_ONCE)]
        return sum(self.delete(is_one_of("id", part)) for part in parts)

    def count(self, where: str | None = None) -> int:
        """Rows that fit.

        Raises:
            CatalogError: The condition cannot be used.
        """
        try:
            return int(self._images.count_rows(where))
        except (ValueError, RuntimeError, OSError) as error:
            if where is None:
                raise
            raise CatalogError(f"The condition {where!r} cannot be used: {_reason(error)}.") from error

    def nearest(
        self,
        vector: np.ndarray,
        k: int,
        where: str | None,
        distance: str,
        *,
        probes: int | None,
        column: str = "vector",
    ) -> pa.Table:
        """The k rows nearest to ``vector`` ``(D,)``: all columns, in no certain order of equals.

        Args:
            vector: The query.
            k: Rows wanted.
            where: Only rows that fit; checked by :meth:`count` before.
            distance: "cosine" or "euclidean".
            probes: Partitions of the approximate index to look into; None looks at every row.
            column: Of the vectors.
        """
        query = (
            self._images.search(vector, vector_column_name=column).distance_type(_METRICS[distance]).limit(k)
        )
        query = query.bypass_vector_index() if probes is None else query.nprobes(probes)
        return (query if where is None else query.where(where, prefilter=True)).to_arrow()

    def scan(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """The rows that fit, in batches of bounded memory."""
        query = self._images.search().select(list(columns))
        yield from (query if where is None else query.where(where)).to_batches(_BATCH_ROWS)

    def rows(self, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """The rows with these ids, in no certain order."""
        return self.rows_where(is_one_of("id", ids) if ids else "false", columns)

    def rows_where(self, where: str, columns: Sequence[str]) -> pa.Table:
        """The rows that fit, in no certain order."""
        batches = list(self.scan(columns, where))
        schema = pa.schema([self.schema.field(name) for name in columns])
        return pa.Table.from_batches(batches) if batches else schema.empty_table()

    def build_partitions(self, distance: str, partitions: int, column: str = "vector") -> None:
        """Make the approximate index of a column of vectors, replacing an earlier one."""
        from lancedb.index import IvfFlat

        with self._writing():
            kind: Any = _METRICS[distance]
            config = IvfFlat(distance_type=kind, num_partitions=partitions)
            self._images.create_index(column, config=config, replace=True)

    def tidy(self) -> None:
        """Join small fragments and take new rows into the indexes. Older versions stay a week for open readers."""
        with self._writing():
            self._images.optimize()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            raise WorkError(
                f"Writing the index {self.uri} failed ({_reason(error)}); what was written before is whole: mend the "
                "cause and run the same command again."
            ) from error


def quoted(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def is_one_of(column: str, values: Sequence[str]) -> str:
    """An SQL condition."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"


def _connect(uri: str) -> Any:
    import lancedb

    try:
        return lancedb.connect(uri, read_consistency_interval=timedelta(0))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"Cannot reach {uri} ({_reason(error)}): check the address and your rights."
        ) from error


def _names(database: Any) -> list[str]:
    return list(database.list_tables().tables)


def _reason(error: Exception) -> str:
    # The first sentence; what follows is LanceDB's own source positions.
    return re.split(r", /|\n", str(error).removeprefix("lance error: "))[0]
