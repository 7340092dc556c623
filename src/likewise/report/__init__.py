"""Reports: typed sections become a self-contained page; tables and charts of results.

A result that has ``sections()`` and ``verdict()`` is shown with ``Report.of(title, result).save("page.html")``.
Charts are in :mod:`likewise.report.charts`.
"""

from likewise.drawing.grid import Grid
from likewise.report import charts
from likewise.report.cells import Cell, Column, Measured
from likewise.report.metric_words import (
    condition_metric_name,
    metric_column,
    metric_name,
    metric_text,
    percent,
    points,
    signed_percent,
)
from likewise.report.provenance import image_counts, provenance
from likewise.report.report import Report
from likewise.report.sections import Figure, HasSections, Level, Picture, Section, Verdict
from likewise.report.sheet_page import sheet_page
from likewise.report.storage import load_report, save_report
from likewise.report.svg import Chart
from likewise.report.table import Table

__all__ = [
    "Cell", "Chart", "Column", "Figure", "Grid", "HasSections", "Level", "Measured", "Picture", "Report", "Section",
    "Table", "Verdict", "charts", "condition_metric_name", "image_counts", "load_report", "metric_column",
    "metric_name", "metric_text", "percent", "points", "provenance", "save_report", "sheet_page", "signed_percent",
]  # fmt: skip
