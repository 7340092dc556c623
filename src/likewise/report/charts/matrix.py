"""Matrices as colours, with their numbers, and ordered by likeness with the tree beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likewise.errors import InputError
from likewise.report.charts.canvas import (
    FAINT,
    INK,
    PALETTE,
    TEXT_PT,
    finished,
    new_figure,
    style,
)
from likewise.report.sections import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

Cluster = Literal["similarity", "distance", "rows"]
_MANY = 30  # columns, before numbers no longer fit into the cells


def heat_map(
    matrix: ArrayLike,
    row_names: Sequence[str],
    column_names: Sequence[str] | None = None,
    *,
    label: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
    cluster: Cluster | None = None,
    groups: Sequence[str] | None = None,
    signed: bool = False,
    limits: tuple[float, float] | None = None,
    digits: int = 2,
) -> Picture:
    """Draw a matrix as coloured cells.

    Args:
        matrix: (N, M); NaN is left grey.
        row_names: N names.
        column_names: M names; None takes the rows' (a square matrix).
        label: What the numbers are, with their unit.
        title: Heading inside the picture.
        caption: Words below it.
        alt: What it shows, for those who cannot see it.
        cluster: Order by likeness (average linkage) and draw the tree: "similarity" and "distance" say what
            the symmetric matrix holds, and order rows and columns; "rows" orders the rows of any matrix by
            the Euclidean distance between them.
        groups: One group per row; names are coloured by it.
        signed: Diverging colours around zero.
        limits: Values of the first and last colour; None takes the smallest and largest.
        digits: Decimals in the cells.

    Raises:
        InputError: Numbers of names that do not fit, or a matrix that cannot be clustered.
    """
    values = np.asarray(matrix, dtype=float)
    columns = list(column_names) if column_names is not None else list(row_names)
    if values.ndim != 2 or values.shape != (len(row_names), len(columns)) or values.size == 0:
        raise InputError(
            f"The matrix has the shape {values.shape} for {len(row_names)} row and {len(columns)} column names."
        )
    if groups is not None and len(groups) != len(row_names):
        raise InputError(f"groups has {len(groups)} entries for {len(row_names)} rows; give one a row.")
    tree = _tree(values, cluster) if cluster and len(row_names) > 1 else None
    order = tree.leaves if tree is not None else list(range(len(row_names)))
    across = order if cluster in ("similarity", "distance") else list(range(len(columns)))
    figure = _figure(row_names, columns, tree is not None, bool(title), groups is not None)
    place = figure.add_gridspec(1, 2, width_ratios=(1, 0.14 if tree else 0.0001), wspace=0.01)
    axes = figure.add_subplot(place[0])
    scale = _scale(values, signed, limits)
    _cells(
        figure, axes, values[np.ix_(order, across)], label=label, scale=scale, signed=signed, digits=digits
    )
    style(axes, x_label=label if len(columns) <= _MANY else "", title=title, grid="")
    axes.spines["bottom"].set_visible(False)
    turned = 90 if max(map(len, columns)) > 3 else 0
    axes.set_xticks(range(len(columns)), [columns[i] for i in across], rotation=turned)
    axes.set_yticks(range(len(order)), [row_names[i] for i in order])
    axes.tick_params(labelcolor=INK)
    if groups is not None:
        _color_names(
            figure,
            axes,
            [groups[i] for i in order],
            [groups[i] for i in across] if column_names is None else [],
        )
    if tree is not None:
        _draw_tree(figure.add_subplot(place[1], sharey=axes), tree)
    return finished(figure, caption, alt, title, wide=len(columns) > 9)


@dataclass(frozen=True)
class _Tree:
    """Rows in their new order, and the strokes of the tree: x = height, y = place of the row."""

    leaves: list[int]
    strokes: list[list[tuple[float, float]]]


def _tree(values: NDArray[np.float64], cluster: Cluster) -> _Tree:
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import pdist, squareform

    if not np.isfinite(values).all():
        raise InputError("A matrix with missing values cannot be ordered by likeness: leave cluster out.")
    if cluster == "rows":
        distances = pdist(values)
    else:
        if values.shape[0] != values.shape[1] or not np.allclose(values, values.T, atol=1e-8):
            raise InputError(f"cluster={cluster!r} needs a symmetric matrix; use cluster='rows' for others.")
        apart = values.max() - values if cluster == "similarity" else values
        apart = (apart + apart.T) / 2
        distances = squareform(apart - np.diag(np.diag(apart)), checks=False)
    drawn = dendrogram(linkage(distances, "average", optimal_ordering=True), no_plot=True)
    # SciPy's leaves stand at 5, 15, 25...; the rows of the matrix at 0, 1, 2...
    strokes = [
        [(height, (place - 5) / 10) for height, place in zip(heights, places, strict=True)]
        for heights, places in zip(drawn["dcoord"], drawn["icoord"], strict=True)
    ]
    return _Tree([int(leaf) for leaf in drawn["leaves"]], strokes)


def _figure(rows: Sequence[str], columns: Sequence[str], tree: bool, title: bool, groups: bool) -> "Figure":
    cell = 0.44 if len(columns) <= 9 else 0.36
    names = 0.085 * max(map(len, rows)) + 0.25
    below = 0.085 * max(map(len, columns)) + 0.25 if max(map(len, columns)) > 3 else 0.35
    width = max(3.2, len(columns) * cell * (1.16 if tree else 1) + names)
    return new_figure(width, len(rows) * min(cell, 0.36) + below + 0.35 + 0.3 * title + 0.25 * groups)


def _cells(
    figure: "Figure", axes: "Axes", values: NDArray[np.float64], *, label: str, scale: "Normalize", signed: bool,
    digits: int,
) -> None:  # fmt: skip
    from matplotlib import colormaps

    colors = colormaps["RdBu_r" if signed else "Blues"].with_extremes(bad="#e4e7eb")
    drawn = axes.imshow(np.ma.masked_invalid(values), cmap=colors, norm=scale, aspect="auto")
    for edge in range(1, values.shape[1]):
        axes.axvline(edge - 0.5, color="white", linewidth=1.2)
    for edge in range(1, values.shape[0]):
        axes.axhline(edge - 0.5, color="white", linewidth=1.2)
    if values.shape[1] > _MANY:
        figure.colorbar(drawn, ax=axes, location="bottom", fraction=0.04, label=label)
        return
    for (row, column), value in np.ndenumerate(values):
        text = _short(float(value), digits)
        red, green, blue, _ = colors(scale(value)) if np.isfinite(value) else (1, 1, 1, 1)
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        axes.text(column, row, text, ha="center", va="center", fontsize=TEXT_PT - 2,
                  color="white" if dark else INK)  # fmt: skip


def _short(value: float, digits: int) -> str:
    """Without the zero before the point, which every cell of a correlation matrix would repeat."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _scale(values: NDArray[np.float64], signed: bool, limits: tuple[float, float] | None) -> "Normalize":
    from matplotlib.colors import Normalize

    finite = values[np.isfinite(values)]
    if limits is None:
        largest = float(np.abs(finite).max()) if finite.size else 1.0
        smallest = float(finite.min()) if finite.size else 0.0
        limits = (-largest, largest) if signed else (smallest, float(finite.max()) if finite.size else 1.0)
    return Normalize(limits[0], limits[1] if limits[1] > limits[0] else limits[0] + 1e-9)


def _color_names(figure: "Figure", axes: "Axes", rows: Sequence[str], columns: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    colors = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(sorted(set(rows)))}
    for labels, groups in ((axes.get_yticklabels(), rows), (axes.get_xticklabels(), columns)):
        for text, group in zip(labels, groups, strict=False):
            text.set_color(colors[group])
    figure.legend(
        handles=[Patch(color=color, label=name) for name, color in colors.items()], loc="outside lower left",
        ncols=len(colors), frameon=False, fontsize=TEXT_PT - 0.5, handlelength=0.9, labelcolor=INK,
    )  # fmt: skip


def _draw_tree(axes: "Axes", tree: _Tree) -> None:
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(tree.strokes, colors=FAINT, linewidths=1.1))
    heights = [max(height for height, _ in stroke) for stroke in tree.strokes]  # where branches join
    lowest, highest = min(heights), max(heights)
    # Where all models are about equally far apart, a tree drawn from zero is all stems; the stems are cut.
    start = max(0.0, lowest - 0.3 * (highest - lowest)) if highest > lowest else 0.0
    axes.set_xlim(start, highest + 0.04 * (highest - start) or 1)
    axes.axis("off")
