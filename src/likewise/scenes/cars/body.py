"""The skin of a car as a fine grid: rows along the length, columns around, from the belly over the side to the roof.

The side is a curve for every height, the top a surface over length and width; where they meet the skin is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import Floats
from likewise.scenes.cars.spec import CarSpec, Points
from likewise.scenes.geometry import smooth, smoothstep

BELLY, SIDE, TOP = 16, 66, 46  # columns of half a ring
_STATIONS, _CAP_RINGS = 210, 26
_SIDE_HEIGHTS = (0.0, 0.12, 0.3, 0.5, 0.75, 0.92, 1.0)
_SIDE_WIDTHS = (0.935, 0.968, 0.99, 1.0, 0.99, 0.97, 0.955)


@dataclass(frozen=True)
class Skin:
    """The grid of the right half (y >= 0), caps included.

    Attributes:
        points: ``(rows, columns, 3)`` as (s, y, z).
        profile: s of the centre line that a place of the top belongs to, ``(rows, columns)``; bent by the bow.
        zone: 0 belly, 1 side, 2 top for every column ``(columns,)``.
        front: Rows of the front cap: the first ``front`` ones.
        rear: Rows of the rear cap: the last ``rear`` ones.
        from_corner: Distance along the ring to the corner between side and top, ``(rows, columns)``.
    """

    points: Floats
    profile: Floats
    zone: NDArray[np.int64]
    front: int
    rear: int
    from_corner: Floats


class Shape:
    """The curves of a car as functions."""

    def __init__(self, spec: CarSpec) -> None:
        self.spec = spec
        self._top = _function(spec.top)
        self._belt = _function(spec.belt)
        self._plan = _function(spec.plan)
        self._sill = _function(spec.sill)
        self._nose = _function(spec.nose)
        self._tail = _function(spec.tail)
        self.middle = spec.length * 0.52

    def belt(self, s: Floats) -> Floats:
        """Height of the shoulder."""
        return np.interp(s, *self._belt)

    def sill(self, s: Floats) -> Floats:
        """Height of the lower edge."""
        return np.interp(s, *self._sill)

    def half_width(self, s: Floats) -> Floats:
        """Greatest half width at ``s``."""
        return self.spec.width / 2 * np.interp(s, *self._plan)

    def side(self, s: Floats, z: Floats) -> Floats:
        """Half width at length ``s`` and height ``z``."""
        low, belt = self.sill(s), self.belt(s)
        share = (z - low) / (belt - low)
        wall = self.half_width(s) * np.interp(share, _SIDE_HEIGHTS, _SIDE_WIDTHS)
        above = np.maximum(z - belt, 0.0)
        ledge = 0.022 * smoothstep(above, 0.0, 0.03)
        return wall - ledge - self.spec.lean * above - 0.25 * above**2

    def profile_at(self, s: Floats, y: Floats) -> Floats:
        """The s of the centre line whose height a place has: windows are bowed, so it lies behind or before s."""
        front, rear = self.spec.bow
        amount = front + (-rear - front) * smoothstep(s, self.middle - 0.5, self.middle + 0.5)
        return s - amount * (y / (self.spec.width / 2)) ** 2

    def top(self, s: Floats, y: Floats) -> Floats:
        """Height of the top at (s, y)."""
        return np.interp(self.profile_at(s, y), *self._top) - 0.075 * (y / (self.spec.width / 2)) ** 2

    def bumper_shift(self, s: Floats, z: Floats) -> Floats:
        """Offset of the ends at a height; fades away from the ends."""
        front = np.interp(z, *self._nose) * np.exp(-((s / 0.32) ** 2))
        rear = np.interp(z, *self._tail) * np.exp(-(((self.spec.length - s) / 0.32) ** 2))
        return front - rear


def skin(spec: CarSpec) -> Skin:
    """The grid of half the body."""
    shape = Shape(spec)
    s = _stations(spec, shape)
    rings, from_corner = _rings(shape, s)
    profile = shape.profile_at(s[:, None], rings[..., 1])
    points = np.concatenate([_cap(rings[0], -1.0)[::-1], rings, _cap(rings[-1], 1.0)])
    points[..., 0] += shape.bumper_shift(points[..., 0], points[..., 2])
    profile = np.concatenate([_repeat(profile[0]), profile, _repeat(profile[-1])])
    corner = np.concatenate([_repeat(from_corner[0]), from_corner, _repeat(from_corner[-1])])
    zone = np.repeat([0, 1, 2], [BELLY, SIDE, TOP])
    return Skin(points, profile, zone, _CAP_RINGS, _CAP_RINGS, corner)


def _repeat(row: Floats) -> Floats:
    return np.repeat(row[None], _CAP_RINGS, axis=0)


def _function(points: Points) -> tuple[Floats, Floats]:
    line = smooth(points, 600)
    order = np.maximum.accumulate(line[:, 0])
    return order + np.arange(len(order)) * 1e-9, line[:, 1]


def _stations(spec: CarSpec, shape: Shape) -> Floats:
    """Rows closer together where the top is steep."""
    s = np.linspace(0.0, spec.length, 4000)
    slope = np.gradient(shape.top(s, np.zeros_like(s)), s)
    density = np.minimum(np.sqrt(1 + slope**2), 6.0)
    along = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(s))])
    stations: Floats = np.interp(np.linspace(0, along[-1], _STATIONS), along, s)
    return stations


def _rings(shape: Shape, s: Floats) -> tuple[Floats, Floats]:
    column = s[:, None]
    low = shape.sill(s)
    # The corner is where the side curve first rises above the top.
    share = np.linspace(0.0, 1.0, 500)[None, :]
    z = low[:, None] + share * (2.6 - low[:, None])
    y = np.maximum(shape.side(column, z), 0.0)
    above = z >= shape.top(column, y)
    first = np.argmax(above, axis=1)
    corner_z = np.take_along_axis(z, first[:, None], 1)[:, 0]
    side_z = low[:, None] + np.linspace(0.0, 1.0, SIDE)[None, :] * (corner_z - low)[:, None]
    side_y = shape.side(column, side_z)
    top_y = side_y[:, -1:] * np.linspace(1.0, 0.0, TOP + 1)[None, 1:]
    top_z = shape.top(column, top_y)
    top_z += (corner_z[:, None] - shape.top(column, side_y[:, -1:])) * np.linspace(1.0, 0.0, TOP + 1)[
        None, 1:
    ] ** 4
    belly_y = side_y[:, :1] * np.linspace(0.0, 1.0, BELLY + 1)[None, :-1]
    belly_z = np.broadcast_to(low[:, None], belly_y.shape)
    ring_y = np.concatenate([belly_y, side_y, top_y], axis=1)
    ring_z = np.concatenate([belly_z, side_z, top_z], axis=1)
    ring_y, ring_z = _rounded(ring_y, ring_z)
    ring_y[:, BELLY : BELLY + SIDE] += _crease(shape, column, ring_z[:, BELLY : BELLY + SIDE])
    rings = np.stack([np.broadcast_to(column, ring_y.shape), ring_y, ring_z], axis=-1)
    step = np.hypot(
        np.diff(ring_y, axis=1, prepend=ring_y[:, :1]), np.diff(ring_z, axis=1, prepend=ring_z[:, :1])
    )
    along = np.cumsum(step, axis=1)
    corner = BELLY + SIDE - 1
    return rings, np.abs(along - along[:, corner : corner + 1])


def _rounded(y: Floats, z: Floats, passes: int = 8) -> tuple[Floats, Floats]:
    """Round the corners of rings by averaging neighbours; the middle line stays on y = 0."""
    for _ in range(passes):
        y_padded = np.concatenate([-y[:, 1:2], y, -y[:, -2:-1]], axis=1)
        z_padded = np.concatenate([z[:, 1:2], z, z[:, -2:-1]], axis=1)
        y = (y_padded[:, :-2] + 2 * y_padded[:, 1:-1] + y_padded[:, 2:]) / 4
        z = (z_padded[:, :-2] + 2 * z_padded[:, 1:-1] + z_padded[:, 2:]) / 4
        y[:, 0] = y[:, -1] = 0.0
    return y, z


def _crease(shape: Shape, s: Floats, z: Floats) -> Floats:
    """A character line: the side swells towards it from below and steps back above it; and a sill below the doors."""
    low = shape.sill(s)
    share = (z - low) / (shape.belt(s) - low)
    line = shape.spec.crease + 0.06 * (s / shape.spec.length - 0.5)
    ends = smoothstep(s, 0.25, 0.9) * smoothstep(shape.spec.length - s, 0.1, 0.6)
    swell = smoothstep(share, line - 0.35, line) - smoothstep(share, line, line + 0.045)
    sill = smoothstep(share, 0.2, 0.06) - smoothstep(share, 0.06, -0.05)
    crease: Floats = ends * (0.02 * swell + 0.014 * sill)
    return crease


def _cap(ring: Floats, direction: float) -> Floats:
    """Rings that close an end: rounded at the rim, then flat to the middle; the first lies next to the body."""
    low, high = ring[:, 2].min(), ring[:, 2].max()
    centre = np.array([0.0, (low + high) / 2])
    share = np.linspace(0.0, 1.0, _CAP_RINGS + 1)[1:]
    radius = 0.07
    reach = np.abs(ring[:, 1:] - centre).max()
    inset = share * reach
    bulge = np.where(inset < radius, np.sqrt(np.maximum(radius**2 - (radius - inset) ** 2, 0.0)), radius)
    bulge = bulge + 0.03 * np.minimum((inset - radius) / reach, 1.0).clip(0)
    rings = np.empty((_CAP_RINGS, len(ring), 3))
    factor = 1 - share
    rings[:, :, 0] = ring[:, 0] + direction * bulge[:, None]
    rings[:, :, 1:] = centre + factor[:, None, None] * (ring[:, 1:] - centre)
    return rings
