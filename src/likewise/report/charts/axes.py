"""The plane that curves and histograms are drawn in: scales, ticks, grid, labels, marks and a legend."""

import math
from collections.abc import Mapping

from likewise.report.charts.canvas import (
    LINE_PX,
    WIDTH,
    label,
    legend,
    log_ticks,
    text_width,
    tick_text,
    ticks,
)
from likewise.report.svg import Chart, Shape

_HEIGHT = 200.0


class Axes:
    """Two scales and what is drawn between them."""

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        x_label: str,
        y_label: str,
        title: str = "",
        x_percent: bool = False,
        y_percent: bool = False,
        x_log: bool = False,
        y_log: bool = False,
        x_whole: bool = False,
    ) -> None:
        self._x_range, self._y_range, self._x_log, self._y_log = x_range, y_range, x_log, y_log
        x_ticks, y_ticks = _ticks(x_range, x_log, 6), _ticks(y_range, y_log, 5)
        if x_whole:
            x_ticks = [value for value in x_ticks if value == round(value)]
        names = [tick_text(value, y_percent) for value in y_ticks]
        self._left = 12 + max(map(text_width, names), default=0)
        self._right = WIDTH - 14
        self._top = 12.0 + LINE_PX * (1 + bool(title))
        self._bottom = self._top + _HEIGHT
        self._shapes: list[Shape] = []
        self._marks: list[Shape] = []
        self._names: list[tuple[str, str]] = []
        if title:
            self.add(label(title, 0, 9, bold=True))
        self.add(label(f"{y_label} (%)" if y_percent else y_label, 0, self._top - LINE_PX, faint=True))
        for value, name in zip(y_ticks, names, strict=True):
            place = self.y(value)
            self.add(
                Shape(
                    "line", {"x1": self._left, "y1": place, "x2": self._right, "y2": place, "class": "rule"}
                )
            )
            self.add(label(name, self._left - 6, place, anchor="end", faint=True))
        for value in x_ticks:
            self.add(
                label(
                    tick_text(value, x_percent), self.x(value), self._bottom + 12, anchor="middle", faint=True
                )
            )
        under = f"{x_label} (%)" if x_percent else x_label
        self.add(
            label(
                under,
                (self._left + self._right) / 2,
                self._bottom + 12 + LINE_PX,
                anchor="middle",
                faint=True,
            )
        )

    def x(self, value: float) -> float:
        """Position of a value, in pixels from the left."""
        return self._left + _share(value, self._x_range, self._x_log) * (self._right - self._left)

    def y(self, value: float) -> float:
        """Position of a value, in pixels from the top."""
        return self._bottom - _share(value, self._y_range, self._y_log) * (self._bottom - self._top)

    def add(self, shape: Shape) -> None:
        """Draw a shape over the others."""
        self._shapes.append(shape)

    def name(self, name: str, kind: str) -> None:
        """Put a name with its colour into the legend."""
        self._names.append((name, kind))

    def mark(self, marks: Mapping[str, float]) -> None:
        """Draw vertical dashed lines, named at their upper end."""
        for number, (name, value) in enumerate(marks.items()):
            place = self.x(value)
            self.add(Shape("line", {"x1": place, "y1": self._top - 4, "x2": place, "y2": self._bottom, "class": "mark"},
                           hint=name))  # fmt: skip
            after = place + 4 + text_width(name) < WIDTH
            self.add(label(name, place + (4 if after else -4), self._top + 4 + number * LINE_PX,
                           anchor="start" if after else "end", faint=True))  # fmt: skip

    def chart(self, caption: str, alt: str) -> Chart:
        """Everything as one chart, with the legend below."""
        below = self._bottom + 12 + 2 * LINE_PX
        swatches, taken = legend(self._names, below)
        return Chart(WIDTH, below + taken, [*self._shapes, *swatches], caption, alt or caption)


def _ticks(values: tuple[float, float], log: bool, most: int) -> list[float]:
    return log_ticks(*values) if log else ticks(*values, most)


def _share(value: float, ends: tuple[float, float], log: bool) -> float:
    low, high = (math.log(end) for end in ends) if log else ends
    at = math.log(value) if log else value
    return (at - low) / (high - low) if high > low else 0.5
