"""Articles of boards, cushions, legs and boxes: seats, tables, cabinets, clocks, bags."""

from __future__ import annotations

import numpy as np

from likewise.scenes.articles.draws import Draws
from likewise.scenes.geometry import (
    Part,
    both_sides,
    box,
    ellipsoid,
    handle,
    lathe,
    slab,
    smooth,
    superellipse,
    tube,
)


def _plate(draws: Draws, width: float, depth: float, thick: float, material: str) -> Part:
    """A board or cushion of a random plan."""
    bevel = thick * draws.pick((0.1, 0.3, 0.48))
    if draws.chance(0.5):
        return box(
            width,
            depth,
            thick,
            material,
            bevel=bevel,
            round_plan=draws.between(0.01, 0.45) * min(width, depth),
        )
    return slab(superellipse(width, depth, draws.between(1.6, 5.0), 64), thick, material, bevel=bevel)


def _legs(draws: Draws, width: float, depth: float, height: float, material: str) -> list[Part]:
    """Three to five legs, a column with a foot, or runners."""
    style, thick = (
        draws.pick(("four", "four", "four", "star", "column", "runner")),
        draws.between(0.012, 0.045),
    )
    splay = draws.between(0.9, 1.45)
    x, y = 0.4 * width, 0.4 * depth
    if style == "four":
        path = np.linspace((x, y, height), (x * splay, y * splay, 0.0), 8)
        leg = tube(path, np.linspace(thick, thick * draws.between(0.5, 1.1), 8), material, up=(0, 1, 0))
        bars = (
            [tube([(-x, y, height / 2), (x, y, height / 2)], thick * 0.6, material)]
            if draws.chance(0.3)
            else []
        )
        return both_sides(both_sides([leg, *bars], "x"), "y")
    if style == "star":
        count, reach = draws.whole(3, 5), max(x, y) * splay
        leg = tube(np.linspace((0.7 * reach, 0, height), (reach, 0, 0), 6), thick, material, up=(0, 1, 0))
        return [leg.turned("z", 360 / count * number + 20) for number in range(count)]
    if style == "column":
        wide = max(x, y) * draws.between(0.7, 1.2)
        knots = [
            (0, 0),
            (wide, 0),
            (wide, 0.02),
            (thick * 2, 0.08),
            (thick * 1.5, height * 0.6),
            (thick * 2.5, height),
        ]
        return [lathe(smooth([*knots, (0, height)], 60), material)]
    hoop = [(x, -y, height), (x, -y * splay, 0.02), (x, y * splay, 0.02), (x, y, height)]
    return both_sides(
        [tube(smooth(np.repeat(hoop, [1, 2, 2, 1], axis=0), 60), thick, material, up=(1, 0, 0))], "x"
    )


def seat(draws: Draws) -> list[Part]:
    """A chair, stool, bench or table."""
    width, depth = draws.between(0.35, 0.9), draws.between(0.34, 0.6)
    height, thick = draws.between(0.22, 0.75), draws.between(0.03, 0.16)
    parts = [
        _plate(draws, width, depth, thick, "second").moved(z=height),
        *_legs(draws, width, depth, height + 0.01, "main"),
    ]
    top = height + thick
    if draws.chance(0.35):
        parts.append(
            _plate(draws, 0.86 * width, 0.86 * depth, draws.between(0.03, 0.1), "detail").moved(z=top)
        )
    if draws.chance(0.55):
        rise, tilt = draws.between(0.25, 0.6), draws.between(-16, -2)
        back: list[Part]
        if draws.chance(0.5):
            back = [
                _plate(draws, 0.9 * width, rise, draws.between(0.03, 0.09), "second")
                .turned("x", 90)
                .moved(z=0.55 * rise + 0.03)
            ]
        else:
            count = draws.whole(2, 6)
            across = np.linspace(-0.42 * width, 0.42 * width, count)
            back = [tube([(x, 0, 0), (x, 0, rise)], 0.018, "main") for x in across]
            back.append(box(0.95 * width, 0.04, 0.09, "main", bevel=0.015).moved(z=rise))
        parts += [part.turned("x", tilt).moved(0, 0.44 * depth, top - 0.02) for part in back]
    if draws.chance(0.25):
        arm = box(0.07, 0.8 * depth, draws.between(0.04, 0.3), "main", bevel=0.02).moved(
            0.5 * width, 0, top + draws.between(0.0, 0.12)
        )
        parts += both_sides(
            [arm, tube([(0.5 * width, 0, height), (0.5 * width, 0, top + 0.12)], 0.02, "main")], "x"
        )
    return parts


