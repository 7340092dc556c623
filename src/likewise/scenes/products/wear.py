"""Hats and toys."""

import numpy as np

from likewise.arrays import Floats
from likewise.scenes.finishes import Finish
from likewise.scenes.geometry import (
    Part,
    both_sides,
    box,
    ellipsoid,
    grid_part,
    lathe,
    line,
    slab,
    smooth,
    smoothstep,
    torus,
)
from likewise.scenes.products.product import (
    BEECH,
    BLACK,
    BLUSH,
    CHARCOAL,
    CREAM,
    FOREST,
    MUSTARD,
    NAVY,
    RED,
    SKY,
    STRAW,
    TEAL,
    TERRACOTTA,
    Product,
    fabric,
    plastic,
    wood,
)


def _bent(part: Part, lift_x: float, lift_y: float, inner: float, outer: float) -> Part:
    """A brim rolled up (or down, below zero) at its sides and at its front and back."""
    x, y, z = part.vertices.T
    radius = np.hypot(x, y)
    share = smoothstep(radius, inner, outer)
    lifted = z + share * (lift_x * (x / (radius + 1e-9)) ** 2 + lift_y * (y / (radius + 1e-9)) ** 2)
    return Part(np.column_stack([x, y, lifted]), part.faces, part.material, part.sharp_deg)


def _brim(
    inner: float, outer: float, height: float, thickness: float, material: str, *, droop: float = 0.0
) -> Part:
    r = np.linspace(inner, outer, 24)
    fall = height - droop * ((r - inner) / (outer - inner)) ** 2
    top, bottom = np.column_stack([r, fall + thickness / 2]), np.column_stack([r, fall - thickness / 2])
    tip = np.array([[outer + thickness / 2, fall[-1]]])
    return lathe(np.concatenate([bottom, tip, top[::-1]]), material, segments=96)


def fedora() -> list[Part]:
    """A felt hat with a creased crown and a band."""
    crown = lathe(
        smooth(line("0.3 0.0, 0.3 0.06, 0.275 0.24, 0.24 0.34, 0.15 0.37, 0.0 0.365"), 60),
        "felt",
        segments=96,
    )
    x, y, z = crown.vertices.T
    crease = (
        0.075 * np.exp(-((x / 0.075) ** 2)) * smoothstep(z, 0.2, 0.34) * np.clip(1 - (y / 0.34) ** 2, 0, 1)
    )
    pinch = 1 - 0.2 * np.exp(-(((z - 0.3) / 0.09) ** 2)) * smoothstep(-y, 0.0, 0.2)
    crown = Part(np.column_stack([x * pinch, y, z - crease]), crown.faces, "felt")
    band = lathe(line("0.303 0.005, 0.307 0.012, 0.303 0.075, 0.297 0.08"), "band", segments=96)
    brim = _bent(_brim(0.29, 0.5, 0.01, 0.014, "felt"), 0.1, -0.03, 0.3, 0.5)
    bow = box(0.02, 0.1, 0.07, "band", bevel=0.009).moved(0.305, 0.0, 0.007)
    return [part.scaled(0.86, 1.0, 1.0).moved(z=0.03) for part in (crown, band, brim, bow)]


def sun_hat() -> list[Part]:
    """A wide straw hat."""
    crown = lathe(
        smooth(line("0.29 0.0, 0.29 0.05, 0.27 0.16, 0.2 0.23, 0.0 0.25"), 48), "straw", segments=96
    )
    band = lathe(line("0.292 0.004, 0.297 0.012, 0.292 0.075, 0.286 0.08"), "band", segments=96)
    brim = _bent(_brim(0.28, 0.68, 0.01, 0.014, "straw", droop=0.04), -0.06, 0.05, 0.3, 0.7)
    tail = [
        slab(line("-0.03 0, 0.03 0, 0.04 -0.2, 0.0 -0.17, -0.035 -0.2"), 0.006, "band")
        .turned("z", turn)
        .moved(0.05, -0.3, 0.03)
        for turn in (-14, 22)
    ]
    return [crown, band, brim, *tail]


