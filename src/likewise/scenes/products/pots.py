"""Teapots and kettles."""

import numpy as np
from numpy.typing import ArrayLike

from likewise.arrays import Floats
from likewise.scenes.finishes import Finish
from likewise.scenes.geometry import Part, box, ellipsoid, handle, lathe, line, smooth, torus, tube
from likewise.scenes.products.product import (
    BLACK,
    BRASS,
    CHARCOAL,
    COPPER,
    CREAM,
    FOREST,
    MUSTARD,
    NAVY,
    OAK,
    RED,
    SAGE,
    STEEL,
    WALNUT,
    WHITE,
    Product,
    ceramic,
    metal,
    plastic,
    wood,
)


def _spout(points: ArrayLike, first: float, last: float, material: str) -> Part:
    """A tapering spout towards -x through (x, z) points."""
    across, height = np.asarray(points, dtype=np.float64).T
    path = smooth(np.column_stack([across, 0 * across, height]), 30)
    radius = np.linspace(first, last, 30)
    return tube(path, radius, material, up=(0.0, 1.0, 0.0))


def _knob(height: float, radius: float, material: str) -> Part:
    profile = smooth(
        [
            (radius * 0.45, 0.0),
            (radius * 0.4, 0.5 * radius),
            (radius, 1.2 * radius),
            (radius * 0.7, 1.9 * radius),
            (0.0, 2.05 * radius),
        ],
        24,
    )
    return lathe(profile, material, segments=32).moved(z=height)


def round_teapot() -> list[Part]:
    """The classic: a ball with lid, spout and ear handle."""
    body = smooth(
        line("0.0 0.0, 0.3 0.0, 0.31 0.03, 0.31 0.03, 0.46 0.16, 0.52 0.38, 0.42 0.62, 0.26 0.71"), 60
    )
    lid = smooth(line("0.275 0.70, 0.28 0.72, 0.2 0.775, 0.1 0.8, 0.0 0.805"), 24)
    spout = _spout(line("-0.42 0.25, -0.6 0.3, -0.7 0.5, -0.82 0.66"), 0.13, 0.045, "glaze")
    ear = handle(line("0.42 0 0.58, 0.62 0 0.66, 0.78 0 0.5, 0.72 0 0.28, 0.46 0 0.2"), 0.042, "glaze")
    return [lathe(body, "glaze"), lathe(lid, "lid"), _knob(0.79, 0.055, "lid"), spout, ear]


def iron_teapot() -> list[Part]:
    """A flat cast pot with a bail handle."""
    body = smooth(line("0.0 0.0, 0.36 0.0, 0.38 0.02, 0.56 0.2, 0.58 0.3, 0.5 0.44, 0.28 0.53"), 60)

    def ribs(angle: Floats, height: Floats) -> Floats:
        near = np.clip(1 - np.abs(height - 0.27) / 0.2, 0, 1)
        factor: Floats = 1 + 0.014 * near * np.cos(36 * angle)[None, :]
        return factor

    lid = smooth(line("0.29 0.52, 0.3 0.54, 0.2 0.575, 0.0 0.59"), 24)
    spout = _spout(line("-0.46 0.24, -0.64 0.32, -0.76 0.5"), 0.11, 0.055, "iron")
    turn = np.linspace(0, np.pi, 40)
    bail = tube(
        np.column_stack([0.4 * np.cos(turn), 0 * turn, 0.44 + 0.5 * np.sin(turn)]),
        0.026,
        "bail",
        up=(0, 1, 0),
    )
    lugs = [box(0.1, 0.07, 0.1, "iron", bevel=0.03).moved(x, 0, 0.42) for x in (-0.4, 0.4)]
    return [
        lathe(body, "iron", outline=ribs, segments=180),
        lathe(lid, "iron"),
        _knob(0.58, 0.045, "bail"),
        spout,
        bail,
        *lugs,
    ]


def tall_teapot() -> list[Part]:
    """A slim coffee pot with a long spout."""
    body = smooth(line("0.0 0.0, 0.32 0.0, 0.34 0.02, 0.34 0.2, 0.28 0.6, 0.23 0.92, 0.245 0.98"), 60)
    lid = smooth(line("0.25 0.975, 0.25 1.0, 0.16 1.07, 0.0 1.1"), 24)
    spout = _spout(line("-0.28 0.3, -0.48 0.4, -0.54 0.68, -0.66 0.9"), 0.09, 0.035, "glaze")
    ear = handle(line("0.24 0 0.86, 0.5 0 0.9, 0.56 0 0.6, 0.48 0 0.34, 0.3 0 0.26"), 0.036, "wood")
    return [lathe(body, "glaze"), lathe(lid, "lid"), _knob(1.09, 0.045, "wood"), spout, ear]


