"""The cells of a table: numbers with their uncertainty, and how a column shows them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from likewise.arguments import checked
from likewise.bounds import Digits
from likewise.errors import InputError

MISSING = "–"
_UNITS = {"percent": "%", "points": "points"}


@checked
@dataclass(frozen=True)
class Measured:
    """A number with its uncertainty.

    Attributes:
        mean: The number.
        std: Its standard deviation (over seeds or draws), displayed as "mean ± std".
        low: Lower end of its interval, displayed as "mean [low, high]"; only together with ``high``.
        high: Upper end of its interval.
    """

    mean: float
    std: float | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise InputError("An interval needs both ends: give low and high, or neither.")

    @classmethod
    def over(cls, values: Iterable[float]) -> "Measured":
        """Mean and sample standard deviation (n - 1); a single value has no standard deviation.

        >>> Measured.over([1.0, 3.0])
        Measured(mean=2.0, std=1.4142135623730951, low=None, high=None)
        """
        numbers = [float(value) for value in values]
        if not numbers:
            raise InputError("A mean needs at least one value; got none.")
        mean = sum(numbers) / len(numbers)
        if len(numbers) == 1:
            return cls(mean)
        return cls(mean, math.sqrt(sum((value - mean) ** 2 for value in numbers) / (len(numbers) - 1)))


Cell = str | bool | int | float | Measured | None
"""Content of a table cell; None and NaN are displayed as a dash."""


@checked
@dataclass(frozen=True)
class Column:
    """Name and format of a column.

    Attributes:
        name: Its heading.
        style: "number"; "percent" shows 0.703 as 70.3 under a heading with "(%)"; "points" shows a difference of two
            shares in the same way under "(points)"; "p" shows p-values with "<0.001" below that.
        digits: Decimals; None picks them from the size of the numbers in the column.
        best: Value that is bold, if any.
        key: Its name in CSV files, where that is not ``name``: the key of a metric.
    """

    name: str
    style: Literal["number", "percent", "points", "p"] = "number"
    digits: Digits | None = None
    best: Literal["max", "min"] | None = None
    key: str = ""

    @property
    def heading(self) -> str:
        """The name, with the unit of a percentage unless it speaks of per cent itself."""
        unit = _UNITS.get(self.style)
        return f"{self.name} ({unit})" if unit and unit not in self.name else self.name


@dataclass(frozen=True)
class Shown:
    """A cell as readers see it: its text, whether it is a number, whether it is the best of its column.

    ``value`` is the number itself, by which a page sorts.
    """

    text: str
    number: bool = False
    best: bool = False
    value: float | None = None


def shown_column(column: Column, cells: list[Cell]) -> list[Shown]:
    """The cells of one column in a common format."""
    scale = 100.0 if column.style in _UNITS else 1.0
    floats = [abs(_mean(cell)) * scale for cell in cells if isinstance(cell, float | Measured)]
    digits = column.digits if column.digits is not None else _digits(column, floats)
    texts = [_text(cell, column.style, scale, digits) for cell in cells]
    best = _best_text(column, cells, texts)
    words = any(isinstance(cell, str) for cell in cells)
    return [
        Shown(
            text, _is_number(cell) or (cell is None and not words), _is_number(cell) and text.split(" ")[0] == best,
            _mean(cell) if _is_number(cell) else None,
        )
        for cell, text in zip(cells, texts, strict=True)
    ]  # fmt: skip


def _digits(column: Column, sizes: list[float]) -> int | None:
    """Decimals for about three significant digits; None for numbers that need scientific notation."""
    if column.style != "number":
        return 1 if column.style in _UNITS else 3
    largest = max((size for size in sizes if math.isfinite(size)), default=0.0)
    if 0 < largest < 0.001:
        return None
    return next((digits for limit, digits in ((10, 3), (100, 2), (10_000, 1)) if largest < limit), 0)


def _text(cell: Cell, style: str, scale: float, digits: int | None) -> str:
    if cell is None:
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) and style == "number":
        return f"{cell:,}"
    text = _number(_mean(cell) * scale, style, digits)
    return text if text == MISSING else text + _spread(cell, style, scale, digits)


def _spread(cell: Cell, style: str, scale: float, digits: int | None) -> str:
    """The suffix of the number: its interval or standard deviation."""
    if not isinstance(cell, Measured):
        return ""
    if cell.low is not None and cell.high is not None:
        low, high = (_number(end * scale, style, digits) for end in (cell.low, cell.high))
        return f" [{low}, {high}]"
    if cell.std is not None and not math.isnan(cell.std):
        return f" ± {_number(cell.std * scale, style, digits)}"
    return ""


def _number(value: float, style: str, digits: int | None) -> str:
    if math.isnan(value):
        return MISSING
    if style == "p" and value < 10.0 ** -(digits or 3):
        return f"<{10.0 ** -(digits or 3):z.{digits or 3}f}"
    if digits is None:
        return f"{value:.2e}" if value else "0"
    return f"{value:z,.{digits}f}"


def _best_text(column: Column, cells: list[Cell], texts: list[str]) -> str | None:
    """The text of the best value: cells that read the same are all best."""
    numbers = [
        (_mean(cell), text.split(" ")[0])
        for cell, text in zip(cells, texts, strict=True)
        if _is_number(cell) and not math.isnan(_mean(cell))
    ]
    if column.best is None or not numbers:
        return None
    return (max if column.best == "max" else min)(numbers, key=lambda pair: pair[0])[1]


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float | Measured) and not isinstance(cell, bool)


def _mean(cell: Cell) -> float:
    return cell.mean if isinstance(cell, Measured) else float(cell)  # type: ignore[arg-type]  # numbers only
