"""Reports: results become a self-contained page; tables and charts of results.

``Report.of(title, result).save("page.html")`` shows any result of likewise, and any object of yours that has
``sections()`` and ``verdict()``. Charts are in :mod:`likewise.report.charts`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from likewise.drawing.grid import Grid
from likewise.report import charts
from likewise.report.report import Report, sections_of
from likewise.report.sections import Figure, HasSections, Picture, Section
from likewise.report.sheet_page import sheet_page
from likewise.report.storage import load_report, save_report
from likewise.report.svg import Chart
from likewise.results import (
    Cell,
    Column,
    Level,
    Measured,
    Result,
    Table,
    Verdict,
    condition_metric_name,
    image_counts,
    metric_column,
    metric_name,
    metric_text,
    percent,
    points,
    provenance,
    signed_percent,
)

if TYPE_CHECKING:
    from likewise.report.image_map import MapPage, map_page
    from likewise.report.run import kept_report, run_report, training_curves, write_pages

__all__ = [
    "Cell", "Chart", "Column", "Figure", "Grid", "HasSections", "Level", "MapPage", "Measured", "Picture", "Report",
    "Result", "Section", "Table", "Verdict", "charts", "condition_metric_name", "image_counts", "kept_report",
    "load_report", "map_page", "metric_column", "metric_name", "metric_text", "percent", "points", "provenance",
    "run_report", "save_report", "sections_of", "sheet_page", "signed_percent", "training_curves", "write_pages",
]  # fmt: skip

# What imports models or the training package is loaded on first use.
_LATER = {
    "MapPage": "image_map", "map_page": "image_map",
    "kept_report": "run", "run_report": "run", "training_curves": "run", "write_pages": "run",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """The pages of Runs and maps."""
    if name not in _LATER:
        raise AttributeError(f"module 'likewise.report' has no attribute {name!r}")
    return getattr(importlib.import_module(f"likewise.report.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
