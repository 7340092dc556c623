"""Materials of surfaces: named materials with a colour and an optional second colour in a pattern."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

KINDS = (
    "ceramic", "clay", "plastic", "metal", "chrome", "wood", "fabric", "leather", "rubber", "glass", "shade", "glow",
    "straw", "liquid",
)  # fmt: skip
PATTERNS = ("bands", "stripes", "dots", "check", "dip", "speckle", "zigzag", "collar")

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Finish:
    """A material.

    Attributes:
        kind: One of ``KINDS``.
        color: Colour as ``#rrggbb`` (sRGB).
        second: The pattern's other colour.
        pattern: One of ``PATTERNS``, or empty for one colour.
        size: Repeats of the pattern around or along the thing; for ``dip`` and ``collar`` the height of the edge.
        roughness: 0 is a mirror, 1 is chalk; None takes the kind's own.
    """

    kind: str
    color: str
    second: str = "#ffffff"
    pattern: str = ""
    size: float = 8.0
    roughness: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown material {self.kind!r}: choose one of {', '.join(KINDS)}")
        if self.pattern and self.pattern not in PATTERNS:
            raise ValueError(f"unknown pattern {self.pattern!r}: choose one of {', '.join(PATTERNS)}")


def linear(color: str | Color) -> Color:
    """Linear RGB, each 0 to 1, of an sRGB colour given as ``#rrggbb`` or three numbers from 0 to 1."""
    if isinstance(color, str):
        text = color.removeprefix("#")
        values = [int(text[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    else:
        values = list(color)
    red, green, blue = ((v / 12.92) if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return red, green, blue


def from_hsv(hue: float, saturation: float, value: float) -> Color:
    """Linear RGB of a colour picked as hue, saturation and value (each 0 to 1) on an sRGB screen."""
    return linear(colorsys.hsv_to_rgb(hue, saturation, value))
