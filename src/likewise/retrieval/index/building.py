"""From a catalog to rows of an index: embedded as a job, so that a stop costs little, then written in large parts."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from likewise.arguments import checked
from likewise.bounds import Count, Workers
from likewise.data import Catalog, Failure
from likewise.errors import BusyError, FingerprintError, InputError
from likewise.files import digest, discard_folder, is_remote, parts_folder, unwritable, whole_folder
from likewise.jobs import JobResult, running, stored_shards
from likewise.jobs.lock import folder_lock
from likewise.models import Embeddings, SimilarityModel
from likewise.models.embedding import Precision
from likewise.models.embedding_job import embedding_job, nothing_embedded
from likewise.retrieval.index.adding import Added, Parts, add_rows
from likewise.retrieval.index.entries import Records, stored_records
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.metadata import IndexMetadata
from likewise.retrieval.index.schema import empty_schema, merged_fields, property_table
from likewise.retrieval.index.store import Store
from likewise.temporary import sweep


@checked
@dataclass(frozen=True)
class EmbeddingOptions:
    """Options of embedding images for an index; see ``SimilarityModel.embed``.

    ``num_workers`` None decodes in threads if the model is on the CPU. For a GPU it decodes in this thread once an
    index was opened, since LanceDB's threads forbid forking. With a number, fresh processes are started, for which a
    script needs ``if __name__ == "__main__":``.
    """

    batch_size: Count = 64
    num_workers: Workers | None = None
    precision: Precision = "float32"
    progress: bool = True
    shard_size: Count = 4096


@dataclass(frozen=True)
class Embedded:
    """The images of a catalog, embedded.

    Attributes:
        parts: Their embeddings, read one part after the other.
        records: Records of their content before it was read, by path in the catalog.
        failures: Images that could not be read.
    """

    parts: Parts
    records: Records
    failures: list[Failure]


@contextmanager
def embedded(
    model: SimilarityModel, catalog: Catalog, parts: Path, options: EmbeddingOptions
) -> Iterator[Embedded]:
    """Embed a catalog into shards in the folder ``parts``; they are removed when the block succeeds.

    Creating the folder first checks that the location is writable.

    Raises:
        FingerprintError: Shards of another model wait there.
        InterruptedWork: Ctrl-C; the same call goes on from there.
    """
    workers = options.num_workers
    if workers is None and "lancedb" in sys.modules and model.device.type != "cpu":
        # Forking is not safe any more, and fresh processes need a script that can be imported again.
        workers = 0
    job = embedding_job(
        model,
        catalog,
        parts,
        batch_size=options.batch_size,
        num_workers=workers,
        precision=options.precision,
        shard_size=options.shard_size,
    )
    try:
        with running(job, progress=options.progress) as result:
            yield Embedded(_Shards(result), result.files, result.failures)
            discard_folder(parts)
    except FingerprintError as error:
        raise FingerprintError(f"{error} To start over, remove {parts}.") from error


class _Shards:
    """Reads the embeddings of one shard after the other."""

    def __init__(self, result: JobResult) -> None:
        self._result = result

    def __iter__(self) -> Iterator[Embeddings]:
        for shard, places in self._result.places():
            if places:
                yield Embeddings.load(shard).take([row for row, _ in places])


def build_from_catalog(
    uri: str, metadata: IndexMetadata, model: SimilarityModel, catalog: Catalog, options: EmbeddingOptions
) -> tuple[Store, Added]:
    """Embed a catalog into a new store. An interrupted call resumes, also in its last steps.

    Raises:
        InputError: The location exists already or cannot be written.
        WorkError: No image could be embedded, or writing failed.
    """
    metadata = check_properties(None, catalog, metadata)
    parts = build_parts(uri)
    written = is_taken(uri) and (parts / "job.json").is_file()
    if not written:
        check_free(uri)
    store, added = None, Added(0, 0)
    with embedded(model, catalog, parts, options) as embeddings:
        if written:
            store = Store.open(uri)
            added = Added(store.count(), 0)
        elif len(embeddings.failures) < len(catalog):
            store, added = build_store(uri, metadata, embeddings.parts, catalog, embeddings.records)
    if store is None:
        raise nothing_embedded(embeddings.failures)
    return store, added + Added(0, 0, embeddings.failures)


def build_store(
    uri: str,
    metadata: IndexMetadata,
    parts: Parts = (),
    catalog: Catalog | None = None,
    records: Records | None = None,
) -> tuple[Store, Added]:
    """Write a new store. In a folder it appears whole; on object storage what it says about itself comes last.

    Raises:
        InputError: As :func:`add_rows`; or the location cannot be written.
        WorkError: Writing failed on the way.
    """
    with nullcontext(uri) if is_remote(uri) else whole_folder(Path(uri)) as place:
        store = Store.create(str(place), empty_schema(metadata.dim))
        added = add_rows(store, metadata, parts, catalog, records=records, locations=Locations(uri))
        store.write_metadata(metadata.model_dump())
        store.verify()
    return Store.open(uri), added


def check_free(uri: str) -> None:
    """Check before any work that the location is free.

    Raises:
        InputError: It is not free.
    """
    if is_taken(uri):
        if not is_remote(uri):  # a build that was interrupted while it removed its parts leaves only these
            sweep(Path(uri).absolute().parent)
        raise InputError(
            f"{uri} exists already: add to it with  likewise index add, bring it up to date with  likewise index sync, "
            "remove it, or choose another name."
        )


def is_taken(uri: str) -> bool:
    """Whether the location of an index is taken."""
    if is_remote(uri):
        return Store.exists(uri)
    path = Path(uri)
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def check_properties(store: Store | None, catalog: Catalog, metadata: IndexMetadata) -> IndexMetadata:
    """Refuse properties that the index cannot take, before any work.

    Returns:
        Metadata of the index, with renamed columns.

    Raises:
        CatalogError: A type does not fit.
    """
    properties, names = property_table(catalog, metadata.columns)
    merged_fields(empty_schema(metadata.dim) if store is None else store.schema, properties)
    changed = {column: name for column, name in names.items() if column != name}
    return metadata.model_copy(update={"columns": metadata.columns | changed})


def change_parts(uri: str) -> Path:
    """Folder of embeddings to be added to the index at ``uri``."""
    return build_parts(f"{uri}.added")


def discard_written(store: Store, uri: str) -> None:
    """Remove stored embeddings that are all in the index, and remnants of interrupted calls."""
    if not is_remote(uri):
        sweep(Path(uri).absolute().parent)
    for parts in (build_parts(uri), change_parts(uri)):
        if not (parts / "job.json").is_file():
            continue
        with suppress(BusyError), folder_lock(parts):
            waiting = {
                record.digest
                for shard in stored_shards(parts)
                for record in shard.files
                if record is not None
            }
            written = {
                record.digest for record in stored_records(store.without_vectors()) if record is not None
            }
            if waiting <= written:
                discard_folder(parts)


def build_parts(uri: str) -> Path:
    """Folder of embeddings for the index to be built at ``uri``."""
    if not is_remote(uri):
        return parts_folder(uri)
    private = (
        Path(tempfile.gettempdir()) / f"likewise-{os.getuid() if hasattr(os, 'getuid') else os.getlogin()}"
    )
    try:
        private.mkdir(mode=0o700, exist_ok=True)
        if private.is_symlink() or (hasattr(os, "getuid") and private.stat().st_uid != os.getuid()):
            raise InputError(f"{private} belongs to somebody else: set TMPDIR to a folder of your own.")
    except OSError as error:
        raise unwritable(private, error, "set TMPDIR to another folder") from error
    return private / f"index-{digest(uri)}.parts"
