"""A store whose vectors stay in memory: the same answers as the store on disk, many times faster.

A version that this process writes through :meth:`ResidentStore.writer` continues the view before it; a version of
another process is loaded with the next query.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from likewise.retrieval.index.guard import reading
from likewise.retrieval.index.store import IMAGES, Store
from likewise.retrieval.index.store_view import StoreView
from likewise.serve.candidate_searches import CandidateSearches
from likewise.serve.resident_view import ResidentView

_SETTLED_NS = 10**9  # age of a folder's time from which a later change has a later time on every file system


class ResidentStore(Store):
    """A store that reads from memory while its vectors take no more than ``most_bytes``."""

    most_bytes = 4_000_000_000
    _lock: threading.Lock
    _view: ResidentView | None
    _candidates: CandidateSearches
    _continuing: bool

    @classmethod
    def of(cls, store: Store, most_bytes: int) -> "ResidentStore":
        """The same store, in memory."""
        made = cls(store.uri, store._database, store._images, store.metadata)
        made.most_bytes, made._lock, made._view, made._continuing = most_bytes, threading.Lock(), None, False
        made._candidates = CandidateSearches()
        return made

    def __del__(self) -> None:
        if hasattr(self, "_candidates"):
            self._candidates.release()  # its thread does not hold this store

    def snapshot(self) -> StoreView:
        """The current version; loaded where another process wrote it."""
        # Read before the number: a write that is followed replaces it before it is acknowledged.
        view = self._view
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

    def expecting_search(self) -> AbstractContextManager[None]:
        """Announce a search that follows the block, so that it shares a matrix product with others."""
        return self._candidates.expecting()

    def compared_together(
        self, vectors: Sequence[np.ndarray], counts: Sequence[int]
    ) -> AbstractContextManager[None]:
        """Compare queries at once, whose ``counts`` nearest images the block searches for in this thread.

        The searches are those without a condition for a vector of ``vectors`` itself, not for a copy.
        """
        view = self.snapshot()
        return view.compared_together(vectors, counts) if isinstance(view, ResidentView) else nullcontext()

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
            self.uri, self._latest_images(), int(about["dim"]), str(about["distance"]), self._candidates
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
