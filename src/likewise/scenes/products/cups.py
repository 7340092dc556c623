"""Mugs and bowls."""

from likewise.scenes.finishes import Finish
from likewise.scenes.geometry import Part, handle, lathe, line, vessel
from likewise.scenes.products.product import (
    BLACK,
    BLUSH,
    CHARCOAL,
    CREAM,
    MUSTARD,
    NAVY,
    RED,
    TEAL,
    TERRACOTTA,
    WHITE,
    Product,
    ceramic,
)


def _ear(
    radius: float, low: float, high: float, reach: float, thickness: float, *, flatten: float = 1.0
) -> Part:
    """A mug's handle at +x, rooted a little inside the wall."""
    middle = (low + high) / 2
    points = [
        (radius + 0.5 * thickness, 0, high),
        (radius + 0.55 * reach, 0, high + 0.02),
        (radius + reach, 0, middle + 0.1),
        (radius + 0.85 * reach, 0, low + 0.12),
        (radius + 0.35 * reach, 0, low),
        (radius + 0.5 * thickness, 0, low + 0.03),
    ]
    return handle(points, thickness, "glaze", flatten=flatten)


def camper() -> list[Part]:
    """A straight enamel mug with a coloured rim."""
    outer = line("0.36 0.0, 0.40 0.03, 0.42 0.12, 0.42 0.5, 0.425 0.84, 0.44 0.86")
    rim = lathe(line("0.425 0.835, 0.452 0.845, 0.455 0.862, 0.44 0.875, 0.42 0.87, 0.412 0.85"), "rim")
    return [
        *vessel(outer, 0.018, "glaze", inner_material="inside"),
        rim,
        _ear(0.42, 0.2, 0.7, 0.3, 0.036, flatten=1.6),
    ]


def latte() -> list[Part]:
    """A wide cup that narrows to a foot."""
    outer = line("0.22 0.0, 0.24 0.0, 0.235 0.05, 0.33 0.12, 0.46 0.32, 0.52 0.56, 0.535 0.7")
    return [*vessel(outer, 0.035, "glaze", inner_material="inside"), _ear(0.5, 0.26, 0.58, 0.24, 0.045)]


def tankard() -> list[Part]:
    """A tall, waisted mug with a big handle."""
    outer = line("0.38 0.0, 0.42 0.02, 0.425 0.1, 0.375 0.38, 0.36 0.6, 0.39 0.9, 0.415 1.02")
    return [
        *vessel(outer, 0.035, "glaze", inner_material="inside"),
        _ear(0.375, 0.2, 0.84, 0.34, 0.055, flatten=0.75),
    ]


def cereal() -> list[Part]:
    """A deep bowl on a foot ring."""
    outer = line("0.26 0.0, 0.28 0.0, 0.275 0.06, 0.42 0.14, 0.58 0.32, 0.64 0.54, 0.645 0.58")
    return vessel(outer, 0.035, "glaze", inner_material="inside")


def ramen() -> list[Part]:
    """A conical bowl with a flared rim and a high foot."""
    outer = line("0.24 0.0, 0.25 0.0, 0.23 0.1, 0.23 0.1, 0.4 0.2, 0.62 0.42, 0.72 0.56, 0.78 0.6")
    return vessel(outer, 0.03, "glaze", inner_material="inside")


def mortar() -> list[Part]:
    """A thick stone bowl with its pestle."""
    outer = line("0.34 0.0, 0.42 0.02, 0.44 0.1, 0.4 0.16, 0.5 0.3, 0.55 0.5, 0.56 0.66, 0.55 0.7")
    pestle = lathe(
        line(
            "0.0 0.0, 0.09 0.015, 0.12 0.08, 0.1 0.18, 0.055 0.34, 0.05 0.6, 0.075 0.72, 0.06 0.8, 0.0 0.82"
        ),
        "pestle",
        segments=40,
    )
    leaning = pestle.turned("y", 32).moved(-0.02, 0.0, 0.16)
    return [*vessel(outer, 0.1, "glaze", floor=0.14), leaning]


CUPS = (
    Product(
        "mug-camper",
        camper,
        {"glaze": ceramic(WHITE, NAVY, "speckle", 6), "inside": ceramic(WHITE), "rim": ceramic(NAVY)},
    ),
    Product("mug-latte", latte, {"glaze": ceramic(TERRACOTTA, CREAM, "dip", 0.36), "inside": ceramic(CREAM)}),
    Product("mug-tankard", tankard, {"glaze": ceramic(CREAM, TEAL, "bands", 8), "inside": ceramic(CREAM)}),
    Product("bowl-cereal", cereal, {"glaze": ceramic(WHITE, TEAL, "dots", 16), "inside": ceramic(WHITE)}),
    Product("bowl-ramen", ramen, {"glaze": ceramic(BLACK, RED, "collar", 0.36), "inside": ceramic(RED)}),
    Product(
        "bowl-mortar",
        mortar,
        {
            "glaze": Finish("clay", CHARCOAL, BLUSH, "speckle", 9),
            "pestle": Finish("clay", MUSTARD, roughness=0.5),
        },
    ),
)
