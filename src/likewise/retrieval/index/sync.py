"""Sync of an index with a catalog: new, changed, renamed, updated and deleted images, by content."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from likewise.data import Catalog, Failure
from likewise.errors import CatalogError, WorkError
from likewise.models import Embeddings, SimilarityModel
from likewise.readable import readable
from likewise.retrieval.index.adding import entry_rows
from likewise.retrieval.index.building import Embedded, EmbeddingOptions, embedded
from likewise.retrieval.index.changes import Changes, compare
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.metadata import IndexMetadata
from likewise.retrieval.index.schema import vectors_of
from likewise.retrieval.index.store import Store
from likewise.retrieval.index.store_view import StoreView

_WRITE_ROWS = 1 << 14  # rows per transaction, with their vectors in memory
_TRIES = 5  # others may change the index while images are embedded


@readable
@dataclass(frozen=True)
class Synced:
    """Result of a sync or dry run.

    Attributes:
        new: Images the index did not have.
        changed: Images at a known location with different content.
        renamed: Images with known content at another location.
        updated: Images with a changed label, split or property only.
        deleted: Images that the catalog does not list any more.
        unchanged: Images that were left as they are.
        elsewhere: Images of other folders, and with ``keep_deleted`` those not listed any more; they stay.
        embedded: Images that went through the model.
        failures: Images that could not be read; they are not in the index, or as they were.
    """

    new: int
    changed: int
    renamed: int
    updated: int
    deleted: int
    unchanged: int
    elsewhere: int
    embedded: int
    failures: list[Failure] = field(default_factory=list)


class Sync:
    """The work of :meth:`likewise.Index.sync`.

    Args:
        store: Store of the index.
        metadata: Metadata of the index, with the names of all columns.
        catalog: Images that the index should hold.
        locations: Locations of the index.
        keep_deleted: Keep images that the catalog does not list any more.

    Raises:
        CatalogError: Folders of the catalog could not be read, so that their images would be removed.
    """

    def __init__(
        self,
        store: Store,
        metadata: IndexMetadata,
        catalog: Catalog,
        locations: Locations,
        keep_deleted: bool,
    ) -> None:
        unread = [] if catalog.left_out is None else list(catalog.left_out.folders)
        if unread and not keep_deleted:
            raise CatalogError(
                f"{len(unread)} folders of {catalog.root} cannot be read ({unread[0]!r} for one), and their images "
                f"would be removed from the index: make them readable, or keep what is not listed with  --keep-deleted."
            )
        self._store, self._metadata, self._catalog = store, metadata, catalog
        self._locations, self._keep_deleted = locations, keep_deleted
        self._stored_vectors = metadata.model is not None and metadata.model.is_vectors

    def compare(self) -> Changes:
        """The planned changes."""

        def compared(view: StoreView) -> Changes:
            return compare(
                view, self._catalog, self._metadata.columns, self._locations, self._keep_deleted,
                stored_vectors=self._stored_vectors,
            )  # fmt: skip

        return self._store.consistent(compared)

    def run(self, model: Callable[[], SimilarityModel], parts: Path, options: EmbeddingOptions) -> Synced:
        """Write the changes.

        Args:
            model: Function that returns the model; called only if there is something to embed, or if it is a file of
                vectors, which is refused if it has changed.
            parts: Folder for embeddings until they are written.
            options: Options of the embedding.
        """
        if self._stored_vectors:
            model()
        for _ in range(_TRIES):
            changes = self.compare()
            with self._embedded(changes, model, parts, options) as embeddings, self._store.exclusive():
                if self._store.version == changes.view.version:
                    self._write(changes, embeddings)
                    return synced(changes, self._catalog, embeddings.failures)
        raise WorkError(
            f"Other processes kept changing the index {self._store.uri} while images were embedded: run the same "
            "command again."
        )

    def _embedded(
        self, changes: Changes, model: Callable[[], SimilarityModel], parts: Path, options: EmbeddingOptions
    ) -> AbstractContextManager[Embedded]:
        rows = changes.to_embed
        if not rows:
            return nullcontext(Embedded((), {}, []))
        return embedded(model(), self._catalog.take(rows), parts, options)

    def _write(self, changes: Changes, embeddings: Embedded) -> None:
        if changes.fields:
            self._store.add_columns(changes.fields)
        if self._metadata.model_dump() != self._store.metadata and self._metadata.columns:
            self._store.write_metadata(self._metadata.model_dump())
        number_of = {name: row for row, name in enumerate(self._catalog.ids)}
        for part in embeddings.parts:
            self._write_embedded(changes, part, [number_of[name] for name in part.ids], embeddings)
        gone, moved = changes.gone, changes.to_move
        for start in range(0, len(moved), _WRITE_ROWS):
            rows = moved[start : start + _WRITE_ROWS]
            last = start + _WRITE_ROWS >= len(moved)
            vectors = self._vectors(changes, rows)
            self._store.upsert(
                entry_rows(self._store, self._metadata, changes.entries.take(rows), vectors),
                gone if last else (),
            )
        if gone and not moved:
            self._store.delete_ids(gone)
        if self._store.version != changes.view.version:
            self._store.tidy()

    def _write_embedded(
        self, changes: Changes, part: Embeddings, rows: list[int], embeddings: Embedded
    ) -> None:
        entries = changes.entries.take(rows)
        # The digest from before the image was read: if the file changes meanwhile, the next sync detects it.
        entries = replace(entries, records=[embeddings.records.get(name) for name in part.ids])
        self._store.upsert(entry_rows(self._store, self._metadata, entries, part.vectors))

    def _vectors(self, changes: Changes, rows: list[int]) -> np.ndarray:
        sources = [str(changes.sources[row]) for row in rows]
        table = changes.view.rows(sorted(set(sources)), ["id", "vector"])
        place = {name: row for row, name in enumerate(table["id"].to_pylist())}
        vectors: np.ndarray = vectors_of(table)[[place[name] for name in sources]]
        return vectors


def synced(changes: Changes, catalog: Catalog, failures: Sequence[Failure] = ()) -> Synced:
    """Counts per kind, without failed images."""
    failed = {failure.id for failure in failures}
    done = [kind for kind, name in zip(changes.kinds, catalog.ids, strict=True) if name not in failed]
    return Synced(
        new=done.count("new"),
        changed=done.count("changed"),
        renamed=done.count("renamed"),
        updated=done.count("updated"),
        unchanged=done.count("unchanged"),
        deleted=changes.deleted,
        elsewhere=changes.elsewhere,
        embedded=len(changes.to_embed) - len(failed),
        failures=list(failures),
    )
