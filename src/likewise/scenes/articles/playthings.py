"""Articles to play with, wear or hold: vehicles, animals, hats, tools, headphones."""

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
    torus,
    tube,
)


def vehicle(draws: Draws) -> list[Part]:
    """A toy on wheels: blocks, cabins, loads."""
    long, wide, radius = draws.between(0.6, 1.0), draws.between(0.24, 0.4), draws.between(0.07, 0.17)
    low = radius * draws.between(0.7, 1.2)
    parts = [box(long, wide, draws.between(0.08, 0.25), "main", bevel=draws.between(0.01, 0.05)).moved(z=low)]
    for _ in range(draws.whole(1, 4)):
        x, size = draws.between(-0.4, 0.4) * long, draws.between(0.14, 0.34)
        material, z = draws.pick(("main", "second", "detail", "trim")), low + 0.1
        shape = draws.pick(("box", "ball", "drum"))
        if shape == "box":
            piece = box(size, 0.9 * wide, size * draws.between(0.6, 1.6), material, bevel=0.03)
        elif shape == "ball":
            piece = ellipsoid(size, 0.9 * wide, 1.4 * size, material).moved(z=0.4 * size)
        else:
            piece = lathe(
                smooth(
                    [(0, 0), (size / 2, 0), (size / 2, 0), (size / 2.5, size), (size / 2.5, size), (0, size)],
                    40,
                ),
                material,
            )
        parts.append(piece.moved(x, 0, z))
    knots = [(0.0, 0.0), (radius, 0.0), (radius, 0.0), (radius, 0.05), (radius * 0.6, 0.065), (0.0, 0.065)]
    wheel = lathe(smooth(knots, 40), "trim", segments=40).turned("x", 90)
    hub = ellipsoid(0.6 * radius, 0.05, 0.6 * radius, "detail").moved(0, -0.06, 0)
    for x in np.linspace(-0.36 * long, 0.36 * long, draws.whole(2, 4)):
        parts += both_sides([wheel.moved(x, -wide / 2, radius), hub.moved(x, -wide / 2, radius)])
    return parts


def animal(draws: Draws) -> list[Part]:
    """A toy animal: body, head, legs or none, ears, tail, eyes."""
    long, tall, wide = draws.between(0.5, 0.9), draws.between(0.28, 0.55), draws.between(0.25, 0.45)
    leg = draws.pick((0.0, 0.12, 0.3))
    body = ellipsoid(long, wide, tall, "main", power=draws.between(2.0, 3.5)).moved(z=leg + tall / 2)
    size = draws.between(0.22, 0.42)
    x, z = -long * draws.between(0.3, 0.55), leg + tall * draws.between(0.8, 1.2)
    head = ellipsoid(size, size * 0.9, size * draws.between(0.8, 1.1), "main").moved(x, 0, z)
    nose = ellipsoid(size * draws.between(0.3, 0.9), 0.4 * size, 0.3 * size, "second").moved(
        x - 0.5 * size, 0, z - 0.1 * size
    )
    eye = ellipsoid(0.05, 0.03, 0.06, "dark").moved(x - 0.3 * size, -0.34 * size, z + 0.16 * size)
    ear = (
        ellipsoid(draws.between(0.04, 0.14), 0.05, draws.between(0.1, 0.34), "second")
        .moved(z=0.08)
        .turned("x", draws.between(5, 60))
    )
    parts = [body, head, nose, *both_sides([eye, ear.moved(x + 0.1 * size, -0.25 * size, z + 0.35 * size)])]
    if leg:
        post = tube(
            [(0.3 * long, 0.3 * wide, leg + 0.1), (0.3 * long, 0.32 * wide, 0.0)],
            draws.between(0.03, 0.07),
            "main",
        )
        parts += both_sides(both_sides([post], "x"), "y")
    if draws.chance(0.7):
        end = 0.45 * long
        curl = [
            (end, 0, leg + 0.6 * tall),
            (end + 0.12, 0, leg + 0.7 * tall),
            (end + 0.16, 0, leg + tall * draws.between(0.8, 1.3)),
        ]
        parts.append(handle(curl, draws.between(0.02, 0.05), "second"))
    if draws.chance(0.4):
        parts.append(
            torus(0.4 * size, 0.035, "detail").turned("y", 35).moved(x + 0.2 * size, 0, z - 0.35 * size)
        )
    return parts