def gooseneck() -> list[Part]:
    """A pour-over kettle with a thin curved spout."""
    body = smooth(line("0.0 0.0, 0.42 0.0, 0.44 0.02, 0.43 0.1, 0.3 0.48, 0.28 0.54"), 48)
    lid = smooth(line("0.285 0.535, 0.285 0.555, 0.2 0.575, 0.0 0.58"), 20)
    spout = _spout(line("-0.4 0.14, -0.62 0.12, -0.7 0.34, -0.72 0.56, -0.86 0.64"), 0.06, 0.024, "metal")
    grip = handle(
        line("0.3 0 0.5, 0.52 0 0.56, 0.68 0 0.52, 0.7 0 0.3, 0.66 0 0.14"), 0.042, "grip", flatten=0.8
    )
    return [lathe(body, "metal"), lathe(lid, "metal"), _knob(0.575, 0.05, "grip"), spout, grip]


def whistling() -> list[Part]:
    """A stove kettle with an arched handle."""
    body = smooth(line("0.0 0.0, 0.46 0.0, 0.52 0.04, 0.53 0.16, 0.44 0.42, 0.24 0.56, 0.2 0.57"), 56)
    base = lathe(line("0.0 -0.004, 0.505 -0.004, 0.535 0.02, 0.54 0.06, 0.525 0.075"), "base")
    lid = smooth(line("0.215 0.565, 0.215 0.585, 0.12 0.61, 0.0 0.62"), 20)
    spout = _spout(line("-0.4 0.3, -0.54 0.42, -0.62 0.52"), 0.12, 0.07, "metal")
    cap = ellipsoid(0.17, 0.17, 0.12, "grip").turned("y", 40).moved(-0.635, 0, 0.535)
    turn = np.linspace(0.1, np.pi - 0.1, 40)
    arch = tube(
        np.column_stack([0.4 * np.cos(turn), 0 * turn, 0.44 + 0.44 * np.sin(turn)]),
        0.022,
        "base",
        up=(0, 1, 0),
    )
    hold = np.linspace(0.9, np.pi - 0.9, 24)
    grip = tube(
        np.column_stack([0.4 * np.cos(hold), 0 * hold, 0.44 + 0.44 * np.sin(hold)]),
        0.045,
        "grip",
        up=(0, 1, 0),
    )
    return [
        lathe(body, "metal"),
        base,
        lathe(lid, "metal"),
        _knob(0.61, 0.05, "grip"),
        spout,
        cap,
        arch,
        grip,
    ]


def electric() -> list[Part]:
    """A jug kettle on its stand."""
    stand = lathe(smooth(line("0.0 0.0, 0.42 0.0, 0.43 0.0, 0.43 0.05, 0.4 0.075, 0.0 0.08"), 30), "grip")
    body = smooth(line("0.0 0.09, 0.37 0.09, 0.385 0.1, 0.385 0.12, 0.37 0.4, 0.315 0.86, 0.31 0.9"), 48)
    lid = smooth(line("0.315 0.895, 0.31 0.92, 0.22 0.955, 0.0 0.965"), 20)
    beak = _spout(line("-0.2 0.72, -0.33 0.8, -0.41 0.87"), 0.13, 0.06, "metal")
    grip = handle(
        line("0.27 0 0.92, 0.5 0 0.96, 0.58 0 0.84, 0.56 0 0.5, 0.5 0 0.26, 0.36 0 0.22"),
        0.05,
        "grip",
        flatten=1.25,
    )
    gauge = box(0.02, 0.07, 0.42, "gauge", bevel=0.01).moved(0, 0, 0).turned("y", -6).moved(0, -0.345, 0.3)
    ring = torus(0.383, 0.014, "trim").moved(z=0.135)
    return [stand, lathe(body, "metal"), lathe(lid, "grip"), beak, grip, gauge, ring]


POTS = (
    Product("teapot-round", round_teapot, {"glaze": ceramic(SAGE), "lid": ceramic(CREAM)}),
    Product("teapot-iron", iron_teapot, {"iron": Finish("clay", BLACK, roughness=0.5), "bail": metal(BRASS)}),
    Product(
        "teapot-tall",
        tall_teapot,
        {"glaze": ceramic(WHITE, NAVY, "zigzag", 9), "lid": ceramic(NAVY), "wood": wood(OAK)},
    ),
    Product("kettle-gooseneck", gooseneck, {"metal": metal(COPPER), "grip": wood(WALNUT)}),
    Product(
        "kettle-whistling", whistling, {"metal": ceramic(RED), "base": metal(STEEL), "grip": plastic(BLACK)}
    ),
    Product(
        "kettle-electric",
        electric,
        {
            "metal": ceramic(FOREST),
            "grip": plastic(CHARCOAL),
            "gauge": plastic(CREAM),
            "trim": metal(MUSTARD),
        },
    ),
)
