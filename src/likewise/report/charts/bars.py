"""Bars with their uncertainty, and histograms."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.bounds import Bins, Digits
from likewise.errors import InputError
from likewise.report.charts.axes import Axes
from likewise.report.charts.canvas import (
    LINE_PX,
    WIDTH,
    label,
    legend,
    series,
    shortened,
    text_width,
    tick_text,
    ticks,
)
from likewise.report.svg import Chart, Shape, path
from likewise.results.cells import Measured

_BAR_PX, _GAP_PX = 15.0, 9.0
_NAME_SHARE = 0.36  # largest fraction of the width for names beside the bars; longer names are above them


@checked
def bars(
    names: Sequence[str],
    groups: Mapping[str, Sequence[float | Measured]],
    *,
    value_label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
    percent: bool = False,
    digits: Digits | None = None,
) -> Chart:
    """Draw one horizontal bar per name, or one per name and group.

    Each bar carries its value. Intervals or standard deviations of Measured values are drawn as lines.

    Args:
        names: Names of the bars.
        groups: Name of a group -> one value per name; a single group may be called "".
        value_label: Quantity with its unit.
        title: Heading inside the chart.
        caption: Text below the chart.
        alt: Description of the chart for screen readers.
        percent: Values are fractions from 0 to 1, displayed as per cent.
        digits: Decimals of the values. None: 1 for per cent, else 2.

    Raises:
        InputError: No bars, or a group with another number of values than names.
    """
    if not names or not groups:
        raise InputError("A chart of bars needs at least one name and one group.")
    for group, values in groups.items():
        if len(values) != len(names):
            raise InputError(f"The group {group!r} has {len(values)} values for {len(names)} names.")
    shown_digits = digits if digits is not None else (1 if percent else 2)
    cells = {group: [_measured(value) for value in values] for group, values in groups.items()}
    low, high = _range([cell for values in cells.values() for cell in values])
    name_width = max(map(text_width, names))
    beside = name_width <= WIDTH * _NAME_SHARE
    low_width, high_width = (text_width(_value(end, percent, shown_digits)) for end in (low, high))
    # The value of a negative bar stands on its left.
    left = 6 + (name_width + 8 if beside else 0.0) + (low_width + 5 if low < 0 else 0.0)
    right = WIDTH - 10 - max(low_width, high_width)
    axis = _Scale(low, high, left, right)
    shapes: list[Shape] = []
    top = LINE_PX + 6 if title else 4.0
    if title:
        shapes.append(label(title, 0, 9, bold=True))
    start = top
    for row, name in enumerate(names):
        if not beside:
            shapes.append(label(shortened(name, WIDTH - left), left, top + 8))
            top += LINE_PX
        height = _BAR_PX * len(groups)
        if beside:
            shapes.append(label(name, 6 + name_width, top + height / 2, anchor="end"))
        for number, (group, values) in enumerate(cells.items()):
            text = _value(values[row].mean, percent, shown_digits)
            hint = f"{name}{', ' + group if group else ''}: {value_label} {text}"
            shapes += _bar(values[row], axis, top + number * _BAR_PX, series(number), text=text, hint=hint)
        top += height + _GAP_PX
    shapes = [*_grid(axis, start - 2, top - _GAP_PX + 4, percent), *shapes]
    unit = f"{value_label} (%)" if percent else value_label
    shapes.append(label(unit, (left + right) / 2, top + LINE_PX + 4, anchor="middle", faint=True))
    named = [(group, series(number)) for number, group in enumerate(groups) if group]
    swatches, taken = legend(named, top + 2 * LINE_PX)
    height = top + 2 * LINE_PX + taken
    return Chart(
        WIDTH,
        height,
        [*shapes, *swatches],
        caption,
        alt or title or _bars_alt(unit, names, cells, shown_digits, percent),
    )


@checked
def histogram(
    values: Mapping[str, ArrayLike],
    *,
    value_label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
    bins: Bins | None = None,
    marks: Mapping[str, float] | None = None,
    percent: bool = False,
) -> Chart:
    """Draw how values are distributed: the share of each set in equal bins over their common range.

    Args:
        values: Name of a set -> its values, any shape; NaN is left out.
        value_label: Quantity with its unit.
        title: Heading inside the chart.
        caption: Text below the figure.
        alt: Description for screen readers.
        bins: Number of bins; None: as many as the number of values allows, 8 to 40.
        marks: Names and positions of vertical lines (a threshold, chance).
        percent: Values are fractions from 0 to 1, displayed as per cent.

    Raises:
        InputError: A set without a number.
    """
    sets = {name: as_numbers(numbers, f"the values of {name!r}").ravel() for name, numbers in values.items()}
    sets = {name: numbers[np.isfinite(numbers)] for name, numbers in sets.items()}
    empty = [name for name, numbers in sets.items() if numbers.size == 0]
    if not sets or empty:
        raise InputError(
            f"A histogram needs at least one number in each set; {empty[0] if empty else 'it'} has none."
        )
    fewest = min(numbers.size for numbers in sets.values())
    chosen = bins or min(40, max(8, round(2 * fewest**0.5)))
    edges = np.histogram_bin_edges(np.concatenate(list(sets.values())), chosen)
    shares = {name: np.histogram(numbers, edges)[0] / numbers.size for name, numbers in sets.items()}
    axes = Axes(
        (float(edges[0]), float(edges[-1])), (0.0, max(float(share.max()) for share in shares.values())),
        x_label=value_label, y_label="fraction of the images", title=title, x_percent=percent, y_percent=True,
    )  # fmt: skip
    for number, (name, share) in enumerate(shares.items()):
        outline = _outline(edges, share)
        points = [(axes.x(x), axes.y(y)) for x, y in outline]
        axes.add(Shape("path", {"d": path([points], closed=True), "class": f"fill {series(number)}",
                                "opacity": 0.25 if len(sets) > 1 else 0.45}, hint=name))  # fmt: skip
        axes.add(Shape("path", {"d": path([points]), "class": f"stroke {series(number)}"}))
        if name:
            axes.name(name, series(number))
    axes.mark(marks or {})
    return axes.chart(caption, alt)


class _Scale:
    """Scale from values to positions along the bars."""

    def __init__(self, low: float, high: float, left: float, right: float) -> None:
        self.low, self.high, self.left, self.right = low, high, left, right

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.left + share * (self.right - self.left)


def _measured(value: float | Measured) -> Measured:
    return value if isinstance(value, Measured) else Measured(float(value))


def _ends(cell: Measured) -> tuple[float, float]:
    """Ends of the error line of a bar; twice the mean if it has none."""
    if cell.low is not None and cell.high is not None:
        return min(cell.low, cell.mean), max(cell.high, cell.mean)
    spread = cell.std if cell.std is not None and np.isfinite(cell.std) else 0.0
    return cell.mean - spread, cell.mean + spread


def _range(cells: Sequence[Measured]) -> tuple[float, float]:
    ends = [end for cell in cells for end in _ends(cell) if np.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    return (low, high) if high > low else (0.0, 1.0)


def _value(value: float, percent: bool, digits: int) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value * (100 if percent else 1):z.{digits}f}"


def _bar(cell: Measured, axis: _Scale, top: float, kind: str, *, text: str, hint: str) -> list[Shape]:
    if not np.isfinite(cell.mean):
        return [label("–", axis(0.0) + 4, top + _BAR_PX / 2, faint=True)]
    zero, end = axis(0.0), axis(cell.mean)
    low, high = (axis(value) for value in _ends(cell))
    middle = top + _BAR_PX / 2
    shapes = [Shape("rect", {"x": min(zero, end), "y": top + 1, "width": abs(end - zero), "height": _BAR_PX - 2,
                             "class": f"fill {kind}"}, hint=hint)]  # fmt: skip
    if high > low:
        shapes.append(Shape("line", {"x1": low, "y1": middle, "x2": high, "y2": middle, "class": "whisker"}))
    anchor, place = ("start", max(high, end) + 5) if cell.mean >= 0 else ("end", min(low, end) - 5)
    return [*shapes, label(text, place, middle, anchor=anchor)]


def _grid(axis: _Scale, top: float, bottom: float, percent: bool) -> list[Shape]:
    shapes = []
    for value in _fitting_ticks(axis, percent):
        place = axis(value)
        shapes.append(Shape("line", {"x1": place, "y1": top, "x2": place, "y2": bottom, "class": "rule"}))
        shapes.append(label(tick_text(value, percent), place, bottom + 10, anchor="middle", faint=True))
    return shapes


def _fitting_ticks(axis: _Scale, percent: bool) -> list[float]:
    """At most five ticks whose numbers do not touch."""
    for most in (5, 4, 3, 2):
        values = ticks(axis.low, axis.high, most)
        widest = max((text_width(tick_text(value, percent)) for value in values), default=0.0)
        if len(values) < 2 or axis(values[1]) - axis(values[0]) >= widest + 4:
            return values
    return values[:1]


def _bars_alt(
    unit: str, names: Sequence[str], cells: Mapping[str, list[Measured]], digits: int, percent: bool
) -> str:
    parts = [
        f"{name}{' ' + group if group else ''} {_value(values[row].mean, percent, digits)}"
        for row, name in enumerate(names) for group, values in cells.items()
    ]  # fmt: skip
    return f"{unit}: {', '.join(parts)}"


def _outline(edges: NDArray[np.float64], shares: NDArray[np.float64]) -> list[tuple[float, float]]:
    points = [(float(edges[0]), 0.0)]
    for left, right, share in zip(edges[:-1], edges[1:], shares, strict=True):
        points += [(float(left), float(share)), (float(right), float(share))]
    return [*points, (float(edges[-1]), 0.0)]
