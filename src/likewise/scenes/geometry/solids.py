"""Solids for products and car details: lathed, swept, lofted and rounded."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from likewise.arrays import Floats
from likewise.scenes.geometry.curves import rounded, smooth, superellipse
from likewise.scenes.geometry.part import Part, grid_faces, grid_part


def lathe(
    profile: ArrayLike,
    material: str,
    *,
    segments: int = 72,
    sharp_deg: float = 40.0,
    outline: Callable[[Floats, Floats], Floats] | None = None,
) -> Part:
    """A solid of revolution about z from ``profile`` ``(P, 2)`` of (radius, height), from the bottom upwards outside.

    ``outline`` is a factor on the radius, from angle ``(S,)`` and height ``(P, 1)``; it makes flutes and facets.
    """
    line = np.asarray(profile, dtype=np.float64)
    angle = np.linspace(0.0, 2 * np.pi, segments, endpoint=False)
    radius = np.repeat(line[:, :1], segments, axis=1)
    if outline is not None:
        radius = radius * outline(angle, line[:, 1:])
    height = np.repeat(line[:, 1:], segments, axis=1)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)
    # Rows go up and columns anticlockwise; the outside is columns x rows, so the grid is transposed.
    return grid_part(points.transpose(1, 0, 2), material, wrap_rows=True, sharp_deg=sharp_deg)


def vessel(
    outer: ArrayLike,
    wall: float,
    material: str,
    *,
    inner_material: str | None = None,
    floor: float | None = None,
    count: int = 56,
    segments: int = 72,
    outline: Callable[[Floats, Floats], Floats] | None = None,
) -> list[Part]:
    """An open container: a smooth outer profile from the foot to the rim, a rounded lip and an inner wall."""
    line = smooth(outer, count)
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    inner = line + wall * np.column_stack([-tangent[:, 1], tangent[:, 0]])
    bottom = line[0, 1] + (wall if floor is None else floor)
    inner = inner[(inner[:, 1] > bottom) & (inner[:, 0] > 0)]
    lip_angle = np.linspace(0.0, np.pi, 7)[1:-1]
    middle, half = (line[-1] + inner[-1]) / 2, (line[-1] - inner[-1]) / 2
    up = tangent[-1] * np.linalg.norm(half)
    lip = middle + np.cos(lip_angle)[:, None] * half + np.sin(lip_angle)[:, None] * up
    inside = np.concatenate([inner[::-1], [[inner[0, 0] * 0.9, bottom], [0.0, bottom]]])
    foot = np.array([[0.0, line[0, 1]]])
    outer_part = lathe(np.concatenate([foot, line, lip]), material, segments=segments, outline=outline)
    inner_profile = np.concatenate([lip[-1:], inside])
    inner_part = lathe(inner_profile, inner_material or material, segments=segments, outline=outline)
    return [outer_part, inner_part]


def tube(
    path: ArrayLike,
    radius: ArrayLike,
    material: str,
    *,
    sides: int = 16,
    flatten: float = 1.0,
    closed: bool = False,
    up: Sequence[float] = (0.0, 0.0, 1.0),
) -> Part:
    """A round bar along ``path`` ``(P, 3)`` with half-round ends; ``radius`` is a number or one per point.

    ``flatten`` is a factor on the thickness across ``up``, other than 1 for straps and handles.
    """
    line = np.asarray(path, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(line),)).copy()
    if not closed:
        line, radii = _with_round_ends(line, radii)
    tangent = _tangents(line, closed)
    side = np.cross(tangent, np.asarray(up, dtype=np.float64))
    weak = np.linalg.norm(side, axis=1) < 1e-3
    side[weak] = np.cross(tangent[weak], [0.0, 1.0, 0.0])
    side = _aligned(side / np.linalg.norm(side, axis=1, keepdims=True))
    across = np.cross(tangent, side)
    angle = np.linspace(0.0, 2 * np.pi, sides, endpoint=False)[:, None, None]
    ring = np.cos(angle) * side + flatten * np.sin(angle) * across
    points = line + radii[:, None] * ring
    return grid_part(points, material, wrap_rows=True, wrap_columns=closed)


def loft(sections: ArrayLike, material: str, *, caps: bool = True, sharp_deg: float = 40.0) -> Part:
    """A skin over closed sections ``(S, P, 3)``, each anticlockwise seen from the direction of travel's end."""
    points = np.asarray(sections, dtype=np.float64)
    count, per_section = points.shape[:2]
    faces = grid_faces(count, per_section, wrap_columns=True)[:, [0, 3, 2, 1]]
    vertices = points.reshape(-1, 3)
    if caps:
        first, last = len(vertices), len(vertices) + 1
        vertices = np.concatenate([vertices, points[:1].mean(axis=1), points[-1:].mean(axis=1)])
        ring = np.arange(per_section)
        after = np.roll(ring, -1)
        none = np.full(per_section, -1)
        top = (count - 1) * per_section
        start_cap = np.column_stack([after, ring, np.full(per_section, first), none])
        end_cap = np.column_stack([top + ring, top + after, np.full(per_section, last), none])
        faces = np.concatenate([faces, start_cap, end_cap])
    return Part(vertices, faces, material, sharp_deg)


