"""Bottles and vases."""

import numpy as np

from likewise.arrays import Floats
from likewise.scenes.finishes import Finish
from likewise.scenes.geometry import Part, both_sides, handle, lathe, line, smooth, torus, vessel
from likewise.scenes.products.product import (
    BLACK,
    BLUSH,
    CREAM,
    MUSTARD,
    NAVY,
    OAK,
    PLUM,
    STEEL,
    TEAL,
    TERRACOTTA,
    WHITE,
    Product,
    ceramic,
    metal,
    plastic,
    wood,
)


def _sleeve(radius: float, low: float, high: float, material: str) -> Part:
    """A label around a bottle."""
    return lathe(
        [(radius - 0.004, low), (radius, low + 0.004), (radius, high - 0.004), (radius - 0.004, high)],
        material,
    )


def wine() -> list[Part]:
    """A wine bottle with label and capsule."""
    body = smooth(
        line(
            "0.0 0.02, 0.14 0.0, 0.165 0.02, 0.17 0.05, 0.17 0.05, 0.17 0.57, 0.17 0.57, "
            "0.135 0.71, 0.068 0.82, 0.06 0.9, 0.06 1.06, 0.06 1.08, 0.0 1.08"
        ),
        90,
    )
    capsule = lathe(
        line("0.066 0.93, 0.068 0.94, 0.067 1.05, 0.074 1.055, 0.074 1.085, 0.06 1.095, 0.0 1.096"), "cap"
    )
    return [
        lathe(body, "body"),
        capsule,
        _sleeve(0.1735, 0.16, 0.5, "label"),
        _sleeve(0.1745, 0.4, 0.44, "band"),
    ]


def flask() -> list[Part]:
    """An insulated drinking bottle with a loop on its cap."""
    body = smooth(
        line(
            "0.0 0.0, 0.17 0.0, 0.19 0.02, 0.19 0.03, 0.19 0.03, 0.19 0.62, 0.19 0.62, 0.175 0.7, 0.125 0.78, 0.12 0.8"
        ),
        70,
    )
    neck = lathe([(0.118, 0.79), (0.118, 0.83)], "steel")
    cap = lathe(
        smooth(line("0.13 0.825, 0.138 0.84, 0.138 0.84, 0.138 0.93, 0.125 0.95, 0.0 0.952"), 30), "cap"
    )
    loop = handle(
        line("-0.1 0 0.93, -0.09 0 1.02, 0 0 1.06, 0.09 0 1.02, 0.1 0 0.93"), 0.022, "cap", flatten=1.8
    )
    base = lathe(line("0.0 -0.002, 0.175 -0.002, 0.195 0.015, 0.195 0.07, 0.188 0.075"), "cap")
    return [lathe(body, "body"), neck, cap, loop, base]


def apothecary() -> list[Part]:
    """A pharmacy bottle with a pump."""
    body = smooth(
        line(
            "0.0 0.0, 0.2 0.0, 0.225 0.02, 0.23 0.05, 0.23 0.05, 0.23 0.42, 0.23 0.42, "
            "0.2 0.53, 0.1 0.6, 0.085 0.62, 0.085 0.66"
        ),
        70,
    )
    collar = lathe(smooth(line("0.1 0.64, 0.1 0.64, 0.1 0.73, 0.09 0.745, 0.035 0.75, 0.03 0.75"), 24), "cap")
    stem = lathe([(0.03, 0.74), (0.03, 0.84)], "cap")
    head = lathe(smooth(line("0.0 0.83, 0.06 0.83, 0.065 0.86, 0.05 0.885, 0.0 0.89"), 24), "cap")
    nozzle = handle(line("0 0 0.86, -0.1 0 0.865, -0.18 0 0.85, -0.2 0 0.81"), 0.024, "cap")
    return [
        lathe(body, "body"),
        collar,
        stem,
        head,
        nozzle,
        _sleeve(0.2335, 0.1, 0.4, "label"),
        _sleeve(0.2345, 0.14, 0.17, "band"),
    ]


def amphora() -> list[Part]:
    """A vase with two handles."""
    outer = line("0.18 0.0, 0.2 0.0, 0.17 0.06, 0.3 0.3, 0.38 0.55, 0.3 0.78, 0.13 0.9, 0.12 1.0, 0.17 1.1")
    ear = handle(line("0.12 0 1.02, 0.28 0 1.04, 0.36 0 0.92, 0.34 0 0.72"), 0.03, "glaze", flatten=1.4)
    return [*vessel(outer, 0.03, "glaze", count=80), *both_sides([ear], "x")]


def fluted() -> list[Part]:
    """A tall vase with deep vertical flutes."""
    outer = line("0.2 0.0, 0.23 0.01, 0.27 0.12, 0.3 0.4, 0.24 0.7, 0.17 0.92, 0.22 1.1, 0.25 1.14")

    def flutes(angle: Floats, height: Floats) -> Floats:
        depth = np.clip(np.minimum(height / 0.1, (1.12 - height) / 0.15), 0, 1) * 0.05
        factor: Floats = 1 - depth * np.abs(np.sin(9 * angle))[None, :]
        return factor

    return vessel(outer, 0.025, "glaze", count=80, segments=216, outline=flutes)


def moon() -> list[Part]:
    """A flat round vase with a short neck and a turned ring."""
    outer = line("0.2 0.0, 0.22 0.01, 0.4 0.14, 0.5 0.4, 0.42 0.66, 0.2 0.8, 0.13 0.84, 0.13 0.9, 0.16 0.95")
    return [
        *[part.scaled(1, 0.62, 1) for part in vessel(outer, 0.025, "glaze", count=80)],
        torus(0.14, 0.018, "ring").scaled(1, 0.62, 1).moved(z=0.845),
    ]


VESSELS = (
    Product(
        "bottle-wine",
        wine,
        {
            "body": Finish("glass", "#1d3a22"),
            "cap": plastic(PLUM),
            "label": plastic(CREAM),
            "band": plastic(PLUM),
        },
    ),
    Product(
        "bottle-flask",
        flask,
        {
            "body": Finish("metal", TEAL, WHITE, "collar", 0.3, 0.4),
            "cap": plastic(BLACK),
            "steel": metal(STEEL),
        },
    ),
    Product(
        "bottle-pump",
        apothecary,
        {
            "body": Finish("glass", "#8a4312"),
            "cap": plastic(BLACK),
            "label": plastic(WHITE),
            "band": plastic(MUSTARD),
        },
    ),
    Product("vase-amphora", amphora, {"glaze": Finish("clay", TERRACOTTA, BLACK, "bands", 5)}),
    Product("vase-fluted", fluted, {"glaze": ceramic(BLUSH)}),
    Product("vase-moon", moon, {"glaze": ceramic(NAVY, CREAM, "speckle", 5), "ring": wood(OAK)}),
)
