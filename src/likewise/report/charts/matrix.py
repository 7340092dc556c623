"""Matrices as shaded cells with numbers, optionally ordered by similarity with a dendrogram."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.bounds import Digits
from likewise.errors import InputError
from likewise.report.charts.canvas import LINE_PX, label, legend, series, shortened, text_width
from likewise.report.svg import Chart, Shape, path

Cluster = Literal["similarity", "distance", "rows"]
_MANY = 30  # columns, before numbers no longer fit into the cells
_CELL_PX, _NARROW_PX, _ROW_PX = 44.0, 12.0, 28.0
_NAME_PX = 190.0
_TREE_PX = 70.0
_DEEPEST = 0.45  # opacity of the largest value under a number, which then still has a contrast of 4.5


@checked
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
    digits: Digits = 2,
) -> Chart:
    """Draw a matrix as shaded cells.

    Args:
        matrix: (N, M); NaN is displayed as a dash.
        row_names: N names.
        column_names: M names; None takes the rows' (a square matrix).
        label: Name of the values, with their unit.
        title: Heading inside the chart.
        caption: Text below the figure.
        alt: Description for screen readers.
        cluster: Order by similarity (average linkage) and draw the dendrogram: "similarity" and "distance" say what
            the symmetric matrix contains, and order rows and columns; "rows" orders the rows of any matrix by
            the Euclidean distance between them.
        groups: One group per row; names are coloured by it.
        signed: Two colours around zero.
        limits: Values of the faintest and deepest shade; None takes the smallest and largest.
        digits: Decimals in the cells.

    Raises:
        InputError: Numbers of names that do not fit, or a matrix that cannot be clustered.
    """
    values = as_numbers(matrix, "matrix")
    columns = list(column_names) if column_names is not None else list(row_names)
    if values.ndim != 2 or values.shape != (len(row_names), len(columns)) or values.size == 0:
        raise InputError(
            f"The matrix has the shape {values.shape} for {len(row_names)} row and {len(columns)} column names."
        )
    if groups is not None and len(groups) != len(row_names):
        raise InputError(f"groups has {len(groups)} entries for {len(row_names)} rows; give one per row.")
    tree = _tree(values, cluster) if cluster and len(row_names) > 1 else None
    order = tree.leaves if tree is not None else list(range(len(row_names)))
    across = order if cluster in ("similarity", "distance") else list(range(len(columns)))
    kinds = {name: series(number) for number, name in enumerate(sorted(set(groups or [])))}
    grid = _Grid(
        values[np.ix_(order, across)],
        [row_names[i] for i in order],
        [columns[i] for i in across],
        [kinds[groups[i]] for i in order] if groups is not None else [],
        _Shades(values, signed, limits),
        digits,
    )
    return grid.chart(label, tree, kinds, title=title, caption=caption, alt=alt)


@dataclass(frozen=True)
class _Tree:
    """Rows in their new order, and the lines of the dendrogram: x = height, y = position of the row."""

    leaves: list[int]
    strokes: list[list[tuple[float, float]]]


def _tree(values: NDArray[np.float64], cluster: Cluster) -> _Tree:
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import pdist, squareform

    if not np.isfinite(values).all():
        raise InputError("A matrix with missing values cannot be ordered by similarity: leave cluster out.")
    if cluster == "rows":
        distances = pdist(values)
    else:
        if values.shape[0] != values.shape[1] or not np.allclose(values, values.T, atol=1e-8):
            raise InputError(f"cluster={cluster!r} needs a symmetric matrix; use cluster='rows' for others.")
        apart = values.max() - values if cluster == "similarity" else values
        apart = (apart + apart.T) / 2
        distances = squareform(apart - np.diag(np.diag(apart)), checks=False)
    drawn = dendrogram(linkage(distances, "average", optimal_ordering=True), no_plot=True)
    # SciPy's leaves are at 5, 15, 25...; the rows of the matrix at 0, 1, 2...
    strokes = [
        [(height, (place - 5) / 10) for height, place in zip(heights, places, strict=True)]
        for heights, places in zip(drawn["dcoord"], drawn["icoord"], strict=True)
    ]
    return _Tree([int(leaf) for leaf in drawn["leaves"]], strokes)


class _Shades:
    """From values to the class and the depth of a shade."""

    def __init__(self, values: NDArray[np.float64], signed: bool, limits: tuple[float, float] | None) -> None:
        finite = values[np.isfinite(values)]
        if limits is None:
            largest = float(np.abs(finite).max()) if finite.size else 1.0
            smallest = float(finite.min()) if finite.size else 0.0
            limits = (
                (-largest, largest) if signed else (smallest, float(finite.max()) if finite.size else 1.0)
            )
        self._low, self._high, self._signed = limits[0], limits[1], signed
        self._deepest = _DEEPEST if values.shape[1] <= _MANY else 1.0

    def __call__(self, value: float) -> tuple[str, float]:
        """Class and opacity."""
        width = (self._high - self._low) or 1.0
        if self._signed:
            share = 2 * (value - (self._low + self._high) / 2) / width
            return ("more" if share >= 0 else "less"), self._deepest * min(1.0, abs(share))
        return "more", self._deepest * (0.06 + 0.94 * min(1.0, max(0.0, (value - self._low) / width)))


@dataclass(frozen=True)
class _Grid:
    """The cells in the order they are drawn."""

    values: NDArray[np.float64]
    rows: list[str]
    columns: list[str]
    row_kinds: list[str]
    shades: _Shades
    digits: int

    def chart(
        self, what: str, tree: _Tree | None, kinds: dict[str, str], *, title: str, caption: str, alt: str
    ) -> Chart:
        """Names, cells, dendrogram and legend."""
        numbered = len(self.columns) <= _MANY
        cell = _CELL_PX if numbered else _NARROW_PX
        rows = [shortened(name, _NAME_PX) for name in self.rows]
        heads = [shortened(name, _NAME_PX) for name in self.columns]
        left = 8 + max(map(text_width, rows))
        flat = max(map(text_width, heads)) <= cell - 4
        top = (LINE_PX if title else 0.0) + (LINE_PX if flat else 10 + max(map(text_width, heads)))
        shapes = [label(title, 0, 9, bold=True)] if title else []
        for row, name in enumerate(rows):
            middle = top + (row + 0.5) * _ROW_PX
            shape = label(name, left - 8, middle, anchor="end")
            if self.row_kinds:
                shape = Shape("text", {**shape.values, "class": f"bold fill {self.row_kinds[row]}"}, name)
            shapes.append(shape)
        for column, name in enumerate(heads):
            middle = left + (column + 0.5) * cell
            shapes.append(label(name, middle, top - 10, anchor="middle") if flat
                          else label(name, middle + 4, top - 8, turned=-90))  # fmt: skip
        for (row, column), value in np.ndenumerate(self.values):
            shapes += self._cell(float(value), row, column, left, top, cell, numbered)
        right, bottom = left + len(self.columns) * cell, top + len(rows) * _ROW_PX
        if tree is not None:
            shapes.append(Shape("path", {"d": _branches(tree, right + 6, top), "class": "branch"}))
            right += _TREE_PX + 6
        shapes.append(label(what, left, bottom + 14, faint=True))
        width = max(right + 4, left + text_width(what) + 4)
        swatches, taken = legend(list(kinds.items()), bottom + LINE_PX + 8, width)
        words = alt or title or caption or what
        return Chart(
            width, bottom + LINE_PX + 8 + taken, [*shapes, *swatches], caption, words, wide=width > 640
        )

    def _cell(  # noqa: PLR0917 - one place and its measures
        self, value: float, row: int, column: int, left: float, top: float, cell: float, numbered: bool
    ) -> list[Shape]:
        place: dict[str, str | float] = {
            "x": left + column * cell, "y": top + row * _ROW_PX, "width": cell - 1, "height": _ROW_PX - 1,
        }  # fmt: skip
        text = _short(value, self.digits)
        hint = f"{self.rows[row]}, {self.columns[column]}: {text}"
        shapes = []
        if np.isfinite(value):
            kind, depth = self.shades(value)
            shapes.append(Shape("rect", {**place, "class": kind, "opacity": round(depth, 3)}, hint=hint))
        else:
            shapes.append(Shape("rect", {**place, "class": "none"}, hint=hint))
        if numbered:
            middle = left + (column + 0.5) * cell
            shapes.append(label(text, middle, top + (row + 0.5) * _ROW_PX, anchor="middle"))
        return shapes


def _short(value: float, digits: int) -> str:
    """Without the zero before the point, which every cell of a correlation matrix would repeat."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:z.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _branches(tree: _Tree, left: float, top: float) -> str:
    heights = [max(height for height, _ in stroke) for stroke in tree.strokes]  # where branches join
    lowest, highest = min(heights), max(heights)
    # If all models are about equally distant, most of the tree would be stems; the stems are cut.
    start = max(0.0, lowest - 0.3 * (highest - lowest)) if highest > lowest else 0.0
    width = (highest - start) or 1.0
    runs = [
        [
            (left + max(0.0, height - start) / width * _TREE_PX, top + (place + 0.5) * _ROW_PX)
            for height, place in stroke
        ]
        for stroke in tree.strokes
    ]
    return path(runs)