def slab(outline: ArrayLike, thickness: float, material: str, *, bevel: float = 0.0, steps: int = 4) -> Part:
    """A plate over the closed ``outline`` ``(P, 2)`` (anticlockwise) from z = 0 to ``thickness``, with rounded rims."""
    base = np.asarray(outline, dtype=np.float64)
    bevel = min(bevel, thickness / 2)
    angle = np.linspace(0.0, np.pi / 2, steps + 1)
    inset = bevel * (1 - np.sin(angle))
    lower = bevel * (1 - np.cos(angle))
    insets = np.concatenate([inset, inset[::-1]])
    heights = np.concatenate([lower, thickness - lower[::-1]])
    normal = _outline_normals(base)
    sections = [
        np.column_stack([base - shift * normal, np.full(len(base), height)])
        for shift, height in zip(insets, heights, strict=True)
    ]
    return loft(sections, material)


def box(
    width: float,
    depth: float,
    height: float,
    material: str,
    *,
    bevel: float = 0.0,
    round_plan: float | None = None,
) -> Part:
    """A box centred over the origin from z = 0, with rounded edges and, in plan, corners of ``round_plan``."""
    corner = max(bevel, round_plan or 0.0)
    x, y = width / 2, depth / 2
    plan = rounded([(-x, -y), (x, -y), (x, y), (-x, y)], corner, 6, closed=True)
    return slab(plan, height, material, bevel=bevel)


def ellipsoid(
    width: float, depth: float, height: float, material: str, *, power: float = 2.0, segments: int = 48
) -> Part:
    """An ellipsoid (power 2) or pillow (power 3 and more) about the origin."""
    rows = segments // 2 + 1
    tilt = np.linspace(-np.pi / 2, np.pi / 2, rows)
    outline = superellipse(2.0, 2.0, power, segments)
    exponent = 2.0 / power
    ring = np.abs(np.cos(tilt)) ** exponent
    level = np.sign(np.sin(tilt)) * np.abs(np.sin(tilt)) ** exponent
    points = np.stack(
        [
            outline[:, None, 0] * ring * width / 2,
            outline[:, None, 1] * ring * depth / 2,
            np.broadcast_to(level * height / 2, (segments, rows)),
        ],
        axis=-1,
    )
    return grid_part(points, material, wrap_rows=True)


def torus(
    radius: float,
    thickness: float,
    material: str,
    *,
    segments: int = 64,
    sides: int = 18,
    squash: float = 1.0,
) -> Part:
    """A ring about z through z = 0; ``squash`` scales its height."""
    angle = np.linspace(0.0, 2 * np.pi, sides + 1)
    profile = np.column_stack([radius + thickness * np.cos(angle), squash * thickness * np.sin(angle)])
    return lathe(profile, material, segments=segments)


def handle(points: ArrayLike, radius: float, material: str, *, flatten: float = 1.0, count: int = 40) -> Part:
    """A bar along a smooth line through ``points`` ``(P, 3)``."""
    return tube(smooth(points, count), radius, material, flatten=flatten, up=(0.0, 1.0, 0.0))


def _with_round_ends(line: Floats, radii: Floats, steps: int = 5) -> tuple[Floats, Floats]:
    rise = np.linspace(0.0, np.pi / 2, steps, endpoint=False)
    start, end = line[0] - line[1], line[-1] - line[-2]
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    head = line[0] + np.cos(rise)[:, None] * radii[0] * start
    tail = line[-1] + np.cos(rise[::-1])[:, None] * radii[-1] * end
    width = np.maximum(np.sin(rise), 1e-4)
    return np.concatenate([head, line, tail]), np.concatenate(
        [radii[0] * width, radii, radii[-1] * width[::-1]]
    )


def _tangents(line: Floats, closed: bool) -> Floats:
    tangent = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0) if closed else np.gradient(line, axis=0)
    unit: Floats = tangent / (np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12)
    return unit


def _aligned(side: Floats) -> Floats:
    """Flip directions that jump to the opposite from one point to the next."""
    turns = np.sum(side[1:] * side[:-1], axis=1) < 0
    sign = np.concatenate([[1.0], np.where(np.cumsum(turns) % 2 == 1, -1.0, 1.0)])
    aligned: Floats = side * sign[:, None]
    return aligned


def _outline_normals(outline: Floats) -> Floats:
    tangent = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
    normal = np.column_stack([tangent[:, 1], -tangent[:, 0]])
    unit: Floats = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12)
    return unit
