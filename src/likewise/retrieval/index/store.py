"""The store under an index: two LanceDB tables, ``images`` and ``metadata``, in a folder or on object storage.

``metadata`` contains a JSON text and is written last: a store without it is not an index. Every write is one
transaction of LanceDB; open readers see the next version with their next query. Writers on one machine wait for each
other. Old versions are removed after each write, and a reader of a removed version starts again.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa

from likewise.errors import InputError, WorkError
from likewise.files import disk_full, is_remote
from likewise.jobs.lock import folder_lock
from likewise.missing_inputs import require_index
from likewise.retrieval.index.guard import (
    LANCE_ERRORS,
    DamagedIndexError,
    is_lance_error,
    read_all,
    reading,
    reason,
    unreachable,
    writing,
)
from likewise.retrieval.index.schema import COLLAPSED, VectorCodes, vector_column
from likewise.retrieval.index.store_view import METRICS, StoreView, is_one_of

IMAGES, ABOUT = "images", "about"
_READ_TRIES = 10  # a writer may remove the version that is being read
# On object storage, readers and writers of older versions cannot be detected.
_KEPT_REMOTE = timedelta(hours=1)

Result = TypeVar("Result")


class Store(StoreView):
    """An open store. Make one with :meth:`create` or :meth:`open`."""

    def __init__(self, uri: str, database: Any, images: Any, metadata: dict[str, Any]) -> None:
        super().__init__(uri, images)
        self.metadata = metadata
        self._database = database
        self._latest: tuple[tuple[int, ...], StoreView] | None = None

    @classmethod
    def create(cls, uri: str, schema: pa.Schema) -> Self:
        """A new, empty store; it becomes an index with :meth:`write_metadata`.

        Remnants of an unfinished store are replaced.

        Raises:
            InputError: The location cannot be written, or contains an index already.
        """
        database = _connect(uri)
        names = _names(database)
        if {IMAGES, ABOUT} <= names:
            raise InputError(f"{uri} contains an index already: add to it, or choose another location.")
        try:
            images = database.create_table(
                IMAGES, schema=schema, mode="overwrite" if IMAGES in names else "create"
            )
        except BaseException as error:
            if not is_lance_error(error):
                raise
            if disk_full(error):
                raise WorkError(
                    f"The disk of {uri} is full: make room and run the same command again."
                ) from error
            raise InputError(
                f"Cannot write an index at {uri} ({reason(error)}): choose another location."
            ) from error
        return cls(uri, database, images, {})

    @classmethod
    def exists(cls, uri: str) -> bool:
        """Whether there is an index."""
        if not is_remote(uri) and not Path(uri).is_dir():  # LanceDB would make the folder
            return False
        return {IMAGES, ABOUT} <= _names(_connect(uri))

    @classmethod
    def open(cls, uri: str) -> Self:
        """An existing store.

        Raises:
            InputError: There is none.
            DamagedIndexError: It cannot be read.
        """
        require_index(uri)
        if not cls.exists(uri):
            raise InputError(
                f"{uri} contains no index of likewise: make one with  likewise index build MODEL CATALOG --out INDEX"
            )
        database = _connect(uri)
        with reading(uri):
            metadata = json.loads(database.open_table(ABOUT).to_arrow()["json"][0].as_py())
            images = database.open_table(IMAGES)
        return cls(uri, database, images, metadata)

    def snapshot(self) -> StoreView:
        """The current version of the store, unaffected by later writes.

        Raises:
            DamagedIndexError: It cannot be read.
        """
        latest, state = self._latest, self._state()
        if latest is not None and latest[0] == state:
            return latest[1]
        with reading(self.uri):
            images = self._database.open_table(IMAGES)
            images.checkout(images.version)
        view = StoreView(self.uri, images)
        self._latest = None if state is None else (state, view)
        return view

    def _state(self) -> tuple[int, ...] | None:
        """Changes with each version, and where the folder was replaced; None where that is not known."""
        folder = self._folder(IMAGES)
        try:
            about = None if folder is None else (folder / "_versions").stat()
        except OSError:
            return None
        return None if about is None else (self.version, about.st_ino, about.st_mtime_ns)

    def consistent(self, read: Callable[[StoreView], Result]) -> Result:
        """Result of ``read`` on one version of the store; repeated if a writer removes that version.

        Raises:
            DamagedIndexError: It cannot be read.
        """
        for _ in range(_READ_TRIES - 1):
            view = self.snapshot()
            try:
                return read(view)
            except DamagedIndexError:
                self._latest = None
                if view.version == self.version:
                    raise
        return read(self.snapshot())

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other writers of this machine out while the block runs; waits for them.

        Raises:
            InputError: The index cannot be written.
        """
        with nullcontext() if is_remote(self.uri) else folder_lock(Path(self.uri), wait=True):
            yield

    def write_metadata(self, metadata: dict[str, Any]) -> None:
        """Replace what is said about the index."""
        rows = pa.table({"json": [json.dumps(metadata, ensure_ascii=False)]})
        exists = ABOUT in _names(self._database)
        table = self._database.open_table(ABOUT) if exists else None
        with writing(self.uri, table, self._folder(ABOUT)):
            made = self._database.create_table(ABOUT, rows, mode="overwrite" if exists else "create")
            if not exists:
                self._check_new(made)
        self.metadata = metadata

    def _check_new(self, table: Any) -> None:
        """Read a new ``metadata``; a damaged one goes, since there is no version before it to return to."""
        try:
            read_all(table)
        except BaseException:
            with suppress(*LANCE_ERRORS):
                self._database.drop_table(ABOUT)
            raise

    def add_columns(self, fields: Sequence[pa.Field]) -> None:
        """New properties, empty for the images that are there."""
        if fields:
            with self._writing():
                self._images.add_columns(list(fields))

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

    def upsert(self, rows: pa.Table, gone: Sequence[str] = ()) -> tuple[int, int]:
        """Add rows, replacing those with the same id, and remove others, in one transaction.

        Args:
            rows: All columns.
            gone: Ids to remove.

        Returns:
            How many were new and how many replaced.

        Raises:
            WorkError: The store could not be written, or did not do what it should.
        """
        with self._writing():
            merge = self._images.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            if gone:
                merge = merge.when_not_matched_by_source_delete(is_one_of("id", gone))
            # LanceDB's own index on the id can miss rows that an earlier upsert rewrote (lancedb#3177, #3515).
            result = merge.use_index(False).execute(rows)
        added, replaced = int(result.num_inserted_rows), int(result.num_updated_rows)
        if added + replaced != rows.num_rows:
            raise WorkError(
                f"{self.uri}: of {rows.num_rows} images LanceDB added {added} and replaced {replaced}; the index "
                "may be damaged: build it again, and report this."
            )
        return added, replaced

    def replace_rows(self, other: "Store") -> None:
        """Replace columns and rows by those of another store, in one transaction; partitions go."""
        with self._writing():
            self._database.create_table(IMAGES, other._images.search().to_arrow(), mode="overwrite")

    def delete(self, where: str) -> int:
        """Remove the rows that fit; returns how many.

        Raises:
            CatalogError: The condition cannot be used.
        """
        self.count(where)
        with self._writing():
            return int(self._images.delete(where).num_deleted_rows)

    def delete_ids(self, ids: Sequence[str]) -> int:
        """Remove rows by id, all at once; returns how many were there."""
        return self.delete(is_one_of("id", ids)) if ids else 0

    def build_partitions(
        self, distance: str, partitions: int, codes: VectorCodes = "float32", column: str = "vector"
    ) -> None:
        """Make the approximate index of a column of vectors, replacing an earlier one."""
        from lancedb.index import IvfFlat, IvfRq, IvfSq

        with self._writing():
            kind: Any = METRICS[distance]
            index_of = {"float32": IvfFlat, "int8": IvfSq, "binary": IvfRq}
            config = index_of[codes](distance_type=kind, num_partitions=partitions)
            self._images.create_index(column, config=config, replace=True)

    def tidy(self) -> None:
        """Merge small fragments, add new rows to the indexes, and remove old versions.

        Call it inside :meth:`exclusive`. If it fails, the next write repeats it.
        """
        with suppress(WorkError, DamagedIndexError):
            self.merge_fragments()
            max_age = _KEPT_REMOTE if is_remote(self.uri) else timedelta(0)
            # Only after the new version was read: the previous one is needed for a rollback.
            with self._writing(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*cleanup_older_than.*")
                # Files without a version belong to interrupted writes: no other writer is active here.
                self._images.optimize(cleanup_older_than=max_age, delete_unverified=not is_remote(self.uri))

    def merge_fragments(self) -> None:
        """Merge small fragments, and add new rows to the indexes."""
        with self._writing():
            self._images.optimize()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with writing(self.uri, self._images, self._folder(IMAGES)):
            yield

    def _folder(self, table: str) -> Path | None:
        return None if is_remote(self.uri) else Path(self.uri) / f"{table}.lance"


def _connect(uri: str) -> Any:
    import lancedb

    try:
        return lancedb.connect(uri, read_consistency_interval=timedelta(0))
    except BaseException as error:
        if not is_lance_error(error):
            raise
        raise unreachable(uri, error) from error


def _names(database: Any) -> set[str]:
    with reading(str(database.uri)):
        return set(database.list_tables().tables)
