"""Charts as pictures for a report: curves, bars, histograms and matrices.

Drawn for a phone first: about as wide as its screen, so that the text keeps its size; colours that
colour-blind readers can tell apart, and dashes or names where there are many.
"""

from likewise.report.charts.bars import bars, histogram
from likewise.report.charts.canvas import PALETTE
from likewise.report.charts.curves import Line, lines
from likewise.report.charts.matrix import heat_map

__all__ = ["PALETTE", "Line", "bars", "heat_map", "histogram", "lines"]
