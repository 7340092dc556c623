"""Cells of records become columns of one type: the bounds of each type, and what mixing makes of it."""

from datetime import date, datetime
from typing import Any

import pandas as pd
import pytest

from likewise.data.cell_columns import table_of, typed_column

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        ([True, False], "bool", [True, False]),
        ([True, None], "boolean", [True, None]),
        ([1, -2], "int64", [1, -2]),
        ([1, None], "Int64", [1, None]),
        ([LARGEST, -LARGEST - 1], "int64", [LARGEST, -LARGEST - 1]),
        ([LARGEST, None], "Int64", [LARGEST, None]),
        ([LARGEST + 1, 0], "float64", [2.0**63, 0.0]),
        ([-LARGEST - 2, None], "float64", [-(2.0**63), None]),
        ([1, 0.5], "float64", [1.0, 0.5]),
        ([0.5, None], "float64", [0.5, None]),
        ([True, 1], "str", ["True", "1"]),
        ([1, "a"], "str", ["1", "a"]),
        (["a", None], "str", ["a", None]),
        ([[1, "ä"], {"b": None}], "str", ['[1, "ä"]', '{"b": null}']),
        ([None, None], "str", [None, None]),
        ([date(2024, 1, 2), None], "datetime64", [pd.Timestamp("2024-01-02"), None]),
        (
            [datetime(2024, 1, 2, 3), datetime(2024, 1, 2)],
            "datetime64",
            [pd.Timestamp("2024-01-02T03"), pd.Timestamp("2024-01-02")],
        ),
        ([date(2024, 1, 2), "soon"], "str", ["2024-01-02", "soon"]),
    ],
)
def test_a_column_has_the_narrowest_type_of_its_cells(
    cells: list[Any], dtype: str, values: list[Any]
) -> None:
    column = typed_column(cells)
    assert str(column.dtype).startswith(dtype)
    assert [None if pd.isna(value) else value for value in column.tolist()] == values


def test_columns_stand_as_they_first_appear() -> None:
    table = table_of([{"b": 1}, {"a": "x", "b": 2}, {"c": True}])
    assert list(table) == ["b", "a", "c"]
    assert table["b"].tolist()[:2] == [1, 2] and table.isna().sum().tolist() == [1, 2, 2]
