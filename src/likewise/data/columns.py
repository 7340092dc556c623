"""The columns of a catalog: which names are reserved, and what makes a column text."""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from likewise.data.containment import tidy_paths
from likewise.errors import CatalogError, choices
from likewise.printable import counted

RESERVED = ("path", "label", "split", "mask", "super_label")


def checked_table(
    table: pd.DataFrame, root: Path, name: str, *, contained: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """``table`` as stored in a catalog: rows numbered from 0, tidy paths, text in the reserved columns.

    Args:
        table: Rows as they were read.
        root: Absolute folder of relative paths.
        name: Name of the table in messages.
        contained: Refuse files outside ``root``.

    Returns:
        The table, with ``label`` and ``split``, reserved columns first; and sentences on what was changed.

    Raises:
        CatalogError: No rows, no ``path``, or a path that is missing, doubled or unusable.
    """
    if len(table) == 0:
        raise CatalogError(f"{name} contains no images: it needs at least one row.")
    check_columns(table, name)
    table = table.reset_index(drop=True)
    for column in RESERVED:
        if column in table or column in ("label", "split"):
            table[column] = text_column(table, column)
    if (table["path"] == "").any():
        row = int((table["path"] == "").to_numpy().argmax()) + 1
        raise CatalogError(f"{name}: row {row} has no path.")
    notes: list[str] = []
    for column in ("path", "mask"):
        if column in table:
            table[column], column_notes = tidy_paths(table[column], column, root, contained=contained)
            notes += column_notes
    twice = table["path"].duplicated()
    if twice.any():
        raise CatalogError(
            f"{name}: {table['path'][twice].iloc[0]!r} occurs more than once "
            f"({counted(int(twice.sum()), 'repeated row')}): keep one row for each image."
        )
    order = [column for column in RESERVED if column in table]
    return table[order + [column for column in table if column not in RESERVED]], notes


def check_columns(table: pd.DataFrame, name: str) -> None:
    """Refuse a table without ``path``, or with a name that is nearly a reserved one.

    Args:
        table: Any table.
        name: Name in messages.

    Raises:
        CatalogError: A column is missing, misspelled, doubled, or has no text as its name.
    """
    columns = list(table.columns)
    for column in columns:
        if not isinstance(column, str) or columns.count(column) > 1:
            raise CatalogError(f"{name}: column {column!r} must have a name of its own.")
    for column in RESERVED:
        if column in columns:
            continue
        near = [other for other in columns if other.lower().rstrip("s") == column]
        if column in ("path", "label"):  # a typing error here would silently lose the labels
            free = [other for other in columns if other not in RESERVED]
            near = near or get_close_matches(column, free, n=1, cutoff=0.75)
        if near:
            raise CatalogError(f"{name} has no column {column!r} but {near[0]!r}: rename that column.")
        if column == "path":
            raise CatalogError(
                f"{name} has no column 'path', only {', '.join(columns)}: rename the column of image files to 'path', "
                "or make a catalog of the table with  likewise data prepare table FILE --path-column COLUMN"
            )


def text_column(table: pd.DataFrame, column: str) -> "pd.Series[str]":
    """``column`` as text, "" if a value is missing; all "" if there is no such column.

    Whole numbers are written without a point, whatever their type, so that 7, 7.0 and a categorical 7 are one
    label. Text stays as it is: "007" and "7.0" remain different labels.

    Raises:
        CatalogError: A value is a list, or another thing that has no text.
    """
    if column not in table:
        return pd.Series([""] * len(table), dtype="str")
    values = table[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    entries = [each.item() if hasattr(each, "requires_grad") else each for each in values.tolist()]  # tensors
    for kind in set(map(type, entries)):
        several = issubclass(kind, Iterable) and not issubclass(kind, str | bytes)
        no_text = repr(kind.__repr__) == repr(object.__repr__) or "__call__" in vars(kind)
        if several or no_text:
            row = next(row for row, value in enumerate(entries, start=1) if type(value) is kind)
            raise CatalogError(
                f"Row {row} of column {column!r} holds a {kind.__name__}: give text or a number."
            )
    missing = values.isna().tolist()
    texts = ["" if is_missing else as_text(value) for value, is_missing in zip(entries, missing, strict=True)]
    return pd.Series(texts, dtype="str", index=table.index)


def as_text(value: Any) -> str:
    """One value as text; whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    is_number: bool = isinstance(value, Real | Decimal)
    return str(int(value)) if is_number and _is_whole(value) else str(value)


def _is_whole(value: Any) -> bool:
    number = float(value)
    return math.isfinite(number) and number == int(value)


_WITHOUT_VALUES = {
    "split": "leave it out, or divide the classes with  likewise data prepare folder (or table) SOURCE --split half "
    "--out FILE",
    "label": "give it a column 'label', or one folder per class",
}


def require_values(table: pd.DataFrame, column: str, values: Sequence[str]) -> None:
    """Refuse values that do not occur in a column.

    Raises:
        CatalogError: Names the value, and the nearest one or all; or says that the column is empty.
    """
    present = set(table[column].unique())
    names = [repr(name) for name in present if name]
    for value in values:
        if value in present:
            continue
        if not names:
            raise CatalogError(
                f"The catalog has no {column} {value!r}, since none of its images has a {column}: "
                f"{_WITHOUT_VALUES[column]}."
            )
        raise CatalogError(f"The catalog has no {column} {value!r}: {choices(str(value), names)}")
