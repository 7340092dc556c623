"""A product: name, kind, shape and finishes of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from likewise.scenes.finishes import Finish
from likewise.scenes.geometry import Part, normalised


@dataclass(frozen=True)
class Product:
    """One article of a shop: a class of images.

    Attributes:
        name: The class's label, for instance ``mug-camper``.
        shape: Makes the parts, in any unit, looking towards -y.
        finishes: Material of each name that the parts use.
    """

    name: str
    shape: Callable[[], list[Part]]
    finishes: Mapping[str, Finish]

    @property
    def kind(self) -> str:
        """The kind: the name up to the first hyphen."""
        return self.name.split("-")[0]

    def parts(self) -> list[Part]:
        """The parts, scaled to the size that all products share."""
        return normalised(self.shape())


# Colours shared by many products, so that colour alone does not identify them.
CREAM, WHITE, CHARCOAL, BLACK = "#efe6d3", "#f3f2ee", "#383a3f", "#17181a"
NAVY, TEAL, SKY, FOREST, SAGE = "#24365c", "#23757c", "#7fb0cf", "#2c5a40", "#93a98a"
RED, TERRACOTTA, MUSTARD, BLUSH, PLUM = "#ad2327", "#b8582f", "#d39a27", "#dba7a1", "#6c3a5c"
OAK, WALNUT, BEECH, STRAW = "#bd8c56", "#6d4328", "#d9b78a", "#d8b878"
STEEL, BRASS, COPPER, GUNMETAL = "#d2d4d6", "#d3a850", "#cd7a52", "#55585c"


def ceramic(color: str, second: str = WHITE, pattern: str = "", size: float = 8.0) -> Finish:
    """Glazed ware."""
    return Finish("ceramic", color, second, pattern, size)


def wood(color: str) -> Finish:
    """Oiled wood."""
    return Finish("wood", color)


def metal(color: str, roughness: float | None = None) -> Finish:
    """Brushed metal."""
    return Finish("metal", color, roughness=roughness)


def plastic(color: str, second: str = WHITE, pattern: str = "", size: float = 8.0) -> Finish:
    """Plastic."""
    return Finish("plastic", color, second, pattern, size)


def fabric(color: str, second: str = WHITE, pattern: str = "", size: float = 8.0) -> Finish:
    """Woven cloth."""
    return Finish("fabric", color, second, pattern, size)