def cabinet(draws: Draws) -> list[Part]:
    """A box with doors, drawers, dials or a face: a cabinet, a radio, a clock, an oven."""
    width, depth, height = draws.between(0.4, 1.0), draws.between(0.15, 0.5), draws.between(0.3, 1.0)
    lift = draws.pick((0.0, 0.08, 0.25))
    body = box(width, depth, height, "main", bevel=draws.between(0.005, 0.08)).moved(z=lift)
    parts = [body, *(_legs(draws, width, depth, lift + 0.01, "trim") if lift else [])]
    rows, columns = draws.whole(1, 3), draws.whole(1, 3)
    for row in range(rows):
        for column in range(columns):
            x = (column + 0.5) / columns * width - width / 2
            z = lift + (row + 0.5) / rows * height
            wide, tall = 0.78 * width / columns, 0.74 * height / rows
            kind = draws.pick(("panel", "panel", "disc", "none"))
            if kind == "panel":
                parts.append(
                    box(wide, 0.03, tall, draws.pick(("second", "detail")), bevel=0.01).moved(
                        x, -depth / 2 - 0.005, z - tall / 2
                    )
                )
            elif kind == "disc":
                size = min(wide, tall)
                disc = lathe(
                    smooth([(0, 0), (size / 2, 0), (size / 2, 0.0), (size / 2.2, 0.04), (0, 0.04)], 30),
                    "detail",
                )
                parts.append(disc.turned("x", 90).moved(x, -depth / 2 + 0.01, z))
            parts.append(
                ellipsoid(0.05, 0.06, 0.05, "trim").moved(
                    x + draws.pick((0.0, 0.3)) * wide, -depth / 2 - 0.04, z
                )
            )
    if draws.chance(0.4):
        arch = [
            (-0.3 * width, 0, lift + height),
            (-0.25 * width, 0, lift + height + 0.15),
            (0.25 * width, 0, lift + height + 0.15),
            (0.3 * width, 0, lift + height),
        ]
        parts.append(handle(arch, 0.02, "trim"))
    return parts


def bag(draws: Draws) -> list[Part]:
    """A bag, basket or case with handles."""
    width, depth, height = draws.between(0.4, 0.9), draws.between(0.15, 0.4), draws.between(0.3, 0.75)
    body = slab(
        superellipse(width, depth, draws.between(2.2, 6.0), 72),
        height,
        "main",
        bevel=draws.between(0.02, 0.12),
    )
    pull = draws.between(0.75, 1.2)
    share = 1 + (pull - 1) * body.vertices[:, 2:] / height
    body = Part(
        body.vertices * np.concatenate([share, share, np.ones_like(share)], axis=1), body.faces, "main"
    )
    top, rise = height - 0.02, draws.between(0.1, 0.45)
    wide = 0.3 * width * pull
    loop = handle(
        [
            (-wide, 0, top),
            (-0.9 * wide, 0, top + rise * 0.8),
            (0, 0, top + rise),
            (0.9 * wide, 0, top + rise * 0.8),
            (wide, 0, top),
        ],
        0.02,
        "trim",
        flatten=1.5,
    )
    parts = [
        body,
        *([loop] if draws.chance(0.5) else [loop.moved(0, 0.3 * depth), loop.moved(0, -0.3 * depth)]),
    ]
    if draws.chance(0.6):
        flap = draws.between(0.25, 0.7) * height
        parts.append(
            box(width * draws.between(0.4, 0.9), 0.03, flap, "second", bevel=0.012, round_plan=0.01).moved(
                0, -depth / 2 * max(pull, 1.0) - 0.0, draws.between(0.1, 0.3) * height
            )
        )
    if draws.chance(0.5):
        parts.append(box(0.1, 0.06, 0.07, "detail", bevel=0.01).moved(0, -depth / 2 - 0.02, 0.6 * height))
    return parts
