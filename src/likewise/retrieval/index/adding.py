"""Writing rows: embeddings, and what the catalog says about their images, in transactions of bounded size."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from likewise.avsl.distance import collapse
from likewise.data import Catalog, Failure
from likewise.errors import InputError
from likewise.models import Embeddings
from likewise.readable import readable
from likewise.retrieval.index.entries import (
    Records,
    catalog_entries,
    stored_places,
    vector_entries,
    with_free_ids,
)
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.metadata import IndexMetadata
from likewise.retrieval.index.schema import Entries, merged_fields, rows
from likewise.retrieval.index.store import Store

Parts = Iterable[Embeddings]

_WRITE_ROWS = 1 << 15  # rows of one transaction


@readable
@dataclass(frozen=True)
class Added:
    """Result of an add.

    Attributes:
        added: New images.
        replaced: Images that were in the index already, by location.
        failures: Images that could not be read; they are not in the index (or as they were).
    """

    added: int
    replaced: int
    failures: list[Failure] = field(default_factory=list)

    def __add__(self, other: "Added") -> "Added":
        return Added(self.added + other.added, self.replaced + other.replaced, self.failures + other.failures)


def add_rows(
    store: Store,
    metadata: IndexMetadata,
    parts: Parts,
    catalog: Catalog | None,
    *,
    records: Records | None,
    locations: Locations,
) -> Added:
    """Write embeddings, and the rows of the catalog that belong to them, in transactions of bounded size.

    Raises:
        InputError: Vectors that the distance is not defined for, ids that are not unique or not in the catalog.
    """
    entries = None
    if catalog is not None:
        entries = catalog_entries(catalog, locations, metadata.columns, records or {})
        store.add_columns(merged_fields(store.schema, entries.properties))
        stored = store.without_vectors()
        places = stored_places(stored, locations)
        by_id = dict(zip(stored["id"].to_pylist(), places, strict=True))
        entries = with_free_ids(
            entries, by_id, {place: name for name, place in by_id.items() if place is not None}
        )
    numbers = {} if catalog is None else {name: row for row, name in enumerate(catalog.ids)}
    total, waiting = Added(0, 0), list[Embeddings]()
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= _WRITE_ROWS:
            total += _write(store, metadata, waiting, entries, numbers)
            waiting = []
    return total + _write(store, metadata, waiting, entries, numbers) if waiting else total


def entry_rows(store: Store, metadata: IndexMetadata, entries: Entries, vectors: np.ndarray) -> pa.Table:
    """Rows of the store, with the collapsed vectors of an AVSL index."""
    collapsed = (
        None if metadata.collapse is None else collapse(vectors, np.array(metadata.collapse, np.float32))
    )
    return rows(store.schema, entries, vectors, collapsed)


def _write(
    store: Store,
    metadata: IndexMetadata,
    parts: Sequence[Embeddings],
    entries: Entries | None,
    numbers: dict[str, int],
) -> Added:
    """One transaction."""
    tables = []
    for part in parts:
        if len(part):
            _check_vectors(part, metadata)
            chosen = vector_entries(part) if entries is None else entries.take(_known(part.ids, numbers))
            tables.append(entry_rows(store, metadata, chosen, part.vectors))
    return Added(*store.upsert(pa.concat_tables(tables))) if tables else Added(0, 0)


def _check_vectors(part: Embeddings, metadata: IndexMetadata) -> None:
    if part.dim != metadata.dim:
        raise InputError(f"The index has vectors of {metadata.dim} dimensions, but these have {part.dim}.")
    if len(set(part.ids)) != len(part.ids):
        name, times = Counter(part.ids).most_common(1)[0]
        raise InputError(f"The id {name!r} occurs {times} times among the embeddings: ids must be unique.")
    bad = replace(part, distance=metadata.distance, failures=[]).usable().failures
    if bad:
        raise InputError(f"The embedding of {bad[0].id!r} cannot be used. {bad[0].reason}")


def _known(ids: Sequence[str], numbers: dict[str, int]) -> list[int]:
    unknown = [name for name in ids if name not in numbers]
    if unknown:
        raise InputError(
            f"The embeddings hold {unknown[0]!r}, which is not in the catalog: give the catalog of these ids."
        )
    return [numbers[name] for name in ids]
