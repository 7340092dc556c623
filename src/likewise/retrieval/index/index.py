"""Index: a searchable store of embeddings with ids, labels and properties, which knows the model that made them."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np

from likewise.data import Catalog
from likewise.errors import InputError
from likewise.models import Embeddings, SimilarityModel
from likewise.retrieval.index.about import Approximate, IndexAbout, IndexInfo, ModelReference
from likewise.retrieval.index.building import (
    Added,
    EmbeddingOptions,
    add_rows,
    build_store,
    check_free,
    check_properties,
    embedded,
)
from likewise.retrieval.index.model_link import ModelLink, Query
from likewise.retrieval.index.partitions import build_approximate
from likewise.retrieval.index.results import SearchResult
from likewise.retrieval.index.search import FirstStage, search_store
from likewise.retrieval.index.store import Store, quoted
from likewise.retrieval.threshold import Threshold


class Index:
    """Embeddings that can be searched, filtered, added to and removed from.

    It lies in a folder, or on object storage (``s3://...``). What another process writes is seen by the next call.

    Attributes:
        path: Where it lies.
        added: What the call that made this object, or the last add, did.
    """

    def __init__(
        self, store: Store, path: str, model: SimilarityModel | None = None, added: Added = Added(0, 0, [])
    ) -> None:
        self.path = path
        self.added = added
        self._store = store
        self._about = IndexAbout.of(store)
        self._link = ModelLink(self._about, path, model)

    @classmethod
    def create(
        cls,
        path: Path | str,
        model: SimilarityModel,
        catalog: Catalog | None = None,
        *,
        reference: ModelReference | None = None,
        options: EmbeddingOptions = EmbeddingOptions(),
    ) -> Self:
        """Embed a catalog into a new index, which appears whole or not at all.

        After a stop the same call goes on. Images that cannot be read are listed in ``added.failures``.

        Args:
            path: Where; nothing may be there.
            model: Embeds; its fingerprint is stored.
            catalog: The images, with labels, splits and properties. None makes an empty index.
            reference: How to load the model again; None takes the model's name.
            options: Of embedding.

        Raises:
            InputError: The place is taken or cannot be written.
            CatalogError: A property that the index cannot take.
            InterruptedWork: Ctrl-C.
            WorkError: No image could be read, or the disk is full.
        """
        uri = str(path)
        check_free(uri)
        about = IndexAbout(
            fingerprint=model.fingerprint,
            distance=model.distance,
            dim=model.dim,
            model=reference or ModelReference.to(model.name, uri),
        )
        if catalog is None:
            return cls(build_store(uri, about)[0], uri, model)
        check_properties(None, catalog)
        with embedded(model, catalog, uri, options) as (shards, failures):
            store, added = build_store(uri, about, shards, catalog)
        return cls(store, uri, model, added + Added(0, 0, failures))

    @classmethod
    def from_embeddings(
        cls,
        path: Path | str,
        embeddings: Embeddings,
        catalog: Catalog | None = None,
        *,
        reference: ModelReference | None = None,
    ) -> Self:
        """A new index of vectors that are there already.

        Args:
            path: Where; nothing may be there.
            embeddings: Vectors, ids, fingerprint and distance.
            catalog: Labels, splits, properties and paths of these ids, or None.
            reference: How to load the model, for searching with images.

        Raises:
            InputError: As :meth:`create`; or ids that the catalog does not have.
        """
        uri = str(path)
        check_free(uri)
        about = IndexAbout(
            fingerprint=embeddings.fingerprint,
            distance=embeddings.distance,
            dim=embeddings.dim,
            model=reference,
        )
        store, added = build_store(uri, about, [embeddings], catalog)
        return cls(store, uri, added=added + Added(0, 0, embeddings.failures))

    @classmethod
    def open(cls, path: Path | str, model: SimilarityModel | None = None) -> Self:
        """An existing index.

        Args:
            path: Where.
            model: The model that made it; None loads it when it is needed.

        Raises:
            InputError: There is no index.
            FingerprintError: Another model made it.
        """
        return cls(Store.open(str(path)), str(path), model)

    def __len__(self) -> int:
        return self._store.count()

    def __repr__(self) -> str:
        return f"Index({self.path!r}, {len(self)} images, {self._about.distance})"

    @property
    def model(self) -> SimilarityModel:
        """The model that made the index, loaded on first use.

        Raises:
            InputError: It is not there any more, or the index was made of vectors alone.
            FingerprintError: What is there now is another model.
        """
        return self._link.model

    @property
    def threshold(self) -> Threshold | None:
        """The calibrated threshold beside the model, if there is one.

        Raises:
            FingerprintError: It was calibrated for another model.
        """
        return self._link.threshold

    def info(self) -> IndexInfo:
        """How large it is, what it holds, and which model made it."""
        return IndexInfo.of(self._about, self._store)

    def add(self, catalog: Catalog, *, options: EmbeddingOptions = EmbeddingOptions()) -> Added:
        """Embed the images of a catalog and add them; images whose id (path in the catalog) is there are replaced.

        Properties the index does not have yet are added to it; those the catalog lacks stay empty.

        Raises:
            CatalogError: A property of another type than in the index.
            FingerprintError: The model is another one now.
            InterruptedWork: Ctrl-C; the same call goes on.
            WorkError: No image could be read, or the disk is full.
        """
        check_properties(self._store, catalog)
        with embedded(self.model, catalog, self.path, options) as (shards, failures):
            self.added = add_rows(self._store, self._about, shards, catalog) + Added(0, 0, failures)
        self._store.tidy()
        return self.added

    def add_embeddings(self, embeddings: Embeddings, catalog: Catalog | None = None) -> Added:
        """Add vectors that are there already.

        Args:
            embeddings: Of the index's model.
            catalog: Labels, splits, properties and paths of these ids.

        Raises:
            FingerprintError: They were made by another model.
            InputError: They do not fit the index or the catalog.
        """
        self._link.check(embeddings.fingerprint, "The embeddings are")
        self.added = add_rows(self._store, self._about, [embeddings], catalog) + Added(
            0, 0, embeddings.failures
        )
        self._store.tidy()
        return self.added

    def remove(self, ids: Sequence[str] | None = None, *, where: str | None = None) -> int:
        """Remove images by id, or those that fit a condition; returns how many were there to be removed.

        Raises:
            InputError: Neither or both are given.
            CatalogError: The condition cannot be used.
        """
        if (ids is None) == (where is None):
            raise InputError("Say what to remove: either ids, or a condition such as  label = 'wren'.")
        fits = self._store.condition(where)
        return self._store.delete_ids(ids or []) if fits is None else self._store.delete(fits)

    def search(
        self,
        query: Query,
        k: int = 10,
        where: str | None = None,
        *,
        approximate: bool = False,
        threshold: Threshold | Literal["calibrated"] | None = "calibrated",
        exclude: Collection[str] = (),
    ) -> SearchResult:
        """The images of the index that are most similar to the query.

        Args:
            query: An image (file or PIL image), or its vector ``(D,)``.
            k: At most so many.
            where: A condition over label, split, id, path and properties: ``"label = 'wren' and height > 3"``.
            approximate: Ask the approximate index, which may miss images; :meth:`build_approximate` makes and
                measures it.
            threshold: What counts as the same. "calibrated" takes the one beside the model, if there is one.
            exclude: Ids that are not to be found, for instance the query's own.

        Raises:
            InputError: An unreadable image, a vector of another length, k below 1, or no approximate index.
            CatalogError: The condition cannot be used.
            FingerprintError: The model or the threshold is another one now.
        """
        if k < 1:
            raise InputError(f"k must be at least 1, but is {k}.")
        limit = self.threshold if threshold == "calibrated" else threshold
        if limit is not None:
            limit.check(self._about.fingerprint, self._about.distance)
        stage = self._first_stage() if approximate else None
        where = self._store.condition(where)
        searched = self._store.count(where)
        vector, distance = self._link.vector(query), self._link.distance
        found = search_store(self._store, vector, k, where, distance, stage=stage, exclude=exclude)
        return SearchResult.of(found, searched, limit, exact=not approximate)

    def find_file(self, path: Path | str) -> tuple[str, str] | None:
        """Id and label of an image file, if it was added; None if not."""
        found = self._store.rows_where(
            f"path = {quoted(str(Path(path).absolute()))}", ["id", "label"]
        ).to_pylist()
        return (found[0]["id"], found[0]["label"] or "") if found else None

    def build_approximate(
        self, recall: float = 0.95, *, recall_at: int = 10, partitions: int | None = None, seed: int = 0
    ) -> Approximate:
        """Make the approximate index and measure how much of the exact answer it finds; kept in :meth:`info`.

        Images added later are compared one by one until it is made again, so they are never missed.

        Args:
            recall: The share of the exact nearest images that a search should find.
            recall_at: How many nearest images.
            partitions: Groups of similar vectors; None is the square root of the number of images.
            seed: Of drawing the images to measure with.

        Raises:
            InputError: Fewer than 1000 images, the SNR distance, or an AVSL index whose model is not there.
            ConfigError: A number out of range.
        """
        measured, factors = build_approximate(
            self._store,
            self._link.distance,
            partitions=partitions,
            recall=recall,
            recall_at=recall_at,
            seed=seed,
        )
        update = {"approximate": measured, "collapse": None if factors is None else factors.tolist()}
        self._about = self._about.model_copy(update=update)
        self._store.write_about(self._about.model_dump())
        return measured

    def _first_stage(self) -> FirstStage:
        about = self._about
        if about.approximate is None:
            raise InputError(
                f"{self.path} has no approximate index: make one with  build_approximate, or  likewise index build "
                "--approximate 0.95, or search exactly."
            )
        factors = None if about.collapse is None else np.array(about.collapse, np.float32)
        return FirstStage(about.approximate.probes, about.approximate.shortlist, factors)
