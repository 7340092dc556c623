"""Curves with bands: training curves, metrics over a sweep, error rates over a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.errors import InputError
from likewise.report.charts.axes import Axes
from likewise.report.charts.canvas import SERIES, series, tick_text
from likewise.report.svg import Chart, Shape, path

_DOTS_UP_TO = 30  # points on a line, before dots become a caterpillar


@checked
@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: For the legend; empty for none.
        x: (N,) positions, in the order they are joined.
        y: (N,) values; NaN leaves a gap.
        low: (N,) lower edge of the band around it, with ``high``.
        high: (N,) upper edge.
        joined: False draws the points only.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    joined: bool = True


@checked
def lines(
    curves: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
    percent: bool = False,
    x_percent: bool = False,
    log_x: bool = False,
    log_y: bool = False,
    marks: dict[str, float] | None = None,
) -> Chart:
    """Draw curves into one chart.

    Args:
        curves: The curves; colours repeat with dashes beyond eight.
        x_label: Name of x, with its unit.
        y_label: Name of y, with its unit.
        title: Heading inside the chart.
        caption: Text below the chart.
        alt: Description of the chart for screen readers.
        percent: Values are fractions from 0 to 1, displayed as per cent.
        x_percent: The same for x.
        log_x: Logarithmic x axis.
        log_y: Logarithmic y axis.
        marks: Names and positions of vertical lines (a threshold, the best epoch).

    Raises:
        InputError: No curve, or different lengths.
    """
    if not curves:
        raise InputError("A chart of lines needs at least one curve; got none.")
    drawn = [_Curve(curve) for curve in curves]
    xs = np.concatenate([*(curve.x for curve in drawn), np.array(list((marks or {}).values()))])
    ys = np.concatenate([values for curve in drawn for values in (curve.y, curve.low, curve.high)])
    axes = Axes(
        _range(xs, log_x), _padded(_range(ys, log_y), log_y), x_label=x_label, y_label=y_label, title=title,
        x_percent=x_percent, y_percent=percent, x_log=log_x, y_log=log_y, x_whole=bool((xs == np.round(xs)).all()),
    )  # fmt: skip
    for number, curve in enumerate(drawn):
        curve.draw(axes, series(number), dashed=number >= SERIES, percent=percent, log=(log_x, log_y))
        if curve.name:
            axes.name(curve.name, series(number))
    axes.mark(marks or {})
    names = ", ".join(curve.name for curve in curves if curve.name)
    return axes.chart(caption, alt or title or f"{y_label} over {x_label}{': ' + names if names else ''}")


class _Curve:
    """One curve as arrays."""

    def __init__(self, curve: Line) -> None:
        self.name, self.joined = curve.name, curve.joined
        self.x, self.y = as_numbers(curve.x, "x"), as_numbers(curve.y, "y")
        if self.x.shape != self.y.shape or self.x.ndim != 1:
            raise InputError(
                f"The curve {curve.name!r} has x of shape {self.x.shape} and y of shape {self.y.shape}."
            )
        banded = curve.low is not None and curve.high is not None
        self.low = as_numbers(curve.low, "low") if banded else np.empty(0)
        self.high = as_numbers(curve.high, "high") if banded else np.empty(0)

    def draw(self, axes: Axes, kind: str, *, dashed: bool, percent: bool, log: tuple[bool, bool]) -> None:
        """Band, line and dots."""
        if len(self.low):
            drawable = _drawable(self.x, log[0]) & _drawable(self.low, log[1]) & _drawable(self.high, log[1])
            there = [
                (axes.x(x), axes.y(y)) for x, y in zip(self.x[drawable], self.high[drawable], strict=True)
            ]
            back = [(axes.x(x), axes.y(y)) for x, y in zip(self.x[drawable], self.low[drawable], strict=True)]
            axes.add(Shape("path", {"d": path([[*there, *back[::-1]]], closed=True), "class": f"fill {kind}",
                                    "opacity": 0.16}))  # fmt: skip
        drawable = _drawable(self.x, log[0]) & _drawable(self.y, log[1])
        if self.joined:
            runs = [
                [(axes.x(self.x[i]), axes.y(self.y[i])) for i in run]
                for run in np.split(
                    np.arange(len(drawable)), np.flatnonzero(np.diff(drawable.astype(int))) + 1
                )
                if len(run) and drawable[run[0]]
            ]
            axes.add(Shape("path", {"d": path(runs), "class": f"stroke {kind}{' dashed' if dashed else ''}"}))
        if not self.joined or len(self.x) <= _DOTS_UP_TO:
            for x, y in zip(self.x[drawable], self.y[drawable], strict=True):
                value = f"{y * 100:z.1f} %" if percent else tick_text(float(f"{y:.4g}"))
                hint = f"{self.name + ': ' if self.name else ''}{value} at {tick_text(float(f'{x:.4g}'))}"
                axes.add(
                    Shape(
                        "circle",
                        {"cx": axes.x(x), "cy": axes.y(y), "r": 3, "class": f"fill {kind}"},
                        hint=hint,
                    )
                )


def _drawable(values: NDArray[np.float64], log: bool) -> NDArray[np.bool_]:
    return np.isfinite(values) & (values > 0) if log else np.isfinite(values)


def _range(values: NDArray[np.float64], log: bool) -> tuple[float, float]:
    usable = values[_drawable(values, log)]
    if not usable.size:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = float(usable.min()), float(usable.max())
    if high > low:
        return low, high
    return (low / 2, high * 2) if log else (low - 0.5, high + 0.5)


def _padded(ends: tuple[float, float], log: bool) -> tuple[float, float]:
    """A little room above and below, but never beyond 0 for values that are all on one side of it."""
    low, high = ends
    if log:
        return low / 1.1, high * 1.1
    room = 0.05 * (high - low)
    return (max(low - room, 0.0) if low >= 0 else low - room), (
        min(high + room, 0.0) if high <= 0 else high + room
    )
