"""The columns that colour a map, and the map as a picture for readers without scripts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from likewise.arrays import Floats32
from likewise.images import encode_png

# The colours of the page's script (colors.js).
PALETTE = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233), (148, 103, 189),
    (188, 168, 30), (140, 86, 75), (60, 190, 200), (120, 140, 60), (240, 110, 130),
)  # fmt: skip
OTHERS = (140, 148, 160)
RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_SIDE_PX, _SCALE, _MARGIN_PX = 720, 2, 16
_DIGITS = 6


@dataclass(frozen=True)
class MapColumn:
    """Values of the images.

    Attributes:
        name: Name of the column.
        numbers: ``(N,)`` float64, NaN where missing; None for text.
        names: Different texts, most frequent first; empty for numbers.
        codes: ``(N,)`` position of each text in ``names``.
        counts: Images of each text.
    """

    name: str
    numbers: NDArray[np.float64] | None
    names: list[str]
    codes: NDArray[np.int64]
    counts: list[int]

    @property
    def known(self) -> bool:
        """Whether any image has a value."""
        return (
            bool(np.isfinite(self.numbers).any())
            if self.numbers is not None
            else self.names not in ([], [""])
        )

    @property
    def legend(self) -> list[tuple[str, str, int]]:
        """Name, colour and number of images of each text."""
        shades = [PALETTE[rank] if rank < len(PALETTE) else OTHERS for rank in range(len(self.names))]
        hexes = ["#{:02x}{:02x}{:02x}".format(*shade) for shade in shades]
        return list(zip(self.names, hexes, self.counts, strict=True))

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest number."""
        assert self.numbers is not None
        return float(np.nanmin(self.numbers)), float(np.nanmax(self.numbers))

    def colors(self) -> NDArray[np.uint8]:
        """Colour of each image ``(N, 3)``."""
        if self.numbers is None:
            table = np.array([*PALETTE, OTHERS], np.uint8)
            return table[np.minimum(self.codes, len(PALETTE))]
        low, high = self.range
        shares = (self.numbers - low) / ((high - low) or 1.0) * (len(RAMP) - 1)
        ramp = np.array(RAMP, np.float64)
        made = np.stack([np.interp(shares, np.arange(len(ramp)), ramp[:, part]) for part in range(3)], 1)
        made[~np.isfinite(self.numbers)] = OTHERS
        return made.round().astype(np.uint8)

    def to_dict(self) -> dict[str, Any]:
        """For the script of the page: texts once, numbers with 6 digits."""
        if self.numbers is None:
            return {"name": self.name, "kind": "text", "names": self.names, "codes": self.codes}
        return {
            "name": self.name,
            "kind": "number",
            "values": [float(f"{each:.{_DIGITS}g}") for each in self.numbers],
        }


def map_column(name: str, column: "pd.Series[Any]") -> MapColumn:
    """A column of a table as numbers or texts; missing texts are ""."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        return MapColumn(name, np.where(np.isfinite(numbers), numbers, np.nan), [], np.zeros(0, np.int64), [])
    texts = column.astype(object).where(column.notna(), "").astype(str).to_numpy()
    names, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return MapColumn(name, None, [str(names[each]) for each in order], rank[codes], counts[order].tolist())


def map_picture(points: Floats32, column: MapColumn | None) -> bytes:
    """A PNG of the map; points ``(N, 2)`` in 0..1, y upward."""
    side = _SIDE_PX * _SCALE
    drawn = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(drawn)
    shades = np.tile(np.array(PALETTE[:1], np.uint8), (len(points), 1)) if column is None else column.colors()
    places = _MARGIN_PX * _SCALE + points * (side - 2 * _MARGIN_PX * _SCALE)
    radius = (4 if len(points) < 2000 else 3 if len(points) < 20_000 else 2) * _SCALE / 2
    for (x, y), shade in zip(places.tolist(), shades.tolist(), strict=True):
        pen.ellipse((x - radius, side - y - radius, x + radius, side - y + radius), fill=tuple(shade))
    small = drawn.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX)
    return encode_png(small.quantize(128).convert("RGB"))
