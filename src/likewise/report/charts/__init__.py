"""Charts for a report: curves, bars, histograms and matrices.

They are SVG with searchable text, sized for phone screens. Colours are suitable for colour-blind readers and follow the
light or dark theme of the page; with many curves, dashes or names are added.
"""

from likewise.report.charts.bars import bars, histogram
from likewise.report.charts.curves import Line, lines
from likewise.report.charts.matrix import heat_map

__all__ = ["Line", "bars", "heat_map", "histogram", "lines"]
