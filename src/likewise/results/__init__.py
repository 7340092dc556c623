"""Results as plain data: verdicts, tables, numbers with their uncertainty, and how metrics are named and written.

All measurements return such data (see :class:`Result`); :mod:`likewise.report` makes pages of it.
"""

from likewise.results.cells import Cell, Column, Measured
from likewise.results.metric_words import (
    condition_metric_name,
    metric_column,
    metric_name,
    metric_text,
    percent,
    points,
    signed_percent,
)
from likewise.results.provenance import image_counts, provenance
from likewise.results.table import Table
from likewise.results.verdict import HEADLINE_WORDS, Level, Result, Verdict

__all__ = [
    "HEADLINE_WORDS", "Cell", "Column", "Level", "Measured", "Result", "Table", "Verdict", "condition_metric_name",
    "image_counts", "metric_column", "metric_name", "metric_text", "percent", "points", "provenance", "signed_percent",
]  # fmt: skip
