"""Features cut into or drawn on the body of a car: wheel arches, openings, glass, gaps, lamps, grille.

Each feature is a signed distance in metres, negative inside, stored with the vertices. The material draws a sharp
edge where it passes zero, so outlines are smooth however the grid runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import Floats
from likewise.scenes.cars.body import Skin
from likewise.scenes.cars.spec import CarSpec, Points
from likewise.scenes.geometry import rounded, signed_distance

Mask = NDArray[np.bool_]

FIELDS = ("glass", "gap", "dark", "front_lamp", "rear_lamp", "grille", "chrome")
FAR = 1.0


def fields(spec: CarSpec, skin: Skin) -> dict[str, Floats]:
    """The distances of all ``FIELDS``, each ``(rows, columns)``; taken before openings are cut."""
    points = skin.points
    body = np.zeros(points.shape[:2], dtype=bool)
    body[skin.front : len(points) - skin.rear] = True
    side = body & (skin.zone == 1)[None, :]
    top = body & (skin.zone == 2)[None, :]
    return {
        "glass": _glass(spec, skin, side, top),
        "gap": _gaps(spec, points, side | top),
        "dark": _dark(spec, points, (skin.zone == 0)[None, :] & body),
        "front_lamp": _facing(points, spec.front_lamps, points[..., 0] - 0.58),
        "rear_lamp": _facing(points, spec.rear_lamps, spec.length - 0.4 - points[..., 0]),
        "grille": np.minimum(
            _facing(points, spec.grille, points[..., 0] - 0.6),
            _facing(points, spec.intake, points[..., 0] - 0.6),
        ),
        "chrome": _chrome(spec, points),
    }


def cut_arches(spec: CarSpec, skin: Skin, features: dict[str, Floats]) -> Floats:
    """The points with wheel arches sunk in and their lips flared; marks the arches dark."""
    points = skin.points.copy()
    half = spec.width / 2
    for axle in (spec.wheels.front, spec.wheels.rear):
        radius = spec.wheels.radius + spec.wheels.gap
        offset = points[..., [0, 2]] - np.array([axle, spec.wheels.radius])
        distance = np.linalg.norm(offset, axis=-1)
        outside = points[..., 1] > 0.62 * half
        inner = (distance < radius) & outside
        lip = inner & _beside(~inner)
        flare = outside & ~inner & (distance < radius + 0.1)
        points[..., 1] += np.where(flare, 0.02 * (1 - np.clip((distance - radius) / 0.1, 0, 1)) ** 2, 0.0)
        on_circle = np.array([axle, spec.wheels.radius]) + offset / (distance[..., None] + 1e-9) * radius
        points[..., 0] = np.where(lip, on_circle[..., 0], points[..., 0])
        points[..., 2] = np.where(lip, np.maximum(on_circle[..., 1], points[..., 2].min()), points[..., 2])
        points[..., 1] += np.where(lip, 0.02, 0.0)
        points[..., 1] = np.where(inner & ~lip, half - spec.wheels.width - 0.16, points[..., 1])
        # The lip lies on the circle now; it stays painted, and all within is dark.
        depth = np.where(lip, 0.004, np.where(inner, -0.05, distance - radius + 0.004))
        features["dark"] = np.where(outside, np.minimum(features["dark"], depth), features["dark"])
        for name in ("glass", "gap", "front_lamp", "rear_lamp", "grille", "chrome"):
            features[name] = np.where(inner, FAR, features[name])
    return points


def cut_recess(spec: CarSpec, skin: Skin, points: Floats, features: dict[str, Floats]) -> Floats:
    """The points with the bed or the cabin sunk into the top."""
    if spec.recess is None:
        return points
    first, last, half, floor = spec.recess
    s, y = points[..., 0], points[..., 1]
    distance = np.maximum(np.maximum(first - s, s - last), y - half)
    inner = (distance < 0) & (skin.zone == 2)[None, :]
    lip = inner & _beside(~inner & (skin.zone >= 1)[None, :])
    depth = np.stack([s - first, last - s, half - y], axis=-1)
    nearest = np.argmin(depth, axis=-1)
    points = points.copy()
    points[..., 0] = np.where(lip & (nearest == 0), first, np.where(lip & (nearest == 1), last, s))
    points[..., 1] = np.where(lip & (nearest == 2), half, y)
    points[..., 2] = np.where(inner & ~lip, floor, points[..., 2])
    features["dark"] = np.where(inner, np.minimum(features["dark"], distance + 0.004), features["dark"])
    for name in ("glass", "gap"):
        features[name] = np.where(inner, FAR, features[name])
    return points


def _glass(spec: CarSpec, skin: Skin, side: Mask, top: Mask) -> Floats:
    points = skin.points
    glass = np.full(points.shape[:2], FAR)
    if spec.windows:
        outline = rounded(spec.windows, 0.07, 5, closed=True)
        inside = _plane(points[..., 0], points[..., 2], outline, side)
        for s, width, slope in spec.pillars:
            line = points[..., 0] - s - slope * (points[..., 2] - 0.95)
            inside = np.maximum(inside, width / 2 - np.abs(line))
        glass = np.where(side, inside, glass)
    for span, margin in ((spec.windscreen, 0.055), (spec.backlight, 0.075)):
        if span is not None:
            ends = np.maximum(span[0] - skin.profile, skin.profile - span[1])
            edges = margin - skin.from_corner
            glass = np.where(top, np.minimum(glass, _round_max(ends, edges, 0.06)), glass)
    if spec.rear_glass:
        glass = np.minimum(glass, _facing(points, spec.rear_glass, spec.length - 0.5 - points[..., 0]))
    return glass


def _round_max(first: Floats, second: Floats, radius: float) -> Floats:
    """The larger of two distances, with corners rounded."""
    outer = np.hypot(np.maximum(first + radius, 0), np.maximum(second + radius, 0)) - radius
    return np.where((first > -radius) & (second > -radius), outer, np.maximum(first, second))


def _gaps(spec: CarSpec, points: Floats, where: Mask) -> Floats:
    gap = np.full(points.shape[:2], FAR)
    for door in spec.doors:
        distance = (
            np.abs(_plane(points[..., 0], points[..., 2], rounded(door, 0.06, 5, closed=True), where)) - 0.005
        )
        gap = np.minimum(gap, distance)
    if spec.windscreen is not None:
        start = max(spec.windscreen[0] - 0.06, 0.2)
        bonnet = np.array([[0.1, 0.0], [start, 0.0], [start, spec.width * 0.405], [0.1, spec.width * 0.36]])
        line = (
            np.abs(_plane(points[..., 0], points[..., 1], rounded(bonnet, 0.1, 5, closed=True), where))
            - 0.005
        )
        above = points[..., 2] > np.interp(points[..., 0], *np.array(spec.belt).T) - 0.05
        gap = np.where(
            above & (points[..., 1] > 0.05) | (gap < FAR), np.minimum(gap, np.where(above, line, FAR)), gap
        )
    return np.where(where, gap, FAR)


def _dark(spec: CarSpec, points: Floats, belly: Mask) -> Floats:
    dark = np.where(belly, -0.01, FAR)
    if spec.cladding > 0:
        dark = np.minimum(dark, points[..., 2] - spec.cladding)
        for axle in (spec.wheels.front, spec.wheels.rear):
            distance = np.hypot(points[..., 0] - axle, points[..., 2] - spec.wheels.radius)
            flare = distance - (spec.wheels.radius + spec.wheels.gap + 0.07)
            dark = np.where(points[..., 1] > 0.6 * spec.width / 2, np.minimum(dark, flare), dark)
    return dark


def _chrome(spec: CarSpec, points: Floats) -> Floats:
    """A bright frame around the grille, and bumper bars where the car has them."""
    chrome = np.full(points.shape[:2], FAR)
    if spec.grille:
        chrome = np.abs(_facing(points, spec.grille, points[..., 0] - 0.6)) - 0.009
    if spec.bumper:
        bar = np.abs(points[..., 2] - 0.475) - 0.05
        ends = np.maximum(points[..., 0] - 0.62, -points[..., 0] - 1) * np.where(
            points[..., 0] < spec.length / 2, 1, FAR
        )
        rear = np.where(points[..., 0] > spec.length / 2, spec.length - 0.75 - points[..., 0], FAR)
        chrome = np.minimum(chrome, np.maximum(bar, np.minimum(ends, rear)))
    return chrome


def _facing(points: Floats, outline: Points, depth: Floats) -> Floats:
    """Distance to an outline (|y|, z) seen from an end, where ``depth`` is below 0."""
    if not outline:
        return np.full(points.shape[:2], FAR)
    shape = rounded(outline, 0.035, 4, closed=True)
    return _plane(np.abs(points[..., 1]), points[..., 2], shape, depth < 0)


def _plane(first: Floats, second: Floats, outline: Floats, where: Mask) -> Floats:
    """Distance to an outline for the positions of ``where``; large elsewhere."""
    distance = np.full(first.shape, FAR)
    distance[where] = signed_distance(np.column_stack([first[where], second[where]]), outline)
    return distance


def _beside(mask: Mask) -> Mask:
    """Cells with one of their four neighbours in ``mask``."""
    near = np.zeros_like(mask)
    near[1:] |= mask[:-1]
    near[:-1] |= mask[1:]
    near[:, 1:] |= mask[:, :-1]
    near[:, :-1] |= mask[:, 1:]
    return near
