"""The columns of an index: id, label, split, path, vector, and one typed column for each property."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from likewise.errors import CatalogError

OWN_COLUMNS = ("id", "label", "split", "path", "vector")
COLLAPSED = "_collapsed"
"""Column of the vectors that the approximate search of an AVSL index looks into."""


def is_property(name: str) -> bool:
    """Whether a column is a property and not one of the index's (or LanceDB's) own."""
    return name not in OWN_COLUMNS and not name.startswith("_")


def empty_schema(dim: int) -> pa.Schema:
    """The columns every index has. The id stands first: LanceDB's upserts rely on that."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("split", pa.string()),
            pa.field("path", pa.string()),
            pa.field("vector", pa.list_(pa.float32(), dim)),
        ]
    )


def property_fields(table: pd.DataFrame, names: Sequence[str]) -> list[pa.Field]:
    """The Arrow fields of the properties of a catalog: text, whole numbers, numbers, truth values or times.

    Raises:
        CatalogError: A name that the index cannot take, or a column of another type.
    """
    fields = []
    for name in names:
        if name in OWN_COLUMNS or name.startswith("_") or "." in name or not name:
            raise CatalogError(
                f"The index cannot have a property {name!r}: the names {', '.join(OWN_COLUMNS)} are its own, and "
                "names must not begin with '_' or hold '.'; rename the column of the catalog."
            )
        fields.append(pa.field(name, _plain_type(_values(table[name], name).type, name)))
    return fields


def merged_fields(stored: pa.Schema, given: Sequence[pa.Field], table: pd.DataFrame) -> list[pa.Field]:
    """Fields of a catalog that the index does not have yet.

    Raises:
        CatalogError: A property has another type than in the index and does not fit it.
    """
    new = []
    for field in given:
        if field.name not in stored.names:
            new.append(field)
            continue
        wanted = stored.field(field.name).type
        try:
            _values(table[field.name], field.name).cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise CatalogError(
                f"Property {field.name!r} is {field.type} in the catalog and {wanted} in the index: give it the "
                "same type, or another name."
            ) from error
    return new


def rows(
    schema: pa.Schema,
    ids: Sequence[str],
    vectors: np.ndarray,
    *,
    table: pd.DataFrame | None = None,
    paths: Sequence[str] | None = None,
    labels: np.ndarray | None = None,
    collapsed: np.ndarray | None = None,
) -> pa.Table:
    """Rows of an index.

    Args:
        schema: Of the index; properties the table lacks stay empty.
        ids: ``(N,)``.
        vectors: ``(N, D)`` float32.
        table: ``N`` rows of a catalog in the same order, or None.
        paths: Absolute paths, or None.
        labels: Classes, where no table tells them.
        collapsed: ``(N, levels x D)``, where the index has such a column (AVSL).
    """
    known = list(labels) if labels is not None else [""] * len(ids)
    columns: dict[str, pa.Array] = {
        "id": pa.array(ids, pa.string()),
        "label": pa.array(known if table is None else table["label"].tolist(), pa.string()),
        "split": pa.array([""] * len(ids) if table is None else table["split"].tolist(), pa.string()),
        "path": pa.array([None] * len(ids) if paths is None else paths, pa.string()),
        "vector": vector_column(vectors),
    }
    if collapsed is not None:
        columns[COLLAPSED] = vector_column(collapsed)
    for field in schema:
        if field.name not in columns:
            given = (
                None if table is None or field.name not in table else _values(table[field.name], field.name)
            )
            columns[field.name] = pa.nulls(len(ids), field.type) if given is None else given.cast(field.type)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def vector_column(vectors: np.ndarray) -> pa.Array:
    """Rows ``(N, D)`` as a column."""
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


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


def _plain_type(kind: pa.DataType, name: str) -> pa.DataType:
    """One type for each kind of value, so that catalogs from CSV and Parquet fit together."""
    if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        return kind
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return pa.string()
    raise CatalogError(
        f"Property {name!r} holds {kind}, which an index cannot filter on: use text, numbers, truth values or "
        "times."
    )
