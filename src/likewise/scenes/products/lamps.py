"""Lamps and headphones."""

import numpy as np
from numpy.typing import ArrayLike

from likewise.scenes.finishes import Finish
from likewise.scenes.geometry import (
    Part,
    both_sides,
    box,
    ellipsoid,
    handle,
    lathe,
    line,
    slab,
    smooth,
    superellipse,
    torus,
    tube,
)
from likewise.scenes.products.product import (
    BLACK,
    BRASS,
    CHARCOAL,
    CREAM,
    GUNMETAL,
    MUSTARD,
    NAVY,
    RED,
    STEEL,
    TEAL,
    TERRACOTTA,
    WHITE,
    Product,
    ceramic,
    fabric,
    metal,
    plastic,
)

_BULB = Finish("glow", "#ffd9a0")


def _shell(profile: ArrayLike, thickness: float, outside: str, inside: str, count: int = 40) -> list[Part]:
    """A thin open shade, seen from both sides, from its lower rim upwards."""
    outer = smooth(profile, count)
    return [lathe(outer, outside), lathe((outer - [thickness, 0.0])[::-1], inside)]


def table_lamp() -> list[Part]:
    """A turned ceramic foot under a conical cloth shade."""
    foot = smooth(
        line(
            "0.0 0.0, 0.2 0.0, 0.21 0.02, 0.2 0.05, 0.1 0.08, 0.18 0.2, 0.22 0.32, 0.15 0.48, 0.05 0.56, 0.04 0.66"
        ),
        60,
    )
    stem = lathe([(0.018, 0.6), (0.018, 0.78)], "brass", segments=24)
    bulb = ellipsoid(0.12, 0.12, 0.16, "bulb", segments=24).moved(z=0.84)
    shade = _shell(line("0.38 0.62, 0.3 0.86, 0.22 1.08"), 0.008, "shade", "shade")
    rims = [torus(0.38, 0.008, "brass").moved(z=0.62), torus(0.22, 0.008, "brass").moved(z=1.08)]
    return [lathe(foot, "foot"), stem, bulb, *shade, *rims]


def desk_lamp() -> list[Part]:
    """A jointed work lamp with a metal cone."""
    base = lathe(smooth(line("0.0 0.0, 0.22 0.0, 0.23 0.0, 0.23 0.03, 0.2 0.05, 0.0 0.055"), 30), "paint")
    lower = tube([(0.1, 0, 0.05), (0.26, 0, 0.5)], 0.02, "steel")
    upper = tube([(0.26, 0, 0.5), (-0.14, 0, 0.86)], 0.02, "steel")
    joints = [
        ellipsoid(0.08, 0.09, 0.08, "paint").moved(*place)
        for place in ((0.1, 0, 0.07), (0.26, 0, 0.5), (-0.14, 0, 0.86))
    ]
    cone = _shell(line("0.21 -0.2, 0.19 -0.15, 0.11 -0.02, 0.07 0.06, 0.06 0.12"), 0.008, "paint", "inside")
    cap = lathe(smooth(line("0.06 0.12, 0.055 0.15, 0.0 0.16"), 12), "paint")
    bulb = ellipsoid(0.13, 0.13, 0.16, "bulb", segments=24).moved(z=-0.08)
    head = [part.turned("y", 32).moved(-0.2, 0, 0.8) for part in (*cone, cap, bulb)]
    return [base, lower, upper, *joints, *head]


def mushroom_lamp() -> list[Part]:
    """A dome on a trumpet foot, both of one material."""
    foot = smooth(line("0.0 0.0, 0.26 0.0, 0.27 0.015, 0.2 0.05, 0.1 0.16, 0.075 0.36, 0.09 0.5"), 48)
    dome = _shell(line("0.42 0.44, 0.43 0.47, 0.37 0.66, 0.2 0.8, 0.0 0.84"), 0.012, "shade", "inside")
    bulb = ellipsoid(0.16, 0.16, 0.18, "bulb", segments=24).moved(z=0.58)
    return [lathe(foot, "foot"), *dome, bulb, torus(0.424, 0.01, "foot").moved(z=0.442)]


def _band(
    width: float,
    height: float,
    base: float,
    radius: float,
    material: str,
    *,
    flatten: float,
    pad: float = 0.0,
) -> Part:
    turn = np.linspace(0.12, np.pi - 0.12, 48)
    path = np.column_stack([(width - pad) * np.cos(turn), 0 * turn, base + (height - pad) * np.sin(turn)])
    return tube(path, radius, material, flatten=flatten, up=(0.0, 1.0, 0.0))


