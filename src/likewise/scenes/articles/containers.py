"""Articles turned on a lathe: cups, bowls, vases, jars, cans, bottles, lamps, candlesticks, plants in pots."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from likewise.arrays import Floats
from likewise.scenes.articles.draws import Draws
from likewise.scenes.geometry import Part, both_sides, ellipsoid, handle, lathe, smooth, torus, tube, vessel

Outline = Callable[[Floats, Floats], Floats]


def profile(draws: Draws, height: float, low: float, high: float, knots: int) -> Floats:
    """A random outer line ``(knots + 1, 2)`` of (radius, height) from the foot to the rim."""
    radii = draws.walk(knots, low, high, 0.75 * (high - low))
    heights = np.linspace(0.04, height, knots)
    return np.array([(radii[0] * 0.94, 0.0), *zip(radii, heights, strict=True)])


def _outline(draws: Draws, probability: float) -> Outline | None:
    """Flutes or facets around a vessel, or None."""
    if not draws.chance(probability):
        return None
    count, depth = draws.whole(4, 14), draws.between(0.02, 0.07)

    def flutes(angle: Floats, height: Floats) -> Floats:
        factor: Floats = (1 - depth * np.abs(np.sin(count * angle)))[None, :] * np.ones_like(height)
        return factor

    return flutes


def _ear(draws: Draws, root: tuple[float, float], low: float, high: float, material: str) -> Part:
    """A handle at +x between two heights; ``root`` is the radius at its upper and lower end."""
    reach, thickness = draws.between(0.14, 0.34), draws.between(0.022, 0.05)
    middle = (low + high) / 2 + draws.between(-0.08, 0.1)
    upper, lower = root
    points = [
        (upper - 0.01, 0, high),
        (upper + 0.6 * reach, 0, high + draws.between(-0.02, 0.08)),
        (max(root) + reach, 0, middle),
        (lower + 0.6 * reach, 0, low + draws.between(-0.06, 0.06)),
        (lower - 0.01, 0, low),
    ]
    return handle(points, thickness, material, flatten=draws.between(0.8, 1.7))


def _spout(draws: Draws, radius: float, low: float, high: float, material: str) -> Part:
    reach = draws.between(0.18, 0.42)
    across = [-radius + 0.04, -radius - 0.4 * reach, -radius - 0.75 * reach, -radius - reach]
    rise = [low, low + draws.between(-0.03, 0.1), (low + high) / 2, high]
    path = smooth(np.column_stack([across, np.zeros(4), rise]), 30)
    thick = np.linspace(draws.between(0.06, 0.12), draws.between(0.025, 0.045), 30)
    return tube(path, thick, material, up=(0.0, 1.0, 0.0))


def _lid(draws: Draws, radius: float, height: float) -> list[Part]:
    dome = draws.between(0.03, 0.14)
    cover = lathe(
        smooth([(radius, 0.0), (radius, 0.02), (0.6 * radius, 0.7 * dome), (0.0, dome)], 24), "second"
    )
    size = draws.between(0.05, 0.11)
    knob = ellipsoid(size, size, size * draws.between(0.6, 1.4), "trim").moved(z=dome + 0.3 * size)
    return [part.moved(z=height) for part in (cover, knob)]


def radius_at(line: Floats, height: float) -> float:
    """The radius of an outer line at a height."""
    return float(np.interp(height, line[:, 1], line[:, 0]))


def cup(draws: Draws) -> list[Part]:
    """A cup, mug or bowl, with none, one or two handles."""
    height = draws.between(0.28, 1.05)
    line = profile(draws, height, 0.24, 0.62, draws.whole(3, 6))
    parts = vessel(
        line, draws.between(0.018, 0.06), "main", inner_material="second", outline=_outline(draws, 0.2)
    )
    if draws.chance(0.4):
        parts.append(torus(line[-1, 0], draws.between(0.01, 0.028), "trim").moved(z=height))
    ears = draws.pick((0, 1, 1, 2))
    if ears:
        low, high = height * draws.between(0.15, 0.35), height * draws.between(0.65, 0.9)
        ear = _ear(draws, (radius_at(line, high), radius_at(line, low)), low, high, "trim")
        parts += both_sides([ear], "x") if ears == 2 else [ear]
    return parts


def pot(draws: Draws) -> list[Part]:
    """A pot, can or jug with spout, lid or handle."""
    height = draws.between(0.45, 1.1)
    line = profile(draws, height, 0.2, 0.5, draws.whole(3, 5))
    parts = vessel(line, 0.03, "main", outline=_outline(draws, 0.2))
    parts += _lid(draws, line[-1, 0] + 0.01, height)
    low = height * draws.between(0.2, 0.5)
    if draws.chance(0.8):
        rise = height * draws.between(0.75, 1.05)
        parts.append(_spout(draws, radius_at(line, low), low, rise, "main"))
    if draws.chance(0.5):
        high = height * draws.between(0.7, 0.92)
        parts.append(_ear(draws, (radius_at(line, high), radius_at(line, low)), low, high, "trim"))
    else:
        turn = np.linspace(0.05, np.pi - 0.05, 40)
        wide, rise = line[-1, 0] + 0.04, draws.between(0.3, 0.6)
        arch = np.column_stack([wide * np.cos(turn), 0 * turn, height - 0.04 + rise * np.sin(turn)])
        parts.append(tube(arch, draws.between(0.018, 0.04), "trim", up=(0, 1, 0)))
    return parts


def vase(draws: Draws) -> list[Part]:
    """A vase, sometimes flattened, sometimes with ears or rings."""
    height = draws.between(0.8, 1.4)
    line = profile(draws, height, 0.1, 0.46, draws.whole(4, 8))
    parts = vessel(line, 0.022, "main", count=80, segments=144, outline=_outline(draws, 0.35))
    for _ in range(draws.pick((0, 0, 1, 2))):
        level = height * draws.between(0.2, 0.95)
        parts.append(torus(radius_at(line, level), draws.between(0.012, 0.035), "trim").moved(z=level))
    if draws.chance(0.3):
        low, high = height * 0.45, height * 0.85
        parts += both_sides(
            [_ear(draws, (radius_at(line, high), radius_at(line, low)), low, high, "main")], "x"
        )
    flat = draws.between(0.5, 0.8) if draws.chance(0.25) else 1.0
    return [part.scaled(1.0, flat, 1.0) for part in parts]


def bottle(draws: Draws) -> list[Part]:
    """A closed bottle, jar or tin with a cap and a label."""
    wide, body = draws.between(0.14, 0.36), draws.between(0.35, 0.8)
    neck, long = wide * draws.between(0.25, 0.95), draws.between(0.02, 0.4)
    shoulder = body + draws.between(0.03, 0.25)
    waist = wide * draws.between(0.8, 1.08)
    knots = [
        (0.0, 0.0), (wide * 0.9, 0.0), (wide, 0.03), (waist, body * 0.5), (wide, body), (wide, body),
        (neck, shoulder), (neck, shoulder + long),
    ]  # fmt: skip
    top, cap = shoulder + long, draws.between(0.05, 0.2)
    rim = neck * draws.between(1.02, 1.3)
    parts = [lathe(smooth(knots, 90), "main", outline=_outline(draws, 0.15))]
    crown = [
        (rim, 0.0),
        (rim, 0.0),
        (rim * draws.between(0.6, 1.0), cap),
        (0.0, cap * draws.between(1.0, 1.5)),
    ]
    parts.append(lathe(smooth([(0.0, 0.0), *crown], 30), "trim").moved(z=top - 0.02))
    if draws.chance(0.75):
        low, high = body * draws.between(0.1, 0.3), body * draws.between(0.6, 0.95)
        radius = max(wide, waist) + 0.006
        parts.append(
            lathe(
                [(radius - 0.01, low), (radius, low + 0.01), (radius, high - 0.01), (radius - 0.01, high)],
                "second",
            )
        )
    if draws.chance(0.25):
        parts.append(
            tube([(0, 0, top + cap), (-0.12, 0, top + cap + 0.05), (-0.22, 0, top + cap)], 0.025, "trim")
        )
    return parts


def lamp(draws: Draws) -> list[Part]:
    """A standing lamp: a foot, a stem and an open shade."""
    tall = draws.between(0.35, 0.8)
    foot = profile(draws, tall, 0.05, 0.24, draws.whole(3, 7))
    foot = np.concatenate([[(0.0, 0.0)], foot, [(0.02, tall + 0.02), (0.02, tall + 0.2)]])
    low, high = draws.between(0.2, 0.5), draws.between(0.06, 0.45)
    drop, rise = tall - draws.between(0.0, 0.1), tall + draws.between(0.25, 0.5)
    middle = ((low + high) / 2 + draws.between(-0.08, 0.12), (drop + rise) / 2)
    line = smooth([(low, drop), middle, (high, rise)], 40)
    shade = [lathe(line, "second"), lathe((line - [0.01, 0.0])[::-1], "second")]
    bulb = ellipsoid(0.13, 0.13, 0.16, "glow", segments=24).moved(z=tall + 0.14)
    base = lathe(smooth(foot, 70), "main", outline=_outline(draws, 0.15))
    rims = [torus(low, 0.012, "trim").moved(z=drop)] if draws.chance(0.6) else []
    return [base, *shade, bulb, *rims]


def candlestick(draws: Draws) -> list[Part]:
    """Beads, discs and balls on one axis: a candlestick, a chess piece, a spinning top."""
    parts, height = [], 0.0
    for _ in range(draws.whole(4, 8)):
        wide, tall = draws.between(0.06, 0.34), draws.between(0.05, 0.26)
        material = draws.pick(("main", "main", "second", "trim"))
        shape = draws.pick(("ball", "drum", "cone", "ring"))
        if shape == "ball":
            parts.append(ellipsoid(2 * wide, 2 * wide, 2 * tall, material).moved(z=height + tall))
            height += 1.85 * tall
        elif shape == "ring":
            parts.append(torus(wide, 0.35 * wide, material).moved(z=height + 0.35 * wide))
            parts.append(
                lathe([(0.0, 0.0), (wide, 0.0), (wide, 0.7 * wide), (0.0, 0.7 * wide)], material).moved(
                    z=height
                )
            )
            height += 0.7 * wide
        else:
            upper = wide * (draws.between(0.2, 0.8) if shape == "cone" else 1.0)
            knots = [(0.0, 0.0), (wide, 0.0), (wide, 0.0), (upper, tall), (upper, tall), (0.0, tall)]
            parts.append(lathe(smooth(knots, 40), material).moved(z=height))
            height += tall
    return parts


def plant(draws: Draws) -> list[Part]:
    """Leaves or balls on stems in a pot."""
    height = draws.between(0.25, 0.5)
    line = profile(draws, height, 0.18, 0.36, 3)
    parts = vessel(line, 0.03, "main", floor=height * 0.75)
    count, spread = draws.whole(4, 11), draws.between(10, 55)
    long, wide = draws.between(0.3, 0.75), draws.between(0.05, 0.2)
    for number in range(count):
        leaf = ellipsoid(wide, draws.pick((0.02, 0.04, wide)), long, "leaf", segments=24).moved(z=long / 2)
        tilt = spread * draws.between(0.3, 1.0)
        parts.append(leaf.turned("x", tilt).turned("z", 137.5 * number).moved(z=height * 0.85))
    if draws.chance(0.4):
        parts.append(ellipsoid(0.2, 0.2, 0.2, "second").moved(z=height + long * 0.8))
    return parts
