"""Index entries of catalog images, with unique ids."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
import pyarrow as pa

from likewise.data import Catalog
from likewise.errors import InputError
from likewise.files import ContentRecord, content_digest
from likewise.models import Embeddings
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.schema import DIGEST, SIZE, TIME, WAY, Entries, property_table
from likewise.retrieval.index.store_view import StoreView, is_one_of

Records = Mapping[str, ContentRecord]


def catalog_entries(
    catalog: Catalog, locations: Locations, columns: Mapping[str, str], records: Records
) -> Entries:
    """The entries of a catalog, in its order, with its paths as ids.

    Args:
        catalog: Images.
        locations: Locations of the index.
        columns: Columns that have another name in the index.
        records: Records of the content, by path in the catalog.
    """
    table = catalog.table
    places = locations.distinct([str(path) for path in catalog.paths])
    masks = [None if mask is None else locations.of(mask) for mask in catalog.mask_paths]
    return Entries(
        ids=catalog.ids,
        labels=[str(label) for label in table["label"]],
        splits=[str(split) for split in table["split"]],
        paths=list(places),
        ways=[locations.way(place) for place in places],
        records=[records.get(name) for name in catalog.ids],
        masks=masks,
        mask_ways=[None if mask is None else locations.way(mask) for mask in masks],
        properties=property_table(catalog, columns)[0],
    )


def embedding_records(embeddings: Embeddings) -> Records:
    """Content records of embeddings, by id."""
    return dict(zip(embeddings.ids, embeddings.records or (), strict=embeddings.records is not None))


def vector_entries(embeddings: Embeddings) -> Entries:
    """The entries of vectors with only ids and labels."""
    labels = (
        [""] * len(embeddings) if embeddings.labels is None else [str(label) for label in embeddings.labels]
    )
    nothing: list[None] = [None] * len(embeddings)
    return Entries(
        embeddings.ids, labels, [""] * len(embeddings), paths=[*nothing], ways=[*nothing], records=[*nothing],
        masks=[*nothing], mask_ways=[*nothing], properties=pd.DataFrame(index=np.arange(len(embeddings))),
    )  # fmt: skip


def with_free_ids(entries: Entries, stored: Mapping[str, str | None], id_at: Mapping[str, str]) -> Entries:
    """The entries with unique ids.

    An image that is in the index keeps its id. The id of a new image is its path in the catalog. If another image has
    this id, parent folders are prepended until it is unique.

    Args:
        entries: New or stored images.
        stored: Location per id of the index; None for an id without a location, which matches any image of that name.
        id_at: Id per location of the index.
    """
    taken: set[str] = set()
    stored_ids = [id_at.get(path) if path is not None else None for path in entries.paths]
    taken.update(name for name in stored_ids if name is not None)
    ids = []
    for name, path, stored_id in zip(entries.ids, entries.paths, stored_ids, strict=True):
        unique_id = stored_id or next(
            each
            for each in _spellings(name, path)
            if each not in taken and (each not in stored or stored[each] is None)
        )
        taken.add(unique_id)
        ids.append(unique_id)
    return replace(entries, ids=ids)


def stored_places(table: pa.Table, locations: Locations) -> list[str | None]:
    """Current locations of the images of rows; None for rows without a location."""
    ways = table[WAY].to_pylist() if WAY in table.column_names else [None] * table.num_rows
    return [locations.find(path, way) for path, way in zip(table["path"].to_pylist(), ways, strict=True)]


def stored_records(table: pa.Table) -> list[ContentRecord | None]:
    """Content records of rows; None for rows of an older index or of vectors alone."""
    if DIGEST not in table.column_names:
        return [None] * table.num_rows
    columns = (table[name].to_pylist() for name in (SIZE, TIME, DIGEST))
    return [
        None if digest is None else ContentRecord(size, time, digest)
        for size, time, digest in zip(*columns, strict=True)
    ]


def find_copies(view: StoreView, path: Path | str, locations: Locations) -> list[tuple[str, str]]:
    """Ids and labels of the rows whose image is this file, or a copy or link of it; first those at its location.

    An unreadable file is identified by its location only.
    """
    place, names = locations.of(path), view.schema.names
    conditions = [is_one_of("path", sorted({place, str(Path(path).absolute())}))]
    if DIGEST in names:
        with suppress(InputError):
            conditions.append(is_one_of(DIGEST, [content_digest(path)]))
        way = locations.way(place)
        conditions += [] if way is None else [is_one_of(WAY, [way])]
    columns = [name for name in ("id", "label", "path", WAY) if name in names]
    table = view.rows_where(" OR ".join(conditions), columns)
    elsewhere = [other != place for other in stored_places(table, locations)]
    rows = sorted(
        zip(elsewhere, table["id"].to_pylist(), table["label"].to_pylist(), strict=True), key=_place_and_id
    )
    return [(name, label or "") for _, name, label in rows]


def _place_and_id(row: tuple[bool, str, str | None]) -> tuple[bool, str]:
    return row[0], row[1]


def _spellings(name: str, path: str | None) -> Iterable[str]:
    """Names for an image, from its path in the catalog to its absolute path, then with a number."""
    yield name
    parts = PurePath(path or name).parts
    shortest = len(PurePath(name).parts)
    yield from ("/".join(parts[-length:]) for length in range(shortest + 1, len(parts)))
    whole = str(path or name)
    yield whole
    yield from (f"{whole} ({number})" for number in count(2))
