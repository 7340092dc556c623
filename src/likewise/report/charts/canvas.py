"""The sheet every chart is drawn on: its size, colours and lettering; never matplotlib's global state."""

import io
from typing import TYPE_CHECKING, Any

from likewise.report.sections import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, those that stand out on white first.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
INK = "#1c1e21"
FAINT = "#5b6470"
RULE = "#dde1e6"
TEXT_PT = 9.5
WIDTH_IN = 4.7  # about 450 pixels of a screen: a phone shows it at nearly full size
_DPI = 200


def new_figure(width_in: float = WIDTH_IN, height_in: float = 3.1) -> "Figure":
    """An empty figure with its own Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.09)
    figure = Figure(figsize=(width_in, height_in), dpi=_DPI, layout=engine, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def style(axes: "Axes", *, x_label: str = "", y_label: str = "", title: str = "", grid: str = "y") -> None:
    """Quiet axes: no frame, faint grid, labels in one size."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(length=0, labelsize=TEXT_PT - 0.5, labelcolor=FAINT, pad=4)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=RULE, linewidth=0.7)  # type: ignore[arg-type]  # "x", "y" or "both"
    axes.set_xlabel(x_label, fontsize=TEXT_PT, color=INK)
    axes.set_ylabel(y_label, fontsize=TEXT_PT, color=INK)
    if title:
        axes.set_title(title, fontsize=TEXT_PT + 1.5, color=INK, loc="left", fontweight="bold", pad=8)


def legend(figure: "Figure", axes: "Axes", columns: int | None = None) -> None:
    """Names of what is drawn, below the chart where they hide nothing; none for a single nameless thing."""
    handles, names = axes.get_legend_handles_labels()
    if not names:
        return
    longest = max(map(len, names))
    fitting = max(1, int(figure.get_figwidth() * 13) // (longest + 5))
    figure.legend(
        handles, names, loc="outside lower left", ncols=columns or min(len(names), fitting), frameon=False,
        fontsize=TEXT_PT - 0.5, labelcolor=INK, handlelength=1.8, columnspacing=1.4, borderaxespad=0.2,
    )  # fmt: skip


def percent_axis(axes: "Axes", which: str) -> None:
    """Show shares of 0 to 1 as 0 to 100."""
    from matplotlib.ticker import FuncFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}"))


def finished(figure: "Figure", caption: str, alt: str, title: str, wide: bool = False) -> Picture:
    """The figure as a PNG picture."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})  # bytes depend on the drawing alone
    return Picture(stream.getvalue(), caption, alt or title or caption, wide, density=2)
