"""Reports: typed sections become a self-contained page; tables and charts of results.

A result that has ``sections()`` and ``verdict()`` is shown with ``Report.of(title, result).save("page.html")``.
Charts are in :mod:`likewise.report.charts`.
"""

from likewise.report import charts
from likewise.report.cells import Cell, Column, Measured
from likewise.report.report import Report
from likewise.report.sections import HasSections, Level, Picture, Section, Verdict
from likewise.report.storage import load_report, save_report
from likewise.report.table import Table

__all__ = [
    "Cell", "Column", "HasSections", "Level", "Measured", "Picture", "Report", "Section", "Table", "Verdict",
    "charts", "load_report", "save_report",
]  # fmt: skip
