"""Bars with their uncertainty, and histograms."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from likewise.errors import InputError
from likewise.report.cells import Measured
from likewise.report.charts.canvas import (
    FAINT,
    INK,
    PALETTE,
    TEXT_PT,
    finished,
    legend,
    new_figure,
    percent_axis,
    style,
)
from likewise.report.sections import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHORT_NAME = 9
_FEW = 6


def bars(
    names: Sequence[str],
    groups: Mapping[str, Sequence[float | Measured]],
    *,
    value_label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
    percent: bool = False,
    digits: int | None = None,
) -> Picture:
    """Draw a bar for each name, or one for each name and group side by side.

    The bars lie down where the names are long or many. Each carries its value; intervals or deviations
    of Measured values are drawn as lines.

    Args:
        names: What the bars are of.
        groups: Name of a group -> one value per name; a single group may be called "".
        value_label: What is measured, with its unit.
        title: Heading inside the picture.
        caption: Words below it.
        alt: What it shows, for those who cannot see it.
        percent: Values are shares of 0 to 1, shown as per cent.
        digits: Decimals of the values; None: 1 for per cent, else 2.

    Raises:
        InputError: No bars, or a group of another length.
    """
    if not names or not groups:
        raise InputError("A chart of bars needs at least one name and one group.")
    for group, values in groups.items():
        if len(values) != len(names):
            raise InputError(f"The group {group!r} has {len(values)} values for {len(names)} names.")
    lying = len(names) > _FEW or max(map(len, names)) > _SHORT_NAME or len(names) * len(groups) > 2 * _FEW
    thickness = 0.8 / len(groups)
    height = 0.9 + len(names) * max(0.3, 0.2 * len(groups)) if lying else 3.1
    figure = new_figure(height_in=height + 0.2 * (len(groups) > 1))
    axes = figure.add_subplot()
    label = f"{value_label} (%)" if percent else value_label
    style(
        axes,
        x_label=label if lying else "",
        y_label="" if lying else label,
        title=title,
        grid="x" if lying else "y",
    )
    shown_digits = digits if digits is not None else (1 if percent else 2)
    places = np.arange(len(names))
    for number, (group, values) in enumerate(groups.items()):
        means, below, above = _spread(values)
        at = places + (number - (len(groups) - 1) / 2) * thickness
        color = PALETTE[number % len(PALETTE)]
        draw = axes.barh if lying else axes.bar
        draw(at, means, thickness * 0.88, color=color, label=group or None)
        if (below + above).any():
            ends = np.stack([below, above])
            if lying:
                axes.errorbar(means, at, xerr=ends, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
            else:
                axes.errorbar(at, means, yerr=ends, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
        texts = [f"{mean * (100 if percent else 1):.{shown_digits}f}" for mean in means]
        _write_values(axes, at, np.where(means >= 0, means + above, means - below), texts, lying)
    if lying:
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.margins(x=0.14)
        axes.tick_params(axis="y", labelcolor=INK)
    else:
        axes.set_xticks(places, names)
        axes.margins(y=0.12)
        axes.tick_params(axis="x", labelcolor=INK)
    if percent:
        percent_axis(axes, "x" if lying else "y")
    legend(figure, axes)
    return finished(figure, caption, alt, title)


def histogram(
    values: Mapping[str, ArrayLike],
    *,
    value_label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
    bins: int = 40,
    marks: Mapping[str, float] | None = None,
    percent: bool = False,
) -> Picture:
    """Draw how values are distributed: the share of each set in equal bins over their common range.

    Args:
        values: Name of a set -> its values, any shape; NaN is left out.
        value_label: What is measured, with its unit.
        title: Heading inside the picture.
        caption: Words below it.
        alt: What it shows, for those who cannot see it.
        bins: Number of bins.
        marks: Names and places of vertical lines (a threshold, chance).
        percent: Values are shares of 0 to 1, shown as per cent.

    Raises:
        InputError: A set without a number.
    """
    sets = {name: np.asarray(numbers, dtype=float).ravel() for name, numbers in values.items()}
    sets = {name: numbers[np.isfinite(numbers)] for name, numbers in sets.items()}
    empty = [name for name, numbers in sets.items() if numbers.size == 0]
    if not sets or empty:
        raise InputError(
            f"A histogram needs at least one number in each set; {empty[0] if empty else 'it'} has none."
        )
    everything = np.concatenate(list(sets.values()))
    edges = np.histogram_bin_edges(everything, bins)
    figure = new_figure()
    axes = figure.add_subplot()
    style(axes, x_label=f"{value_label} (%)" if percent else value_label, y_label="share (%)", title=title)
    for number, (name, numbers) in enumerate(sets.items()):
        shares = np.histogram(numbers, edges)[0] / numbers.size * 100
        color = PALETTE[number % len(PALETTE)]
        axes.stairs(shares, edges, fill=True, color=color, alpha=0.28 if len(sets) > 1 else 0.55)
        axes.stairs(shares, edges, color=color, linewidth=1.5, label=name or None)
    for name, place in (marks or {}).items():
        axes.axvline(place, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), label=name)
    axes.set_ylim(bottom=0)
    if percent:
        percent_axis(axes, "x")
    legend(figure, axes)
    return finished(figure, caption, alt, title)


def _spread(values: Sequence[float | Measured]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, and how far the lines reach below and above them."""
    cells = [value if isinstance(value, Measured) else Measured(float(value)) for value in values]
    means = np.array([cell.mean for cell in cells])
    below, above = np.zeros(len(cells)), np.zeros(len(cells))
    for i, cell in enumerate(cells):
        if cell.low is not None and cell.high is not None:
            below[i], above[i] = max(0, cell.mean - cell.low), max(0, cell.high - cell.mean)
        elif cell.std is not None:
            below[i] = above[i] = cell.std
    return means, below, above


def _write_values(axes: "Axes", at: np.ndarray, ends: np.ndarray, texts: list[str], lying: bool) -> None:
    """The number of each bar behind the end of its bar and its line."""
    for place, end, text in zip(at, ends, texts, strict=True):
        if not np.isfinite(end):
            continue
        away = 1 if end >= 0 else -1
        where, shift = ((end, place), (4 * away, 0)) if lying else ((place, end), (0, 3 * away))
        across = ("left" if away > 0 else "right") if lying else "center"
        along = "center" if lying else ("bottom" if away > 0 else "top")
        axes.annotate(text, where, shift, textcoords="offset points", ha=across, va=along,
                      fontsize=TEXT_PT - 1.5, color=INK)  # fmt: skip