def _cup(width: float, height: float, depth: float, power: float, *, shell: str, pad: str) -> list[Part]:
    """An ear cup at +x: hard shell outside, soft ring inside, standing upright around the origin."""
    outline = superellipse(width, height, power, 56)
    hard = slab(outline, depth, shell, bevel=depth * 0.45)
    soft = slab(outline * 1.06, depth * 0.75, pad, bevel=depth * 0.36).moved(z=-depth * 0.72)
    return [part.turned("z", 90).turned("y", 90) for part in (hard, soft)]


def studio_headphones() -> list[Part]:
    """Large closed cups under a wide padded band."""
    cup = [
        part.turned("y", 8).moved(0.37, 0, 0.23)
        for part in _cup(0.34, 0.44, 0.12, 2.4, shell="shell", pad="pad")
    ]
    ring = torus(0.1, 0.012, "metal").turned("y", 98).moved(0.495, 0, 0.22)
    fork = handle(line("0.43 0 0.45, 0.44 0 0.52, 0.4 0 0.62"), 0.022, "metal", flatten=2.0)
    arch = _band(0.42, 0.46, 0.52, 0.05, "shell", flatten=1.9)
    cushion = _band(0.42, 0.46, 0.52, 0.05, "pad", flatten=1.7, pad=0.05)
    return [*both_sides([*cup, ring, fork], "x"), arch, cushion]


def slim_headphones() -> list[Part]:
    """Small round cups on a thin steel band."""
    cup = [
        part.turned("y", 6).moved(0.34, 0, 0.2)
        for part in _cup(0.3, 0.3, 0.07, 2.0, shell="shell", pad="pad")
    ]
    slide = handle(line("0.38 0 0.16, 0.4 0 0.4, 0.38 0 0.56"), 0.02, "metal", flatten=1.2)
    disc = (
        lathe(smooth(line("0.0 0.03, 0.06 0.028, 0.07 0.0"), 14)[::-1], "accent", segments=32)
        .turned("y", 96)
        .moved(0.405, 0, 0.195)
    )
    return [*both_sides([*cup, slide, disc], "x"), _band(0.38, 0.46, 0.52, 0.018, "metal", flatten=2.2)]


def gaming_headphones() -> list[Part]:
    """Angular cups with a microphone."""
    cup = [
        part.turned("y", 8).moved(0.36, 0, 0.25)
        for part in _cup(0.36, 0.48, 0.11, 4.5, shell="shell", pad="pad")
    ]
    glow = (
        box(0.16, 0.26, 0.02, "accent", bevel=0.008, round_plan=0.05)
        .turned("z", 90)
        .turned("y", 98)
        .moved(0.47, 0, 0.235)
    )
    boom = handle(line("0.38 -0.1 0.12, 0.36 -0.3 0.06, 0.24 -0.44 0.05, 0.1 -0.5 0.06"), 0.014, "metal")
    tip = ellipsoid(0.12, 0.06, 0.06, "pad").moved(0.08, -0.5, 0.06)
    return [
        *both_sides([*cup, glow], "x"),
        _band(0.43, 0.5, 0.46, 0.055, "shell", flatten=1.6),
        _band(0.43, 0.5, 0.46, 0.04, "pad", flatten=1.9, pad=0.06),
        boom,
        tip,
    ]


LAMPS = (
    Product(
        "lamp-table",
        table_lamp,
        {"foot": ceramic(NAVY), "shade": Finish("shade", CREAM), "brass": metal(BRASS), "bulb": _BULB},
    ),
    Product(
        "lamp-desk",
        desk_lamp,
        {"paint": ceramic(RED), "steel": metal(STEEL), "inside": plastic(WHITE), "bulb": _BULB},
    ),
    Product(
        "lamp-mushroom",
        mushroom_lamp,
        {"foot": ceramic(MUSTARD), "shade": ceramic(MUSTARD), "inside": plastic(CREAM), "bulb": _BULB},
    ),
    Product(
        "headphones-studio",
        studio_headphones,
        {"shell": plastic(BLACK), "pad": Finish("leather", "#5a3a24"), "metal": metal(STEEL)},
    ),
    Product(
        "headphones-slim",
        slim_headphones,
        {"shell": plastic(CREAM), "pad": fabric(CHARCOAL), "metal": metal(BRASS), "accent": metal(BRASS)},
    ),
    Product(
        "headphones-gaming",
        gaming_headphones,
        {
            "shell": plastic(WHITE),
            "pad": fabric(TEAL),
            "metal": plastic(GUNMETAL),
            "accent": plastic(TERRACOTTA),
        },
    ),
)
