"""Choosing rows of a table by a condition such as ``brand = 'acme' and height > 3``."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from likewise.errors import CatalogError


def matching_rows(table: pd.DataFrame, where: str) -> "pd.Series[bool]":
    """Rows that fulfil ``where``; see :mod:`likewise.data.row_filter` for the syntax.

    Raises:
        CatalogError: It cannot be read, names a column that does not exist, or does not say yes or no.
    """
    from likewise.data.row_filter import RowFilter

    columns = _Columns(table)
    condition = RowFilter.parse(where, columns)
    names = condition.columns or ("path",)  # for the number of rows
    chosen = pa.table({name: columns.values_of(name) for name in names})
    return pd.Series(condition.rows(chosen), index=table.index)


class _Columns(Mapping[str, pa.DataType]):
    """Types of the columns, converted on access."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._arrays: dict[str, pa.Array] = {}

    def values_of(self, name: str) -> pa.Array:
        """The column as an Arrow array; missing values are null."""
        if name not in self._arrays:
            self._arrays[name] = _arrow(self._table[name])
        return self._arrays[name]

    def __getitem__(self, name: str) -> pa.DataType:
        return self.values_of(name).type

    def __iter__(self) -> Iterator[str]:
        return iter(map(str, self._table.columns))

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __len__(self) -> int:
        return len(self._table.columns)


def _arrow(values: "pd.Series[Any]") -> pa.Array:
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise CatalogError(
            f"Column {str(values.name)!r} mixes types: make all of its values text, or all of them numbers."
        ) from error