def headwear(draws: Draws) -> list[Part]:
    """A hat or helmet, with brim, peak, band or bobble."""
    wide, tall = draws.between(0.26, 0.34), draws.between(0.16, 0.55)
    knots = [
        (wide, 0.0),
        (wide * draws.between(0.9, 1.1), tall * 0.45),
        (wide * draws.between(0.3, 0.85), tall * 0.9),
        (0.0, tall),
    ]
    parts = [lathe(smooth(knots, 50), "main", segments=96)]
    if draws.chance(0.7):
        reach, drop = wide + draws.between(0.05, 0.4), draws.between(-0.08, 0.12)
        rim = [(wide - 0.01, 0.0), ((wide + reach) / 2, -0.3 * drop), (reach, -drop)]
        line, half = smooth(rim, 24), np.array([0.0, 0.008])
        brim = lathe(
            np.concatenate([line - half, (line + half)[::-1]]),
            draws.pick(("main", "second")),
            segments=96,
        )
        parts.append(brim if draws.chance(0.6) else brim.scaled(0.8, 1.0, 1.0))
    else:
        peak = slab(superellipse(0.5, 0.6, 2.4, 48), 0.02, "second", bevel=0.008)
        parts.append(peak.turned("x", draws.between(-2, 12)).moved(0, -wide, 0.03))
    if draws.chance(0.7):
        high = draws.between(0.04, 0.12)
        parts.append(
            lathe(
                [
                    (wide + 0.002, 0.005),
                    (wide + 0.016, 0.012),
                    (wide + 0.014, high),
                    (wide - 0.01, high + 0.01),
                ],
                "trim",
                segments=96,
            )
        )
    if draws.chance(0.35):
        size = draws.between(0.06, 0.2)
        parts.append(ellipsoid(size, size, size, "detail").moved(z=tall))
    return parts


def tool(draws: Draws) -> list[Part]:
    """A standing tool on a small stand: brush, hammer, racket, paddle, dumbbell."""
    long, thick = draws.between(0.5, 0.9), draws.between(0.025, 0.06)
    grip = tube([(0, 0, 0.05), (0, 0, long)], np.array([thick, thick * draws.between(0.5, 1.2)]), "main")
    wide, tall = draws.between(0.2, 0.6), draws.between(0.12, 0.5)
    shape = draws.pick(("plate", "block", "ball", "hoop", "comb"))
    if shape == "plate":
        head = [
            slab(superellipse(wide, tall, draws.between(1.6, 4), 56), 0.06, "second", bevel=0.02).turned(
                "x", 90
            )
        ]
    elif shape == "block":
        head = [
            box(wide, 0.16, 0.16, "second", bevel=0.02),
            ellipsoid(0.1, 0.17, 0.17, "detail").moved(wide / 2, 0, 0.08),
        ]
    elif shape == "ball":
        head = [ellipsoid(wide, wide, tall, "second"), torus(wide / 2, 0.02, "detail")]
    elif shape == "hoop":
        head = [
            torus(wide / 2, 0.03, "second").turned("x", 90),
            torus(wide / 4, 0.012, "detail").turned("x", 90),
        ]
    else:
        head = [box(wide, 0.1, 0.07, "second", bevel=0.02)]
        head += [
            tube([(x, 0, 0.05), (x, 0, 0.05 + tall / 2)], 0.014, "detail")
            for x in np.linspace(-0.42 * wide, 0.42 * wide, 7)
        ]
    foot = draws.between(0.12, 0.26)
    stand = lathe(
        smooth([(0, 0), (foot, 0), (foot, 0.0), (foot, 0.03), (thick, 0.07), (0, 0.07)], 40), "trim"
    )
    return [grip, stand, *[part.moved(z=long) for part in head]]


def headset(draws: Draws) -> list[Part]:
    """Two pads on an arch: headphones, ear muffs, goggles on a strap."""
    size, thick = draws.between(0.2, 0.46), draws.between(0.05, 0.16)
    power = draws.between(1.8, 5.5)
    outline = superellipse(size, size * draws.between(0.8, 1.4), power, 56)
    hard = slab(outline, thick, "main", bevel=0.4 * thick)
    soft = slab(outline * 0.96, 0.7 * thick, "second", bevel=0.3 * thick).moved(z=-0.68 * thick)
    dot = slab(outline * draws.between(0.3, 0.7), 0.02, "detail").moved(z=thick)
    reach, rise = draws.between(0.32, 0.44), draws.between(0.34, 0.6)
    cup = [
        part.turned("z", 90).turned("y", 90 + draws.between(-3, 9)).moved(reach, 0, 0.25)
        for part in (hard, soft, dot)
    ]
    turn = np.linspace(0.05, np.pi - 0.05, 48)
    base = draws.between(0.28, 0.45)
    arch = np.column_stack([(reach + 0.03) * np.cos(turn), 0 * turn, base + rise * np.sin(turn)])
    band = tube(arch, draws.between(0.015, 0.06), "trim", flatten=draws.between(1.2, 2.4), up=(0, 1, 0))
    return [*both_sides(cup, "x"), band]
