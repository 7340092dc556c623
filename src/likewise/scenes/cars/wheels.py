"""Wheels: tyre, rim with spokes, brake disc. Built around the origin, turning about y, outside towards +y."""

from __future__ import annotations

import numpy as np

from likewise.scenes.cars.spec import Wheels
from likewise.scenes.geometry import Part, box, ellipsoid, lathe, smooth, torus


def wheel(spec: Wheels) -> list[Part]:
    """One wheel of the right side (y > 0 is outside)."""
    r, half = spec.radius, spec.width / 2
    rim = spec.radius * spec.rim
    parts = [_tyre(r, rim, half), _barrel(rim, half), *_face(spec, rim, half), _disc(rim)]
    # Lathes turn about z; laid on their side their upper end points to +y.
    return [part.turned("x", -90) for part in parts]


def _tyre(r: float, rim: float, half: float) -> Part:
    wall = (r + rim) / 2
    profile = smooth(
        [
            (rim, -half * 0.8),
            (wall, -half * 1.02),
            (r - 0.025, -half * 0.92),
            (r, -half * 0.68),
            (r, -half * 0.68),
            (r, half * 0.68),
            (r, half * 0.68),
            (r - 0.025, half * 0.92),
            (wall, half * 1.02),
            (rim, half * 0.8),
        ],
        48,
    )
    return lathe(profile, "tyre", segments=72)


def _barrel(rim: float, half: float) -> Part:
    lip = [(rim + 0.008, half * 0.82), (rim - 0.004, half * 0.86), (rim - 0.014, half * 0.78)]
    return lathe([*lip, (rim - 0.02, half * 0.5), (rim - 0.03, -half * 0.8)], "rim", segments=72)


def _disc(rim: float) -> Part:
    return lathe([(0.0, 0.0), (rim * 0.8, 0.0), (rim * 0.8, 0.012), (0.0, 0.012)], "brake", segments=48)


def _face(spec: Wheels, rim: float, half: float) -> list[Part]:
    front = half * 0.62
    hub = lathe(
        smooth([(0.0, front + 0.012), (0.04, front + 0.01), (0.055, front - 0.01), (0.06, front - 0.05)], 16)[
            ::-1
        ],
        "rim",
        segments=36,
    )
    cap = ellipsoid(0.06, 0.06, 0.02, "tyre", segments=24).moved(z=front + 0.01)
    if spec.style == "disc":
        plate = lathe(
            smooth(
                [
                    (rim - 0.02, front - 0.03),
                    (rim * 0.86, front),
                    (rim * 0.6, front - 0.02),
                    (rim * 0.35, front + 0.005),
                    (0.0, front + 0.012),
                ],
                40,
            ),
            "chrome",
            segments=60,
        )
        ring = torus(rim * 0.72, 0.012, "rim").moved(z=front)
        return [plate, ring]
    width = {"spokes": 0.34, "double": 0.17, "mesh": 0.11}[spec.style] * 2.2 * rim / spec.spokes * 2
    spokes = []
    for index in range(spec.spokes):
        turn = 360 * index / spec.spokes
        offsets = (-6.5, 6.5) if spec.style == "double" else (0.0,)
        spokes += [_spoke(rim, front, width).turned("z", turn + offset) for offset in offsets]
    return [hub, cap, *spokes]


def _spoke(rim: float, front: float, width: float) -> Part:
    """A bar from the hub to the rim that bends inwards a little in its middle and widens outwards."""
    length = rim - 0.045
    bar = box(length, width, 0.03, "rim", bevel=0.009).moved(0.035 + length / 2, 0, 0)
    x, y, z = bar.vertices.T
    along = (x - 0.035) / length
    wide = y * (0.75 + 0.5 * along)
    lift = front - 0.032 - 0.02 * np.sin(np.pi * along)
    return Part(np.column_stack([x, wide, z + lift]), bar.faces, bar.material)
