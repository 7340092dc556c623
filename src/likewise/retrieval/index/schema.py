"""The columns of an index: id, label, split, path, vector, and one typed column for each property.

Columns that begin with ``_`` are internal: the relative path of the image, size, time and digest of its content when
it was embedded, and the absolute and relative path of its mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from likewise.data import Catalog
from likewise.errors import CatalogError
from likewise.files import ContentRecord

VectorCodes = Literal["float32", "int8", "binary"]
"""How the approximate search stores the vectors that it compares first: 32, 8 or 1 bit per dimension."""
OWN_COLUMNS = ("id", "label", "split", "path", "vector")
COLLAPSED = "_collapsed"
"""Column of the vectors that the approximate search of an AVSL index looks into."""
VECTORS = ("vector", COLLAPSED)
WAY, SIZE, TIME, DIGEST = "_way", "_size", "_mtime_ns", "_digest"
"""Way to the image from the folder of the index; size, modification time and digest of its content."""
MASK, MASK_WAY = "_mask", "_mask_way"
"""Absolute path of the mask of the image, and the way to it from the folder of the index."""
_FILE_FIELDS = (
    pa.field(WAY, pa.string()),
    pa.field(SIZE, pa.int64()),
    pa.field(TIME, pa.int64()),
    pa.field(DIGEST, pa.string()),
    pa.field(MASK, pa.string()),
    pa.field(MASK_WAY, pa.string()),
)


def is_property(name: str) -> bool:
    """Whether a column is a property and not one of the index's (or LanceDB's) own."""
    return name not in OWN_COLUMNS and not name.startswith("_")


def empty_schema(dim: int) -> pa.Schema:
    """The columns of every index. The id is first, as required by LanceDB's upserts."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("split", pa.string()),
            pa.field("path", pa.string()),
            pa.field("vector", pa.list_(pa.float32(), dim)),
            *_FILE_FIELDS,
        ]
    )


