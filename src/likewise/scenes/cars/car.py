"""Puts a car together from its spec: skin, wheels, plates, mirrors, handles and extras."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from likewise.arrays import Floats
from likewise.scenes.cars.body import Shape, Skin, skin
from likewise.scenes.cars.equipment import EXTRAS, handles, mirrors, plates
from likewise.scenes.cars.features import cut_arches, cut_recess, fields
from likewise.scenes.cars.spec import CarSpec
from likewise.scenes.cars.wheels import wheel
from likewise.scenes.geometry import Part, both_sides, grid_part


def car(spec: CarSpec) -> list[Part]:
    """All parts, standing on z = 0 with the middle over the origin, driving towards +x."""
    shape = Shape(spec)
    parts = [_skin_part(spec, skin(spec))]
    for axle in (spec.wheels.front, spec.wheels.rear):
        place = (spec.length / 2 - axle, spec.width / 2 - spec.wheels.width / 2 - 0.012, spec.wheels.radius)
        parts += both_sides([part.moved(*place) for part in wheel(spec.wheels)])
    parts += [*mirrors(spec, shape), *handles(spec, shape), *plates(spec)]
    for name in spec.extras:
        extra: Callable[[CarSpec, Shape], list[Part]] = EXTRAS[name]
        parts += extra(spec, shape)
    return parts


def _skin_part(spec: CarSpec, half: Skin) -> Part:
    features = fields(spec, half)
    points = _with_relief(half.points, features)
    points = cut_arches(
        spec, Skin(points, half.profile, half.zone, half.front, half.rear, half.from_corner), features
    )
    points = cut_recess(spec, half, points, features)
    mirrored = points[:, -2:0:-1] * np.array([1.0, -1.0, 1.0])
    ring = np.concatenate([points, mirrored], axis=1)
    ring[..., 0] = spec.length / 2 - ring[..., 0]
    part = grid_part(ring, "skin", wrap_columns=True, sharp_deg=55.0)
    values = {
        name: np.concatenate([field, field[:, -2:0:-1]], axis=1).ravel() for name, field in features.items()
    }
    return Part(part.vertices, part.faces, "skin", part.sharp_deg, values)


def _with_relief(points: Floats, features: dict[str, Floats]) -> Floats:
    """Glass, grille and gaps lie a little below the paint, lamps a little above."""
    normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    # (s, y, z) is left-handed, so this cross product points inwards.
    normal /= -(np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9)
    depth = np.zeros(points.shape[:2])
    for name, amount in (("glass", -0.008), ("grille", -0.02), ("front_lamp", 0.004), ("rear_lamp", 0.006)):
        depth += amount * np.clip(0.5 - features[name] / 0.02, 0.0, 1.0)
    moved: Floats = points + depth[..., None] * normal
    moved[:, [0, -1], 1] = 0.0
    return moved
