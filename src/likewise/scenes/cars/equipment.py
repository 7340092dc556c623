"""Parts that are bolted to a car: mirrors, handles, plates, rails, spoilers, seats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from likewise.scenes.cars.body import Shape
from likewise.scenes.cars.spec import CarSpec
from likewise.scenes.geometry import Part, both_sides, box, ellipsoid, grid_part, lathe, smooth, torus, tube


def mirrors(spec: CarSpec, shape: Shape) -> list[Part]:
    """Door mirrors."""
    s, z = spec.mirror
    y = _side(shape, s, z - 0.05)
    x = spec.length / 2 - s
    cap = ellipsoid(0.13, 0.22, 0.14, "paint", power=2.6).turned("z", -12).moved(x, y + 0.13, z + 0.03)
    glass = (
        ellipsoid(0.02, 0.17, 0.1, "mirror", power=2.6).turned("z", -12).moved(x - 0.062, y + 0.13, z + 0.03)
    )
    foot = tube([(x, y - 0.03, z - 0.05), (x, y + 0.06, z - 0.01)], 0.022, "black")
    return both_sides([cap, glass, foot])


def handles(spec: CarSpec, shape: Shape) -> list[Part]:
    """Door handles."""
    parts = []
    for s, z in spec.handles:
        bar = box(0.19, 0.024, 0.026, "chrome" if spec.bumper else "paint", bevel=0.01)
        parts.append(bar.moved(spec.length / 2 - s, _side(shape, s, z) + 0.008, z))
    return both_sides(parts)


def plates(spec: CarSpec) -> list[Part]:
    """Number plates with a few dark signs on them."""
    parts: list[Part] = []
    ends = (
        (
            spec.length / 2 + 0.115 - float(np.interp(spec.plates[0], *np.array(spec.nose).T)),
            spec.plates[0],
            1,
        ),
        (
            -spec.length / 2 - 0.115 + float(np.interp(spec.plates[1], *np.array(spec.tail).T)),
            spec.plates[1],
            -1,
        ),
    )
    for x, z, side in ends:
        parts.append(box(0.02, 0.52, 0.115, "plate", bevel=0.004).moved(x, 0, z - 0.057))
        for index, wide in enumerate((0.05, 0.05, 0.0, 0.045, 0.05, 0.04, 0.05)):
            if wide:
                sign = box(0.004, wide * 0.75, 0.07, "black", bevel=0.001)
                parts.append(sign.moved(x + side * 0.011, side * (-0.19 + 0.063 * index), z - 0.035))
    return parts


def _side(shape: Shape, s: float, z: float) -> float:
    return float(shape.side(np.array([s]), np.array([z]))[0])


def _rails(spec: CarSpec, shape: Shape) -> list[Part]:
    first, last = _roof(spec)
    s = np.linspace(first + 0.25, last - 0.05, 24)
    z = shape.top(s, np.full_like(s, 0.5))
    lift = 0.055 * np.minimum(1, np.minimum(np.arange(24), np.arange(24)[::-1]) / 2)
    y = np.array([_side(shape, float(a), float(b)) for a, b in zip(s, z - 0.03, strict=True)]) - 0.05
    return both_sides([tube(np.column_stack([spec.length / 2 - s, y, z + lift - 0.02]), 0.016, "rail")])


def _roof(spec: CarSpec) -> tuple[float, float]:
    """First and last s of the roof."""
    heights = np.array(spec.top)
    high = heights[heights[:, 1] > heights[:, 1].max() - 0.09]
    return float(high[0, 0]), float(high[-1, 0])


def _spoiler(spec: CarSpec, shape: Shape) -> list[Part]:
    """A lip at the end of the roof."""
    _, last = _roof(spec)
    z = float(shape.top(np.array([last]), np.array([0.0]))[0])
    lip = box(0.26, 1.06, 0.03, "paint", bevel=0.013, round_plan=0.1).turned("y", -6)
    return [lip.moved(spec.length / 2 - last - 0.1, 0, z - 0.015)]


def _wing(spec: CarSpec, shape: Shape) -> list[Part]:
    """A low wing on the tail."""
    s = spec.length - 0.2
    z = float(shape.top(np.array([s]), np.array([0.0]))[0])
    blade = (
        box(0.24, spec.width * 0.8, 0.03, "paint", bevel=0.013, round_plan=0.06)
        .turned("y", 7)
        .moved(spec.length / 2 - s, 0, z + 0.13)
    )
    post = box(0.14, 0.03, 0.17, "black", bevel=0.01).moved(spec.length / 2 - s, 0.45, z - 0.02)
    return [blade, *both_sides([post])]


def _seats(spec: CarSpec, _shape: Shape) -> list[Part]:
    """Two front seats, a bench and a steering wheel in an open cabin."""
    if spec.recess is None:
        return []
    first, last, _, floor = spec.recess
    seat = [
        box(0.52, 0.5, 0.2, "leather", bevel=0.08, round_plan=0.1).moved(0, 0.36, floor + 0.12),
        box(0.18, 0.48, 0.66, "leather", bevel=0.08, round_plan=0.08)
        .turned("y", -16)
        .moved(-0.27, 0.36, floor + 0.2),
        box(0.11, 0.26, 0.17, "leather", bevel=0.05, round_plan=0.05)
        .turned("y", -12)
        .moved(-0.47, 0.36, floor + 0.84),
    ]
    middle = spec.length / 2 - (first + 0.55 * (last - first))
    front = both_sides([part.moved(middle) for part in seat])
    bench = box(0.2, 1.1, 0.5, "leather", bevel=0.08, round_plan=0.08).turned("y", -18)
    ring = torus(0.18, 0.016, "black").turned("y", -62).moved(middle + 0.42, -0.36, floor + 0.5)
    dash = box(0.24, 1.3, 0.16, "black", bevel=0.06, round_plan=0.06)
    return [
        *front,
        bench.moved(spec.length / 2 - last + 0.2, 0, floor + 0.14),
        ring,
        dash.moved(spec.length / 2 - first - 0.1, 0, floor + 0.4),
    ]


def _windshield(spec: CarSpec, shape: Shape) -> list[Part]:
    """A free-standing windscreen in its frame."""
    if spec.recess is None:
        return []
    y = np.linspace(-1, 1, 25)
    z = np.linspace(0, 1, 9)
    start = spec.recess[0] - 0.12
    low = _height(shape, start)
    half = spec.width / 2
    across, up = np.meshgrid(y, z, indexing="ij")
    s = start + 0.46 * up + 0.16 * across**2
    points = np.stack(
        [spec.length / 2 - s, across * (half * 0.8 - 0.16 * up), low - 0.03 + 0.4 * up - 0.05 * across**2],
        axis=-1,
    )
    rim = np.concatenate([points[0], points[1:, -1], points[-1, ::-1][1:]])
    return [grid_part(points, "clear"), tube(rim, 0.022, "paint")]


def _height(shape: Shape, s: float) -> float:
    return float(shape.top(np.array([s]), np.array([0.0]))[0])


def _bars(spec: CarSpec, shape: Shape) -> list[Part]:
    """A roll bar behind the cab of a pickup."""
    if spec.recess is None:
        return []
    s, half = spec.recess[0] + 0.16, spec.recess[2]
    low = _height(shape, s + 0.1)
    path = [
        (spec.length / 2 - s, -half, low),
        (spec.length / 2 - s, -half + 0.06, low + 0.36),
        (spec.length / 2 - s, half - 0.06, low + 0.36),
        (spec.length / 2 - s, half, low),
    ]
    return [tube(smooth(path, 40), 0.03, "black", up=(1.0, 0.0, 0.0))]


def _pipes(spec: CarSpec, _shape: Shape) -> list[Part]:
    """Exhaust pipes."""
    pipe = lathe(
        [(0.045, 0.0), (0.05, 0.0), (0.05, 0.16), (0.042, 0.16), (0.042, 0.0)], "chrome", segments=28
    ).turned("y", -90)
    x = -spec.length / 2 + 0.1 + float(np.interp(0.27, *np.array(spec.tail).T))
    return both_sides([pipe.moved(x, 0.48, 0.27)])


EXTRAS: dict[str, Callable[[CarSpec, Shape], list[Part]]] = {
    "rails": _rails,
    "spoiler": _spoiler,
    "wing": _wing,
    "seats": _seats,
    "windshield": _windshield,
    "bars": _bars,
    "pipes": _pipes,
}
