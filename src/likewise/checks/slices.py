"""Slices of a catalog on which retrieval is worse: every value of every column, corrected for their number.

Where a column varies within classes, queries are compared with the mean of their class, so that a slice of hard classes
is not taken for a slice of hard images; where it is constant within classes, whole classes are compared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from likewise.arrays import without_blanks
from likewise.report.sections import Section
from likewise.results import Column, Measured, Table
from likewise.retrieval import holm, mean_difference
from likewise.retrieval.statistics import welch

_FEWEST_IMAGES = 20
_FEWEST_UNITS = 6
_MOST_VALUES = 24
_BINS = 5
_MOST_ROWS = 20


@dataclass(frozen=True)
class Slice:
    """One value of one column.

    Attributes:
        column: Name of the column.
        value: Value or range, for readers.
        images: Queries in the slice.
        difference: Mean metric of the slice minus that of the rest; negative is worse.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: Welch's t-test, two-sided, corrected by Holm for the number of slices.
    """

    column: str
    value: str
    images: int
    difference: float
    low: float
    high: float
    p_value: float

    @property
    def shown(self) -> bool:
        """Whether the difference is significant."""
        return self.p_value < 0.05


@dataclass(frozen=True)
class Slices:
    """Slices, worst first, and why columns have none.

    Attributes:
        slices: Worst first.
        skipped: Columns without a slice, in words.
    """

    slices: list[Slice]
    skipped: str

    def section(self, title: str, column: str, value: str, text: str = "") -> Section:
        """The worst slices as a table; ``column`` and ``value`` head its first columns."""
        rows = [
            [
                each.column,
                each.value,
                each.images,
                Measured(each.difference, low=each.low, high=each.high),
                each.p_value,
            ]
            for each in self.slices[:_MOST_ROWS]
        ]
        columns: list[Column | str] = [
            Column(column), Column(value), Column("images"), Column("MAP@R against the rest", "points"),
            Column("p (Holm)", "p"),
        ]  # fmt: skip
        return Section(title, text, Table(columns, rows))


def worst_slices(table: pd.DataFrame, labels: NDArray[np.str_], values: NDArray[np.float64]) -> Slices:
    """Compare the metric of each slice with the rest.

    Args:
        table: ``(N,)`` rows of columns.
        labels: ``(N,)`` classes.
        values: ``(N,)`` metric of each query; NaN for queries that do not count.
    """
    scored = ~np.isnan(values)
    slices: list[Slice] = []
    skipped = []
    for name in table:
        before = len(slices)
        column = _binned(table[name][scored].reset_index(drop=True))
        centred, units = _comparable(column, labels[scored], values[scored])
        for value in column.dropna().unique():
            inside = (column == value).to_numpy()[units]
            images = int((column == value).sum())
            if images >= _FEWEST_IMAGES and min(inside.sum(), (~inside).sum()) >= _FEWEST_UNITS:
                slices.append(
                    _compared(str(name), _readable(value), images, centred[inside], centred[~inside])
                )
        if len(slices) == before:
            skipped.append(str(name))
    if slices:
        corrected = holm([each.p_value for each in slices])
        slices = [
            Slice(each.column, each.value, each.images, each.difference, each.low, each.high, float(p))
            for each, p in zip(slices, corrected, strict=True)
        ]
    slices.sort(key=lambda each: (not (each.shown and each.difference < 0), each.difference))
    return Slices(slices, ", ".join(skipped))


def _binned(column: "pd.Series[Any]") -> "pd.Series[Any]":
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and column.nunique() > _MOST_VALUES:
        return pd.qcut(column, _BINS, duplicates="drop").astype(object)
    return without_blanks(column)


def _readable(value: object) -> str:
    """A value for readers: decimals with six significant digits."""
    if not isinstance(value, float):
        return str(value)
    return np.format_float_positional(value, precision=6, fractional=False, trim="-")


def _comparable(
    column: "pd.Series[Any]", labels: NDArray[np.str_], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Values to compare, and the row each belongs to: images less the mean of their class, or means of classes."""
    frame = pd.DataFrame({"label": labels, "column": column.astype(str), "value": values})
    grouped = frame.groupby("label")
    if (grouped["column"].nunique() > 1).any():
        centred = frame["value"] - grouped["value"].transform("mean")
        return centred.to_numpy(float), np.arange(len(frame))
    firsts = frame.reset_index().groupby("label")["index"].first()
    return grouped["value"].mean().to_numpy(float), firsts.to_numpy(np.int64)


def _compared(
    name: str, value: str, images: int, inside: NDArray[np.float64], outside: NDArray[np.float64]
) -> Slice:
    difference, interval = mean_difference(inside, outside)
    if interval is None:  # neither side varies
        return Slice(name, value, images, difference, difference, difference, 1.0)
    p_value = float(welch(inside, outside).pvalue)
    return Slice(name, value, images, difference, *interval, p_value)
