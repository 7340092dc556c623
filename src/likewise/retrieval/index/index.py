"""Index: a searchable store of embeddings with ids, labels and properties, which knows the model that made them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.bounds import Count, Seed, ShareAboveZero
from likewise.data import Catalog, Failure
from likewise.errors import InputError
from likewise.models import Embeddings, SimilarityModel, pick_device
from likewise.models.embedding_job import nothing_embedded
from likewise.models.model_reference import ModelReference
from likewise.retrieval.index.adding import Added, Parts, add_rows
from likewise.retrieval.index.approximate import build_approximate
from likewise.retrieval.index.building import (
    EmbeddingOptions,
    build_from_catalog,
    build_store,
    change_parts,
    check_free,
    check_properties,
    discard_written,
    embedded,
)
from likewise.retrieval.index.entries import Records, embedding_records
from likewise.retrieval.index.index_reader import IndexReader
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.metadata import FORMAT, Approximate, IndexMetadata
from likewise.retrieval.index.schema import VectorCodes
from likewise.retrieval.index.store import Store
from likewise.retrieval.index.sync import Sync, Synced, synced
from likewise.runtime_choice import RuntimeChoice


@checked
class Index(IndexReader):
    """Embeddings that can be searched, filtered, added to and removed from.

    It is stored in a folder, or on object storage (``s3://...``). Writes of other processes are
    visible to the next call.

    Attributes:
        path: Path or address.
        added: Result of the call that made this object, or of the last add.
    """

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
            path: Location of the new index, which must be free.
            model: Embeds; its fingerprint is stored.
            catalog: The images, with labels, splits and properties. None makes an empty index.
            reference: Reference to load the model again. None: the name of the model.
            options: Options of embedding.

        Raises:
            InputError: The location exists already or cannot be written.
            CatalogError: A property that the index cannot take.
            InterruptedWork: Ctrl-C.
            WorkError: No image could be read, or the disk is full.
        """
        uri = _place(path)
        metadata = IndexMetadata(
            fingerprint=model.fingerprint,
            distance=model.distance,
            dim=model.dim,
            model=reference or ModelReference.to(model.name, uri),
            runtime=model.runtime_choice or RuntimeChoice(model.runtime),
        )
        if catalog is None:
            check_free(uri)
            return cls(build_store(uri, metadata)[0], uri, model)
        store, added = build_from_catalog(uri, metadata, model, catalog, options)
        return cls(store, uri, model, added)

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
            path: Location of the new index, which must be free.
            embeddings: Vectors, ids, fingerprint and distance.
            catalog: Labels, splits, properties and paths of these ids, or None. The content of the files is known
                where the embeddings have records of it; :meth:`sync` embeds the others again.
            reference: Reference to load the model, for searches with images.

        Raises:
            InputError: As :meth:`create`; or ids that the catalog does not have.
        """
        uri = _place(path)
        check_free(uri)
        metadata = IndexMetadata(
            fingerprint=embeddings.fingerprint,
            distance=embeddings.distance,
            dim=embeddings.dim,
            model=reference,
            runtime=embeddings.runtime_choice or RuntimeChoice(embeddings.runtime),
        )
        if catalog is not None:
            metadata = check_properties(None, catalog, metadata)
        store, added = build_store(uri, metadata, [embeddings], catalog, embedding_records(embeddings))
        return cls(store, uri, added=added + Added(0, 0, embeddings.failures))

    @classmethod
    def open(cls, path: Path | str, model: SimilarityModel | None = None) -> Self:
        """An existing index.

        Args:
            path: Location of the index.
            model: The model that made it; None loads it when it is needed.

        Raises:
            InputError: There is no index.
            FingerprintError: Another model made it.
        """
        uri = _place(path)
        return cls(Store.open(uri), uri, model)

    def add(self, catalog: Catalog, *, options: EmbeddingOptions = EmbeddingOptions()) -> Added:
        """Embed the images of a catalog and add them; existing images are replaced.

        Images are identified by location. The id is the path in the catalog, with parent folders prepended if another
        image has this id. New properties are added to the index; properties missing from the catalog are empty.

        Raises:
            CatalogError: A property of another type than in the index.
            FingerprintError: The model is another one now.
            InterruptedWork: Ctrl-C; the same call resumes.
            WorkError: No image could be read, or the disk is full.
        """
        check_properties(self._store, catalog, self._metadata)
        with embedded(self.model, catalog, change_parts(self.path), options) as embeddings:
            if len(embeddings.failures) < len(catalog):
                self._add(embeddings.parts, catalog, embeddings.records, embeddings.failures)
        discard_written(self._store, self.path)
        if len(embeddings.failures) == len(catalog):
            raise nothing_embedded(embeddings.failures)
        return self.added

    def add_embeddings(self, embeddings: Embeddings, catalog: Catalog | None = None) -> Added:
        """Add vectors that are there already.

        Args:
            embeddings: Embeddings of the index's model.
            catalog: Labels, splits, properties and paths of these ids.

        Raises:
            FingerprintError: They were made by another model.
            InputError: They do not fit the index or the catalog.
        """
        self._binding.check(embeddings.fingerprint, "The embeddings are")
        self._add([embeddings], catalog, embedding_records(embeddings), embeddings.failures)
        return self.added

    def sync(
        self,
        catalog: Catalog,
        *,
        keep_deleted: bool = False,
        dry_run: bool = False,
        options: EmbeddingOptions = EmbeddingOptions(),
        device: str | None = None,
    ) -> Synced:
        """Bring the index up to date with a catalog; only new and changed images are embedded.

        Images are identified by location and content. Moved images are renamed, and images with a changed label, split
        or property are updated, both without embedding. Images below the folder of the catalog that it no longer lists
        are deleted; images of other folders are kept. Columns missing from the catalog (or labels, if it has none at
        all) keep their values.

        Args:
            catalog: The images the index should contain.
            keep_deleted: Keep images that the catalog does not list any more.
            dry_run: Return the changes without making them.
            options: Options of embedding.
            device: Device of the model, which is loaded only to embed images. None: its current or a chosen one.

        Raises:
            CatalogError: A property of another type than in the index.
            FingerprintError: The model is another one now.
            InterruptedWork: Ctrl-C; the same call resumes.
            WorkError: The disk is full, or other processes kept changing the index.
        """
        metadata = check_properties(self._store, catalog, self._metadata)
        if device is not None:
            pick_device(device)
        work = Sync(self._store, metadata, catalog, Locations(self.path), keep_deleted)
        if dry_run:
            return synced(work.compare(), catalog)
        done = work.run(
            lambda: self.model if device is None else self.model.to(device), change_parts(self.path), options
        )
        self._metadata = metadata
        discard_written(self._store, self.path)
        return done

    def remove(
        self, ids: str | Sequence[Any] | NDArray[Any] | None = None, *, where: str | None = None
    ) -> int:
        """Remove images by id, or those that fit a condition, all at once; returns how many were there to be removed.

        Raises:
            InputError: Neither or both are given.
            CatalogError: The condition cannot be used.
        """
        if (ids is None) == (where is None):
            raise InputError("Say what to remove: either ids, or a condition such as  label = 'wren'.")
        names = [] if ids is None else [ids] if isinstance(ids, str) else [str(name) for name in ids]
        fits = self._store.condition(where)
        with self._store.exclusive():
            removed = self._store.delete_ids(names) if fits is None else self._store.delete(fits)
            if removed:
                self._store.tidy()
        return removed

    def build_approximate(
        self,
        recall: ShareAboveZero = 0.95,
        *,
        vectors: VectorCodes = "float32",
        recall_at: Count = 10,
        partitions: Count | None = None,
        seed: Seed = 0,
    ) -> Approximate:
        """Build the approximate index and measure its recall; see :meth:`info`.

        Images added later are taken into it.

        Args:
            recall: The share of the exact nearest images that a search should find.
            vectors: How the vectors that select candidates are stored: int8 takes a quarter and binary a thirty-second
                of the memory. The candidates are always compared by the float32 vectors of the index.
            recall_at: Number of nearest images.
            partitions: Groups of similar vectors; None is the square root of the number of images.
            seed: Seed of the draw of the images to measure with.

        Raises:
            InputError: Fewer than 1000 images, the SNR distance, or an AVSL index whose model is not there.
            ConfigError: A number out of range, or binary vectors of a number of dimensions that is not a multiple
                of 8.
        """
        with self._store.exclusive():
            measured, factors = build_approximate(
                self._store,
                self._binding.distance,
                vectors=vectors,
                partitions=partitions,
                recall=recall,
                recall_at=recall_at,
                seed=seed,
            )
            collapsing = None if factors is None else factors.tolist()
            update = {"format": FORMAT, "approximate": measured, "collapse": collapsing}
            self._metadata = self._metadata.model_copy(update=update)
            self._store.write_metadata(self._metadata.model_dump())
        return measured

    def _add(
        self, parts: Parts, catalog: Catalog | None, records: Records | None, failures: Sequence[Failure]
    ) -> None:
        with self._store.exclusive():
            if catalog is not None:
                metadata = check_properties(self._store, catalog, self._metadata)
                if metadata != self._metadata:
                    self._store.write_metadata(metadata.model_dump())
                    self._metadata = metadata
            locations = Locations(self.path)
            added = add_rows(
                self._store, self._metadata, parts, catalog, records=records, locations=locations
            )
            self.added = added + Added(0, 0, list(failures))
            self._store.tidy()


def _place(path: Path | str) -> str:
    if not isinstance(path, str | Path) or not str(path).strip():
        raise InputError(f"The path of an index must be the name of a folder or an address, but is {path!r}.")
    return str(path)
