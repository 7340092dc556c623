"""Differences between a catalog and an index, by location and content of each image."""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa

from likewise.data import Catalog
from likewise.errors import InputError
from likewise.files import ContentRecord, content_record
from likewise.retrieval.index.entries import catalog_entries, stored_places, stored_records, with_free_ids
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.schema import MASK, MASK_WAY, Entries, is_property, merged_fields, rows
from likewise.retrieval.index.store_view import StoreView


@dataclass(frozen=True)
class Changes:
    """The differences between a catalog and one version of an index.

    Attributes:
        entries: Entries of the catalog, with their ids in the index.
        kinds: "new", "changed", "renamed", "updated" or "unchanged", for each entry.
        sources: For each entry the id of the row with the vector of its content; None: to be embedded.
        to_move: Numbers of the entries whose row is rewritten with a stored vector.
        fields: Columns that the index does not have yet.
        gone: Ids to remove.
        deleted: Number of them that the catalog no longer lists.
        elsewhere: Number of rows that the catalog does not speak of.
        view: The version of the index.
    """

    entries: Entries
    kinds: list[str]
    sources: list[str | None]
    to_move: list[int]
    fields: list[pa.Field]
    gone: list[str]
    deleted: int
    elsewhere: int
    view: StoreView

    @property
    def to_embed(self) -> list[int]:
        """Numbers of the entries whose content no row has a vector of."""
        return [row for row, source in enumerate(self.sources) if source is None]


def compare(
    view: StoreView, catalog: Catalog, columns: Mapping[str, str], locations: Locations, keep_deleted: bool,
    *, stored_vectors: bool = False,
) -> Changes:  # fmt: skip
    """Compare a catalog with one version of an index; see :meth:`likewise.Index.sync`.

    Only files with a changed size or modification time are read. ``stored_vectors``: the vectors come from a file that
    has not changed, so images whose files have never been here are unchanged.
    """
    stored = _Stored(view, locations)
    entries = catalog_entries(catalog, locations, columns, {})
    matched = [stored.row_at.get(path or "") for path in entries.paths]
    entries = replace(
        entries, records=[stored.record(path, row) for path, row in zip(entries.paths, matched, strict=True)]
    )
    unmatched = set(range(len(stored.ids))) - set(matched)
    listed = stored.below(unmatched, catalog, entries)
    movable = [*listed, *stored.lost(unmatched)]
    kinds, source_rows = _content(entries, matched, stored, movable, stored_vectors)
    moved = {
        row for row, kind in zip(source_rows, kinds, strict=True) if kind == "renamed" and row is not None
    }
    deleted = set() if keep_deleted else set(listed) - moved
    staying = set(range(len(stored.ids))) - moved - deleted
    entries = with_free_ids(
        entries,
        {stored.ids[row]: stored.places[row] for row in staying},
        {place: stored.ids[row] for place, row in stored.row_at.items() if row in staying},
    )
    stored_rows = [
        row if kind == "renamed" else match
        for row, match, kind in zip(source_rows, matched, kinds, strict=True)
    ]
    entries = _with_kept_values(entries, stored, stored_rows)
    fields = merged_fields(view.schema, entries.properties)
    to_move = _compare_values(entries, stored, stored_rows, kinds, fields)
    to_move += [
        row
        for row, kind in enumerate(kinds)
        if kind in ("new", "changed", "renamed") and source_rows[row] is not None
    ]
    final = set(entries.ids)
    return Changes(
        entries=entries,
        kinds=kinds,
        sources=[None if row is None else stored.ids[row] for row in source_rows],
        to_move=sorted(to_move),
        fields=fields,
        gone=[stored.ids[row] for row in sorted(moved | deleted) if stored.ids[row] not in final],
        deleted=len(deleted),
        elsewhere=len(unmatched) - len(moved) - len(deleted),
        view=view,
    )