def baseball_cap() -> list[Part]:
    """A six-panel cap with a curved peak."""

    def panels(angle: Floats, height: Floats) -> Floats:
        seam = np.abs(np.sin(3 * angle))
        factor: Floats = 1 - 0.012 * np.exp(-((seam / 0.07) ** 2))[None, :] * np.ones_like(height)
        return factor

    dome = lathe(
        smooth(line("0.3 0.0, 0.305 0.02, 0.3 0.12, 0.25 0.25, 0.14 0.33, 0.0 0.355"), 56),
        "cloth",
        segments=180,
        outline=panels,
    )
    turn = np.linspace(-1.05, 1.05, 48)
    out = np.linspace(0.0, 1.0, 20)
    reach = 0.3 * np.cos(turn * 0.9)[:, None] ** 0.7 * out[None, :]
    x = (0.3 + 0.25 * reach) * np.sin(turn)[:, None]
    y = -0.3 * np.cos(turn)[:, None] - reach
    z = 0.03 - 0.2 * x**2 * out[None, :] - 0.03 * out[None, :] ** 2
    top = grid_part(np.stack([x, y, z + 0.008], axis=-1)[::-1], "peak")
    under = grid_part(np.stack([x, y, z - 0.004], axis=-1), "under")
    button = ellipsoid(0.05, 0.05, 0.03, "peak").moved(z=0.357)
    badge = ellipsoid(0.14, 0.03, 0.12, "badge").turned("x", -18).moved(0, -0.285, 0.13)
    return [part.scaled(0.9, 1.0, 1.0) for part in (dome, top, under, button, badge)]


def stacker() -> list[Part]:
    """A baby's tower of rings on a rod."""
    base = lathe(smooth(line("0.0 0.0, 0.34 0.0, 0.36 0.02, 0.34 0.06, 0.1 0.075, 0.0 0.075"), 40), "wood")
    rings, height = [], 0.075
    for index, (radius, thickness) in enumerate(
        ((0.22, 0.09), (0.2, 0.083), (0.175, 0.077), (0.15, 0.07), (0.125, 0.064))
    ):
        height += thickness
        rings.append(torus(radius, thickness, f"ring{index}").moved(z=height))
        height += thickness * 0.95
    ball = ellipsoid(0.16, 0.16, 0.16, "ball").moved(z=height + 0.05)
    return [base, *rings, ball]


def train() -> list[Part]:
    """A wooden engine."""
    frame = box(0.86, 0.26, 0.07, "wood", bevel=0.02).moved(0, 0, 0.13)
    boiler = lathe(
        smooth(line("0.0 -0.3, 0.1 -0.3, 0.13 -0.28, 0.13 -0.26, 0.13 0.22, 0.0 0.22"), 60), "boiler"
    ).turned("y", -90)
    boiler = boiler.moved(-0.1, 0, 0.32)
    cab = box(0.27, 0.27, 0.36, "cab", bevel=0.025).moved(0.25, 0, 0.19)
    window = [box(0.13, 0.29, 0.12, "window", bevel=0.02).moved(0.25, 0, 0.36)]
    roof = box(0.35, 0.34, 0.045, "roof", bevel=0.02).moved(0.25, 0, 0.55)
    chimney = lathe(
        smooth(line("0.0 0.0, 0.045 0.0, 0.045 0.1, 0.045 0.1, 0.075 0.17, 0.07 0.18, 0.0 0.18"), 40), "roof"
    ).moved(-0.27, 0, 0.43)
    dome = ellipsoid(0.12, 0.12, 0.16, "accent").moved(-0.06, 0, 0.45)
    lamp = ellipsoid(0.06, 0.1, 0.1, "accent").moved(-0.41, 0, 0.33)
    wheel = [
        lathe(
            smooth([(0.0, 0.0), (r, 0.0), (r, 0.0), (r, 0.05), (r * 0.8, 0.065), (0.0, 0.065)], 40),
            "wheel",
            segments=48,
        )
        for r in (0.115, 0.16)
    ]
    hub = ellipsoid(0.06, 0.06, 0.04, "accent")
    turned = [
        piece.turned("x", 90).moved(x, -0.13, z)
        for x, z, piece in ((-0.28, 0.115, wheel[0]), (-0.02, 0.115, wheel[0]), (0.27, 0.16, wheel[1]))
    ]
    hubs = [hub.turned("x", 90).moved(x, -0.2, z) for x, z in ((-0.28, 0.115), (-0.02, 0.115), (0.27, 0.16))]
    buffer = [ellipsoid(0.08, 0.08, 0.08, "accent").moved(-0.45, y, 0.165) for y in (-0.08, 0.08)]
    return [frame, boiler, cab, *window, roof, chimney, dome, lamp, *both_sides([*turned, *hubs]), *buffer]


