"""Common parts of all charts: measured text, ticks at round numbers, legend."""

import math
from collections.abc import Sequence

from likewise.drawing.text import font
from likewise.drawing.typefaces import suited
from likewise.report.svg import Shape

WIDTH = 420.0  # pixels: a phone shows it at nearly full size
SERIES = 8
TEXT_PX = 13
SMALL_PX = 12
LINE_PX = 18.0


def text_width(text: str, size_px: int = TEXT_PX) -> float:
    """Width of a line of text in pixels. DejaVu Sans is wider than what browsers use, so the text always fits."""
    face = suited(text, font(size_px))
    return float(face.getlength(text))


def series(number: int) -> str:
    """The class of the colour of a series."""
    return f"c{number % SERIES}"


def label(
    text: str,
    x: float,
    y: float,
    *,
    anchor: str = "start",
    faint: bool = False,
    bold: bool = False,
    turned: float = 0,
) -> Shape:
    """A line of text whose middle is at the height ``y``."""
    words = " ".join(["faint"] * faint + ["bold"] * bold) or "ink"
    values: dict[str, str | float] = {"x": x, "y": y + TEXT_PX * 0.35, "class": words, "anchor": anchor}
    if turned:
        values |= {"turned": turned, "y": y}
    return Shape("text", values, text)


def shortened(text: str, width: float) -> str:
    """The text, with an ellipsis in the middle if it is wider than ``width``: both ends of a name matter."""
    if text_width(text) <= width:
        return text
    for characters in range(len(text) - 1, 1, -1):
        head = (characters + 1) // 2
        short = text[:head] + "…" + text[len(text) - (characters - head) :]
        if text_width(short) <= width:
            return short
    return "…"


def legend(
    names: Sequence[tuple[str, str]], y: float, width: float = WIDTH, left: float = 4
) -> tuple[list[Shape], float]:
    """Swatches with names, in as many lines as needed, from ``y`` down, and their height."""
    shapes: list[Shape] = []
    x, top = left, y
    for name, kind in names:
        short = shortened(name, width - left - 24)
        needed = 20 + text_width(short) + 16
        if x > left and x + needed > width:
            x, top = left, top + LINE_PX
        shapes.append(
            Shape("rect", {"x": x, "y": top + 3, "width": 12, "height": 12, "rx": 2, "class": f"fill {kind}"})
        )
        shapes.append(label(short, x + 18, top + 9))
        x += needed
    return shapes, (top + LINE_PX - y if names else 0.0)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from ``low`` to ``high``, at most ``most``: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    while (high - low) / step > most:
        for factor in (2, 2.5, 2):  # 1, 2, 5, 10
            step *= factor
            if (high - low) / step <= most:
                break
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from ``low`` to ``high``; with 2 and 5 between them where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    tens = [10.0**power for power in range(first, last + 1)]
    between = tens if last - first > 2 else [ten * factor for ten in tens for factor in (1, 2, 5)]
    return [value for value in between if low * 0.999 <= value <= high * 1.001]


def tick_text(value: float, percent: bool = False) -> str:
    """A tick's number, without needless digits."""
    value = value * 100 if percent else value
    if value and abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e+")
    return f"{value:,.10g}" if abs(value) < 1e6 else f"{value:.3g}"


def middle(values: Sequence[float]) -> float:
    """Half way between the first and the last."""
    return (values[0] + values[-1]) / 2
