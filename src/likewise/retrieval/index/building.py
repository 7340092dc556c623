"""From a catalog to rows of an index: embedded as a job, so that a stop costs little, then written in large parts."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from likewise.data import Catalog, Failure
from likewise.errors import FingerprintError, InputError
from likewise.files import digest, discard_folder, parts_folder, whole_folder
from likewise.jobs import JobResult, running
from likewise.models import Embeddings, SimilarityModel
from likewise.models.embedding import Precision
from likewise.models.embedding_job import embedding_job, nothing_embedded
from likewise.retrieval.distances import DISTANCES, checked_vectors, prepare
from likewise.retrieval.index.about import IndexAbout
from likewise.retrieval.index.schema import empty_schema, merged_fields, property_fields, rows
from likewise.retrieval.index.search import collapse
from likewise.retrieval.index.store import Store, is_remote

Parts = Iterable[Embeddings]

_WRITE_ROWS = 1 << 15  # rows of one transaction


@dataclass(frozen=True)
class Added:
    """What an add did.

    Attributes:
        added: New images.
        replaced: Images whose id was there already.
        failures: Images that could not be read; they are not in the index (or as they were).
    """

    added: int
    replaced: int
    failures: list[Failure]

    def __add__(self, other: "Added") -> "Added":
        return Added(self.added + other.added, self.replaced + other.replaced, self.failures + other.failures)


@dataclass(frozen=True)
class EmbeddingOptions:
    """How images are embedded for an index; see ``SimilarityModel.embed``."""

    batch_size: int = 64
    num_workers: int | None = None
    precision: Precision = "float32"
    progress: bool = True
    shard_size: int = 4096


@contextmanager
def embedded(
    model: SimilarityModel, catalog: Catalog, uri: str, options: EmbeddingOptions
) -> Iterator[tuple[Parts, list[Failure]]]:
    """Embed a catalog into shards beside the index; they are removed when the block succeeds.

    The folder that is written last is also the first check that the place can be written.

    Raises:
        FingerprintError: Shards of another model wait there.
        InterruptedWork: Ctrl-C; the same call goes on from there.
    """
    parts = _parts_folder(uri)
    job = embedding_job(
        model,
        catalog,
        parts,
        batch_size=options.batch_size,
        num_workers=options.num_workers,
        precision=options.precision,
        shard_size=options.shard_size,
    )
    try:
        with running(job, progress=options.progress) as result:
            if result.done:
                yield _Shards(result), result.failures
            discard_folder(parts)
    except FingerprintError as error:
        raise FingerprintError(f"{error} To start anew, remove {parts}.") from error
    if not result.done:
        raise nothing_embedded(result.failures)


class _Shards:
    """Reads the embeddings of one shard after the other."""

    def __init__(self, result: JobResult) -> None:
        self._result = result

    def __iter__(self) -> Iterator[Embeddings]:
        for shard, places in self._result.places():
            if places:
                yield Embeddings.load(shard).take([row for row, _ in places])


def build_store(
    uri: str, about: IndexAbout, parts: Parts = (), catalog: Catalog | None = None
) -> tuple[Store, Added]:
    """Write a new store. In a folder it appears whole; on object storage what it says about itself comes last.

    Raises:
        InputError: As :func:`add_rows`; or the place cannot be written.
        WorkError: Writing failed on the way.
    """
    with nullcontext(uri) if is_remote(uri) else whole_folder(Path(uri)) as place:
        store = Store.create(str(place), empty_schema(about.dim))
        added = add_rows(store, about, parts, catalog)
        store.write_about(about.model_dump())
    return Store.open(uri), added


def check_free(uri: str) -> None:
    """Refuse a place where something is, before any work.

    Raises:
        InputError: It is not free.
    """
    path = Path(uri)
    if not is_remote(uri) and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(
            f"{uri} exists already: add to it with  likewise index add, remove it, or choose another name."
        )


def check_properties(store: Store | None, catalog: Catalog) -> None:
    """Refuse properties that the index cannot take, before any work.

    Raises:
        CatalogError: A name or a type does not fit.
    """
    fields = property_fields(catalog.table, catalog.properties)
    if store is not None:
        merged_fields(store.schema, fields, catalog.table)


def add_rows(store: Store, about: IndexAbout, parts: Parts, catalog: Catalog | None) -> Added:
    """Write embeddings, and the rows of the catalog that belong to them, in transactions of bounded size.

    Raises:
        InputError: Vectors that the distance is not defined for, ids that are not unique or not in the catalog.
    """
    table = None if catalog is None else catalog.table.set_index("path", drop=False)
    if catalog is not None and table is not None:
        fields = property_fields(table, catalog.properties)
        store.add_columns(merged_fields(store.schema, fields, table))
    total, waiting = Added(0, 0, []), list[Embeddings]()
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= _WRITE_ROWS:
            total += _write(store, about, waiting, catalog, table)
            waiting = []
    return total + _write(store, about, waiting, catalog, table) if waiting else total


def _write(
    store: Store,
    about: IndexAbout,
    parts: Sequence[Embeddings],
    catalog: Catalog | None,
    table: pd.DataFrame | None,
) -> Added:
    """One transaction."""
    vectors = np.concatenate([part.vectors for part in parts])
    ids = [name for part in parts for name in part.ids]
    if not ids:
        return Added(0, 0, [])
    _check_vectors(vectors, ids, about)
    collapsed = None if about.collapse is None else collapse(vectors, np.array(about.collapse, np.float32))
    if catalog is not None and table is not None:
        chosen = table.loc[_known(ids, table.index)]
        paths = [str(catalog.root / name) for name in ids]
        new = rows(store.schema, ids, vectors, table=chosen, paths=paths, collapsed=collapsed)
    else:
        labels = [
            part.labels if part.labels is not None else np.full(len(part), "", object) for part in parts
        ]
        new = rows(store.schema, ids, vectors, labels=np.concatenate(labels), collapsed=collapsed)
    return Added(*store.upsert(new), [])


def _parts_folder(uri: str) -> Path:
    if is_remote(uri):
        return Path(tempfile.gettempdir()) / f"likewise-index-{digest(uri)}.parts"
    return parts_folder(uri)


def _check_vectors(vectors: np.ndarray, ids: Sequence[str], about: IndexAbout) -> None:
    if vectors.shape[1] != about.dim:
        raise InputError(
            f"The index holds vectors of {about.dim} numbers, but these have {vectors.shape[1]}."
        )
    if len(set(ids)) != len(ids):
        twice = next(name for position, name in enumerate(ids) if name in ids[:position])
        raise InputError(f"The id {twice!r} stands twice among the embeddings: ids must be unique.")
    checked = checked_vectors(vectors, "the embeddings")
    if about.distance in DISTANCES:
        prepare(checked, about.distance, "the embeddings")


def _known(ids: list[str], index: pd.Index) -> list[str]:
    missing = set(ids) - set(index)
    if missing:
        raise InputError(
            f"The catalog has no image {min(missing)!r}, which the embeddings name: give theirs."
        )
    return ids
