"""From the cells of a spreadsheet or of JSON records to the columns of a table, one type each."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd

from likewise.data.columns import as_text


def table_of(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A table of records; columns in the order they first appear, cells that a record lacks are missing."""
    names = list(dict.fromkeys(name for record in records for name in record))
    return pd.DataFrame({name: typed_column([record.get(name) for record in records]) for name in names})


def typed_column(cells: Sequence[Any]) -> "pd.Series[Any]":
    """``cells`` as truth values, whole or other numbers, times or text, whichever all of them are.

    None is a missing value. Lists and objects become JSON text; cells of different kinds all become text.
    """
    kinds = {_kind(cell) for cell in cells if cell is not None}
    missing = any(cell is None for cell in cells)
    if kinds == {"truth"}:
        return pd.Series(list(cells), dtype="boolean" if missing else "bool")
    if kinds == {"whole"} and all(cell is None or -(2**63) <= cell < 2**63 for cell in cells):
        return pd.Series(list(cells), dtype="Int64" if missing else "int64")
    if kinds and kinds <= {"whole", "number"}:
        return pd.Series([None if cell is None else float(cell) for cell in cells], dtype="float64")
    if kinds == {"time"}:
        return pd.Series(pd.to_datetime(pd.Series(list(cells)), errors="coerce"))
    return pd.Series([None if cell is None else _text(cell) for cell in cells], dtype="str")


def _kind(cell: Any) -> str:
    if isinstance(cell, bool):
        return "truth"
    if isinstance(cell, int):
        return "whole"
    if isinstance(cell, float):
        return "number"
    return "time" if isinstance(cell, datetime | date) else "text"


def _text(cell: Any) -> str:
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else as_text(cell)