def property_names(columns: Sequence[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """Names of catalog columns in the index.

    Names that the index reserves (``id``, ``vector``, ``_x``) or that conditions cannot contain (``price.eur``) are
    changed: leading "_" are removed, "." becomes "_", and "_" is appended until the name is free.

    Args:
        columns: Columns of the catalog.
        renamed: Names that were changed before; they stay.
    """
    names: dict[str, str] = {}
    for column in sorted(columns, key=lambda column: not _is_free(column)):  # names that may stay come first
        name = renamed.get(column, column)
        if not _is_free(name):
            name = name.replace(".", "_").lstrip("_") or "column"
        while (
            name in OWN_COLUMNS
            or name in names.values()
            or (name in renamed.values() and column not in renamed)
        ):
            name += "_"
        names[column] = name
    return {column: names[column] for column in columns}


def property_table(catalog: Catalog, renamed: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """The properties of a catalog (with ``super_label``) under their names in the index, and all these names."""
    table = catalog.table
    columns = [*(["super_label"] if "super_label" in table else []), *catalog.properties]
    names = property_names(columns, renamed)
    return table[columns].rename(columns=names), names


def property_fields(properties: pd.DataFrame) -> list[pa.Field]:
    """The Arrow fields of properties: text, whole numbers, numbers, truth values or times.

    Raises:
        CatalogError: A column of another type.
    """
    return [
        pa.field(name, _plain_type(_values(properties[name], name).type, name)) for name in properties.columns
    ]


def merged_fields(stored: pa.Schema, properties: pd.DataFrame) -> list[pa.Field]:
    """Fields that the index lacks: those of the properties, and those of files if an earlier likewise wrote the index.

    Raises:
        CatalogError: A property has another type than in the index and cannot be converted.
    """
    fields, table = property_fields(properties), properties
    new = [field for field in _FILE_FIELDS if field.name not in stored.names]
    for field in fields:
        if field.name not in stored.names:
            new.append(field)
            continue
        kind = stored.field(field.name).type
        try:
            _values(table[field.name], field.name).cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise CatalogError(
                f"Property {field.name!r} is {field.type} in the catalog and {kind} in the index: give it the "
                "same type, or another name."
            ) from error
    return new


@dataclass(frozen=True)
class Entries:
    """Columns of images except their vectors; every list has one entry per image.

    Attributes:
        ids: Unique names.
        labels: "" if there is none.
        splits: "" if there is none.
        paths: Absolute paths, or None.
        ways: To the images from the folder of the index, or None.
        records: Records of the content of the images; None if it is not known.
        masks: Absolute paths of the masks, or None.
        mask_ways: To the masks from the folder of the index, or None.
        properties: One column per property, one row per image.
    """

    ids: list[str]
    labels: list[str]
    splits: list[str]
    paths: list[str | None]
    ways: list[str | None]
    records: list[ContentRecord | None]
    masks: list[str | None]
    mask_ways: list[str | None]
    properties: pd.DataFrame

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int]) -> "Entries":
        """The entries with these numbers."""
        return Entries(
            ids=[self.ids[row] for row in rows],
            labels=[self.labels[row] for row in rows],
            splits=[self.splits[row] for row in rows],
            paths=[self.paths[row] for row in rows],
            ways=[self.ways[row] for row in rows],
            records=[self.records[row] for row in rows],
            masks=[self.masks[row] for row in rows],
            mask_ways=[self.mask_ways[row] for row in rows],
            properties=self.properties.iloc[list(rows)],
        )


def rows(
    schema: pa.Schema,
    entries: Entries,
    vectors: np.ndarray | None = None,
    collapsed: np.ndarray | None = None,
) -> pa.Table:
    """Rows of an index.

    Args:
        schema: Schema of the index; properties that the entries lack stay empty.
        entries: N entries.
        vectors: ``(N, D)`` float32. None: the columns of vectors are left out.
        collapsed: ``(N, levels x D)``, if the index has such a column (AVSL).
    """
    records = [record or (None, None, None) for record in entries.records]
    columns: dict[str, pa.Array] = {
        "id": pa.array(entries.ids, pa.string()),
        "label": pa.array(entries.labels, pa.string()),
        "split": pa.array(entries.splits, pa.string()),
        "path": pa.array(entries.paths, pa.string()),
        WAY: pa.array(entries.ways, pa.string()),
        SIZE: pa.array([size for size, _, _ in records], pa.int64()),
        TIME: pa.array([time for _, time, _ in records], pa.int64()),
        DIGEST: pa.array([digest for _, _, digest in records], pa.string()),
        MASK: pa.array(entries.masks, pa.string()),
        MASK_WAY: pa.array(entries.mask_ways, pa.string()),
    }
    if vectors is not None:
        columns["vector"] = vector_column(vectors)
    if collapsed is not None:
        columns[COLLAPSED] = vector_column(collapsed)
    fields = [field for field in schema if vectors is not None or field.name not in VECTORS]
    for field in fields:
        if field.name not in columns:
            values = (
                _values(entries.properties[field.name], field.name)
                if field.name in entries.properties
                else None
            )
            columns[field.name] = (
                pa.nulls(len(entries), field.type) if values is None else values.cast(field.type)
            )
    return pa.table([columns[field.name] for field in fields], schema=pa.schema(fields))


def vector_column(vectors: np.ndarray) -> pa.Array:
    """Rows ``(N, D)`` as a column."""
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def vectors_of(rows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """The vector column as ``(N, D)`` float32."""
    column = rows.column("vector")
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    # A copy: torch wants memory it could write.
    flat: np.ndarray = np.array(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    return flat.reshape(len(column), -1) if len(column) else np.empty((0, 1), np.float32)


def _values(series: pd.Series, name: str) -> pa.Array:
    try:
        values = pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise CatalogError(
            f"Property {name!r} mixes types ({str(error).splitlines()[0]}): make all of its values text, or all of "
            "them numbers."
        ) from error
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.cast(_plain_type(values.type, name))


def _is_free(name: str) -> bool:
    """Whether a property may have this name in an index."""
    return is_property(name) and "." not in name and name != ""


def _plain_type(kind: pa.DataType, name: str) -> pa.DataType:
    """One type for each kind of value, so that catalogs from CSV and Parquet fit together."""
    if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        return kind
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return pa.string()
    raise CatalogError(
        f"Property {name!r} contains {kind}, which an index cannot filter on: use text, numbers, booleans or "
        "times."
    )