class _Stored:
    """The rows of an index, without their vectors."""

    def __init__(self, view: StoreView, locations: Locations) -> None:
        self.table = view.without_vectors()
        self.ids: list[str] = self.table["id"].to_pylist()
        self.places = stored_places(self.table, locations)
        self.records = stored_records(self.table)
        self.row_at = {place: row for row, place in enumerate(self.places) if place is not None}

    def record(self, path: str | None, row: int | None) -> ContentRecord | None:
        """The current content of a file; None if it cannot be read."""
        try:
            return None if path is None else content_record(path, None if row is None else self.records[row])
        except InputError:
            return None

    def lost(self, rows: set[int]) -> list[int]:
        """Rows whose image is no longer at its location."""
        return [row for row in rows if (place := self.places[row]) is not None and not os.path.lexists(place)]

    def below(self, rows: set[int], catalog: Catalog, entries: Entries) -> list[int]:
        """Rows whose image is in the folder of the catalog, or in the folder of one of its images."""
        root = os.path.realpath(catalog.root).rstrip(os.sep) + os.sep
        folders = {os.path.split(path)[0] for path in entries.paths if path is not None}
        root = root if root != os.sep else os.path.commonpath([*folders]).rstrip(os.sep) + os.sep
        placed = ((row, self.places[row]) for row in rows)
        return [
            row
            for row, place in placed
            if place is not None and (place.startswith(root) or os.path.split(place)[0] in folders)
        ]

    def values(self, name: str, rows: list[int | None]) -> list[Any]:
        """A column at these rows; None for no row, or where there is no such column."""
        if name not in self.table.column_names:
            return [None] * len(rows)
        column = self.table[name].to_pylist()
        return [None if row is None else column[row] for row in rows]


def _content(
    entries: Entries, matched: list[int | None], stored: _Stored, movable: list[int], stored_vectors: bool
) -> tuple[list[str], list[int | None]]:
    """The kind of each entry, by content, and the row with a vector of the same content."""
    rows_of, movable_of = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for row, record in enumerate(stored.records):
        if record is not None:
            rows_of[record.digest].append(row)
    for row in sorted(set(movable), reverse=True):
        record = stored.records[row]
        if record is not None:
            movable_of[record.digest].append(row)
    kinds, sources = list[str](), list[int | None]()
    for record, place in zip(entries.records, matched, strict=True):
        digest = "" if record is None else record.digest
        stored_record = None if place is None else stored.records[place]
        never_here = stored_vectors and place is not None and record is None and stored_record is None
        if never_here or (stored_record is not None and stored_record.digest == digest):
            kinds.append("unchanged")
            sources.append(place)
        elif place is None and movable_of.get(digest):
            kinds.append("renamed")
            sources.append(movable_of[digest].pop())
        else:
            kinds.append("new" if place is None else "changed")
            sources.append(rows_of[digest][0] if digest in rows_of else None)
    return kinds, sources


def _with_kept_values(entries: Entries, stored: _Stored, stored_rows: list[int | None]) -> Entries:
    """The entries with the stored values of properties, labels, splits and masks that the catalog lacks."""
    lacking = [
        name for name in stored.table.column_names if is_property(name) and name not in entries.properties
    ]
    properties = entries.properties
    if lacking:
        values = {
            name: pd.Series(stored.values(name, stored_rows), dtype=object, index=properties.index)
            for name in lacking
        }
        properties = pd.concat([properties, pd.DataFrame(values)], axis=1)
    labels, splits = entries.labels, entries.splits
    if not any(labels):
        labels = [value or "" for value in stored.values("label", stored_rows)]
    if not any(splits):
        splits = [value or "" for value in stored.values("split", stored_rows)]
    masks, mask_ways = entries.masks, entries.mask_ways
    if not any(masks):
        masks, mask_ways = stored.values(MASK, stored_rows), stored.values(MASK_WAY, stored_rows)
    return replace(
        entries, labels=labels, splits=splits, masks=masks, mask_ways=mask_ways, properties=properties
    )


def _compare_values(
    entries: Entries, stored: _Stored, stored_rows: list[int | None], kinds: list[str], fields: list[pa.Field]
) -> list[int]:
    """Numbers of unchanged entries to write again; entries with visible changes are marked as updated."""
    chosen = [row for row, kind in enumerate(kinds) if kind == "unchanged"]
    of_index = [stored_rows[row] for row in chosen]
    schema = pa.schema([*(field for field in stored.table.schema if field.name != "id"), *fields])
    new = rows(pa.schema([pa.field("id", pa.string()), *schema]), entries.take(chosen))
    again = set[int]()
    for name in schema.names:
        pairs = zip(chosen, new[name].to_pylist(), stored.values(name, of_index), strict=True)
        different = [row for row, value, before in pairs if value != before]
        again.update(different)
        if name in ("label", "split", MASK_WAY) or is_property(name):
            for row in different:
                kinds[row] = "updated"
    return list(again)
