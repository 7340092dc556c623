"""Curves with bands: training curves, metrics over a sweep, error rates over a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from likewise.errors import InputError
from likewise.report.charts.canvas import DASHES, PALETTE, finished, legend, new_figure, percent_axis, style
from likewise.report.sections import Picture

_DOTS_UP_TO = 30  # points on a line, before dots become a caterpillar


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: For the legend; empty for none.
        x: (N,) places, in the order they are joined.
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


def lines(
    curves: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
    percent: bool = False,
    log_x: bool = False,
    log_y: bool = False,
    marks: dict[str, float] | None = None,
) -> Picture:
    """Draw curves into one chart.

    Args:
        curves: The curves; colours repeat with other dashes beyond eight.
        x_label: What x is, with its unit.
        y_label: What y is, with its unit.
        title: Heading inside the picture.
        caption: Words below it.
        alt: What it shows, for those who cannot see it.
        percent: Values are shares of 0 to 1, the axis shows per cent.
        log_x: Logarithmic x axis.
        log_y: Logarithmic y axis.
        marks: Names and places of vertical lines (a threshold, the best epoch).

    Raises:
        InputError: No curve, or lengths that differ.
    """
    if not curves:
        raise InputError("A chart of lines needs at least one curve; got none.")
    from matplotlib.ticker import MaxNLocator

    figure = new_figure()
    axes = figure.add_subplot()
    style(axes, x_label=x_label, y_label=f"{y_label} (%)" if percent else y_label, title=title)
    for number, curve in enumerate(curves):
        color = PALETTE[number % len(PALETTE)]
        x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
        if x.shape != y.shape or x.ndim != 1:
            raise InputError(f"The curve {curve.name!r} has x of shape {x.shape} and y of shape {y.shape}.")
        if curve.low is not None and curve.high is not None:
            low, high = np.asarray(curve.low, dtype=float), np.asarray(curve.high, dtype=float)
            axes.fill_between(x, low, high, color=color, alpha=0.16, linewidth=0)
        dash = DASHES[(number // len(PALETTE)) % len(DASHES)] if curve.joined else "none"
        dots = "o" if len(x) <= _DOTS_UP_TO or not curve.joined else "none"
        axes.plot(
            x,
            y,
            color=color,
            linestyle=dash,
            linewidth=1.8,
            marker=dots,
            markersize=3.6,
            label=curve.name or None,
        )
    for name, place in (marks or {}).items():
        axes.axvline(place, color="#5b6470", linewidth=1, linestyle=(0, (3, 2)), label=name)
    if log_x:
        axes.set_xscale("log")
    else:
        whole = all(np.all(np.mod(np.asarray(curve.x, dtype=float), 1) == 0) for curve in curves)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=whole))
    if log_y:
        axes.set_yscale("log")
    if percent:
        percent_axis(axes, "y")
    legend(figure, axes)
    return finished(figure, caption, alt, title)
