"""Charts for a report: curves, bars, histograms and matrices.

They are drawn as SVG whose text is text, for a phone first: about as wide as its screen. Colours can be told apart by
colour-blind readers and follow the page between light and dark; dashes or names help where there are many.
"""

from likewise.report.charts.bars import bars, histogram
from likewise.report.charts.curves import Line, lines
from likewise.report.charts.matrix import heat_map

__all__ = ["Line", "bars", "heat_map", "histogram", "lines"]
