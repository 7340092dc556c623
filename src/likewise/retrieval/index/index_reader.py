"""The part of an index that answers: its size, its model, and searches."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from likewise.arguments import checked
from likewise.bounds import Count
from likewise.errors import InputError
from likewise.files import is_remote
from likewise.models import SimilarityModel
from likewise.models.model_reference import ModelReference
from likewise.retrieval.distances import Comparison
from likewise.retrieval.index.adding import Added
from likewise.retrieval.index.entries import find_copies
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.metadata import IndexInfo, IndexMetadata
from likewise.retrieval.index.model_binding import ModelBinding, Query
from likewise.retrieval.index.results import SearchResult
from likewise.retrieval.index.schema import vectors_of
from likewise.retrieval.index.search import CandidateSearch, Found, search_store
from likewise.retrieval.index.store import Store
from likewise.retrieval.index.store_view import StoreView
from likewise.retrieval.threshold import Threshold


@dataclass(frozen=True)
class NearestRows:
    """The rows nearest to a query.

    Attributes:
        view: Version of the store that was searched.
        searched: Images the query was compared with, after the filter.
        rows: Distances and rows, nearest first; equal distances by id.
    """

    view: StoreView
    searched: int
    rows: Found


def _opened(kind: Any, path: str, model: SimilarityModel | None) -> Any:
    return kind.open(path, model)


@checked
class IndexReader:
    """Read operations of an :class:`Index`."""

    def __init__(
        self, store: Store, path: str, model: SimilarityModel | None = None, added: Added = Added(0, 0, [])
    ) -> None:
        self.path = path
        self.added = added
        self._store = store
        self._metadata = IndexMetadata.of(store)
        self._binding = ModelBinding(self._metadata, path, model)
        self._locations = Locations(path)

    def __len__(self) -> int:
        return self._store.count()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, also in another process, opens the index again: its connection belongs to this process."""
        path = self.path if is_remote(self.path) else str(Path(self.path).absolute())
        return _opened, (type(self), path, self._binding.loaded)

    def __repr__(self) -> str:
        return f"Index({self.path!r}, {len(self)} images, {self._metadata.distance})"

    @property
    def model(self) -> SimilarityModel:
        """The model that made the index, loaded on first use.

        Raises:
            InputError: It is not there any more, or the index was made of vectors alone.
            FingerprintError: The model has changed.
        """
        return self._binding.model

    @property
    def threshold(self) -> Threshold | None:
        """The calibrated threshold beside the model, if there is one.

        Raises:
            FingerprintError: It was calibrated for another model.
        """
        return self._binding.threshold

    @property
    def distance(self) -> str | Comparison:
        """The distance of searches: its name, or the comparison of an AVSL model, which is loaded for it."""
        return self._binding.distance

    @property
    def reference(self) -> ModelReference | None:
        """Reference for loading the model; None if the index was made of vectors only."""
        return self._metadata.model

    @property
    def columns(self) -> dict[str, str]:
        """Columns of the catalogs that have another name in the index, because it could not take theirs."""
        return dict(self._metadata.columns)

    def info(self) -> IndexInfo:
        """Size, contents and model of the index."""
        return IndexInfo.of(self._metadata, self._store)

    def vector(self, query: Query) -> np.ndarray:
        """The vector ``(D,)`` of a query: an image of any form, or a vector, which is checked.

        Raises:
            InputError: An image that is not there or cannot be read, or a vector of another length.
            FingerprintError: The model is another one now.
        """
        return self._binding.vector(query)

    def stored_vector(self, image_id: str) -> np.ndarray:
        """The stored vector ``(D,)`` of an image of the index; its file is not needed.

        Raises:
            InputError: The id does not exist.
        """
        rows = self._store.consistent(lambda view: view.rows([image_id], ["id", "vector"]))
        if not rows.num_rows:
            raise InputError(
                f"{self.path} holds no image with the id {image_id!r}: give an id as a search shows it."
            )
        vector: np.ndarray = vectors_of(rows)[0]
        return vector

    def search(
        self,
        query: Query,
        k: Count = 10,
        where: str | None = None,
        *,
        approximate: bool = False,
        threshold: Threshold | Literal["calibrated"] | None = "calibrated",
        exclude: Collection[str] = (),
    ) -> SearchResult:
        """The images of the index that are most similar to the query.

        Args:
            query: An image in any form that ``SimilarityModel.embed`` takes, or its vector ``(D,)``.
            k: Largest number of hits.
            where: A condition over label, split, id, path and properties: ``"label = 'wren' and height > 3"``.
            approximate: Use the approximate index, which may miss images; :meth:`build_approximate` builds and
                measures it.
            threshold: Distance below which images count as the same. "calibrated": that of the model, if any.
            exclude: Ids to exclude, for instance that of the query.

        Raises:
            InputError: An unreadable image, a vector of another length, k below 1, or no approximate index.
            CatalogError: The condition is invalid.
            FingerprintError: The model or the threshold has changed.
        """
        limit = self.threshold if threshold == "calibrated" else threshold
        if limit is not None:
            limit.check(self._metadata.fingerprint, self._metadata.distance)
        near = self.nearest_rows(query, k, where, approximate=approximate, exclude=exclude)
        return SearchResult.of(near.rows, near.searched, limit, self._locations, exact=not approximate)

    def nearest_rows(
        self,
        query: Query,
        k: Count = 10,
        where: str | None = None,
        *,
        approximate: bool = False,
        exclude: Collection[str] = (),
    ) -> NearestRows:
        """What :meth:`search` finds, as rows of the store; arguments and errors are the same."""
        stage = self._first_stage() if approximate else None
        fits = self._store.condition(where)
        vector, distance = self._binding.vector(query), self._binding.distance

        def answer(view: StoreView) -> NearestRows:
            searched = view.count(fits)
            rows = search_store(view, vector, k, fits, distance, stage=stage, exclude=exclude)
            return NearestRows(view, searched, rows)

        return self._store.consistent(answer)

    def find_file(self, path: Path | str) -> tuple[str, str] | None:
        """Id and label of an image file, if it is in the index; None if not. See :meth:`find_copies`."""
        copies = self.find_copies(path)
        return copies[0] if copies else None

    def find_copies(self, path: Path | str) -> list[tuple[str, str]]:
        """Ids and labels of the images that are this file, a copy or a link of it; first those at its location."""
        return self._store.consistent(lambda view: find_copies(view, path, self._locations))

    def _first_stage(self) -> CandidateSearch:
        metadata = self._metadata
        if metadata.approximate is None:
            raise InputError(
                f"{self.path} has no approximate index: make one with  likewise index approximate "
                f"{shlex.quote(str(self.path))}  (in Python: build_approximate), or search exactly."
            )
        factors = None if metadata.collapse is None else np.array(metadata.collapse, np.float32)
        return CandidateSearch(metadata.approximate.probes, metadata.approximate.shortlist, factors)