def duck() -> list[Part]:
    """A bath duck."""
    body = ellipsoid(0.62, 0.46, 0.4, "body", power=2.2)
    x, y, z = body.vertices.T
    raised = z + 0.2 * smoothstep(x, 0.1, 0.36) * smoothstep(z, -0.1, 0.15)
    narrowed = y * (1 - 0.45 * smoothstep(x, 0.05, 0.33))
    body = Part(np.column_stack([x, narrowed, np.maximum(raised, -0.16)]), body.faces, "body").moved(
        0.05, 0, 0.16
    )
    neck = ellipsoid(0.26, 0.26, 0.3, "body").moved(-0.15, 0, 0.36)
    head = ellipsoid(0.32, 0.31, 0.3, "body").moved(-0.18, 0, 0.51)
    upper = ellipsoid(0.2, 0.17, 0.05, "beak").turned("y", 8).moved(-0.34, 0, 0.49)
    lower = ellipsoid(0.15, 0.14, 0.04, "beak").turned("y", -8).moved(-0.33, 0, 0.46)
    wing = ellipsoid(0.34, 0.09, 0.2, "body").turned("y", -14).turned("z", 6).moved(0.1, -0.22, 0.22)
    eye = ellipsoid(0.045, 0.02, 0.06, "eye").turned("z", -38).moved(-0.285, -0.112, 0.55)
    return [body, neck, head, upper, lower, *both_sides([wing, eye])]


WEAR = (
    Product("hat-fedora", fedora, {"felt": fabric(CHARCOAL), "band": Finish("leather", TERRACOTTA)}),
    Product("hat-sun", sun_hat, {"straw": Finish("straw", STRAW), "band": fabric(RED)}),
    Product(
        "hat-cap",
        baseball_cap,
        {"cloth": fabric(NAVY), "peak": fabric(RED), "under": fabric(FOREST), "badge": fabric(CREAM)},
    ),
    Product(
        "toy-stacker",
        stacker,
        {
            "wood": wood(BEECH),
            "ring0": plastic(TEAL),
            "ring1": plastic(MUSTARD),
            "ring2": plastic(TERRACOTTA),
            "ring3": plastic(SKY),
            "ring4": plastic(BLUSH),
            "ball": plastic(RED),
        },
    ),
    Product(
        "toy-train",
        train,
        {
            "wood": wood(BEECH),
            "boiler": plastic(FOREST),
            "cab": plastic(RED),
            "roof": plastic(BLACK),
            "window": plastic(SKY),
            "accent": plastic(MUSTARD),
            "wheel": plastic(NAVY),
        },
    ),
    Product(
        "toy-duck", duck, {"body": plastic("#f2c21b"), "beak": plastic(TERRACOTTA), "eye": plastic(BLACK)}
    ),
)
