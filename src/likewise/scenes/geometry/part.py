"""A piece of a model: vertices, faces and the name of its material. Pure numpy, so it is tested without Blender.

Lengths are metres for cars; products are built in any unit and scaled to one size when they are assembled.
z points up and objects stand on z = 0. Products look towards -y (the camera), cars drive towards +x.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likewise.arrays import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One mesh of one material.

    Attributes:
        vertices: Shape ``(N, 3)``.
        faces: Shape ``(F, 4)``, indices of vertices, anticlockwise from outside; a triangle has -1 in its last column.
        material: Name of the material, looked up when the model is assembled.
        sharp_deg: Edges whose faces meet at more than this angle are shaded as an edge, the rest as smooth.
        fields: Named numbers per vertex, shape ``(N,)`` each, which materials can read.
    """

    vertices: Floats
    faces: Ints
    material: str
    sharp_deg: float = 40.0
    fields: dict[str, Floats] = field(default_factory=dict)

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Part:
        """This part, shifted."""
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def scaled(self, x: float, y: float | None = None, z: float | None = None) -> Part:
        """This part, scaled about the origin; one number scales all axes. A negative factor mirrors."""
        factors = np.array([x, x if y is None else y, x if z is None else z])
        faces = self.faces if np.prod(factors) > 0 else flipped(self.faces)
        return replace(self, vertices=self.vertices * factors, faces=faces)

    def turned(self, axis: str, degrees: float) -> Part:
        """This part, turned about the named axis through the origin (right-hand rule)."""
        return replace(self, vertices=self.vertices @ rotation(axis, degrees).T)

    def painted(self, material: str) -> Part:
        """This part in another material."""
        return replace(self, material=material)


def flipped(faces: Ints) -> Ints:
    """The same faces seen from the other side."""
    turned = faces[:, ::-1].copy()
    triangles = faces[:, 3] < 0
    turned[triangles] = np.column_stack([faces[triangles][:, 2::-1], np.full(triangles.sum(), -1)])
    return turned


def rotation(axis: str, degrees: float) -> Floats:
    """The rotation matrix ``(3, 3)`` about ``x``, ``y`` or ``z``."""
    angle = np.radians(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def mirrored(parts: Iterable[Part], axis: str) -> list[Part]:
    """The parts seen in a mirror through the origin across ``axis``."""
    factors = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0), "z": (1.0, 1.0, -1.0)}[axis]
    return [part.scaled(*factors) for part in parts]


def both_sides(parts: Sequence[Part], axis: str = "y") -> list[Part]:
    """The parts and their mirror image."""
    return [*parts, *mirrored(parts, axis)]


def bounds(parts: Iterable[Part]) -> tuple[Floats, Floats]:
    """Lowest and highest corner ``(3,)`` of all parts."""
    corners = np.concatenate([part.vertices for part in parts])
    return corners.min(axis=0), corners.max(axis=0)


def normalised(parts: Sequence[Part], radius: float = 0.5) -> list[Part]:
    """The parts, standing on z = 0 over the origin, scaled so that they fit a ball of ``radius``.

    The ball's centre is the middle of the bounding box. With one size for all, neither the camera's distance
    nor the scale of the background pattern reveals the object.
    """
    low, high = bounds(parts)
    centre = (low + high) / 2
    reach = max(float(np.linalg.norm(part.vertices - centre, axis=1).max()) for part in parts)
    shifted = [part.moved(-centre[0], -centre[1], -low[2]) for part in parts]
    return [part.scaled(radius / reach) for part in shifted]


def grid_faces(rows: int, columns: int, *, wrap_rows: bool = False, wrap_columns: bool = False) -> Ints:
    """Quads over a grid of ``rows`` x ``columns`` vertices stored row by row.

    The outside is where (next row) x (next column) points, by the right-hand rule.
    """
    row = np.arange(rows if wrap_rows else rows - 1)[:, None]
    column = np.arange(columns if wrap_columns else columns - 1)[None, :]
    next_row, next_column = (row + 1) % rows, (column + 1) % columns
    corners = np.broadcast_arrays(
        row * columns + column,
        next_row * columns + column,
        next_row * columns + next_column,
        row * columns + next_column,
    )
    return np.stack(corners, axis=-1).reshape(-1, 4).astype(np.int64)


def grid_part(
    points: ArrayLike,
    material: str,
    *,
    wrap_rows: bool = False,
    wrap_columns: bool = False,
    sharp_deg: float = 40.0,
) -> Part:
    """A part from a grid of points ``(rows, columns, 3)``."""
    grid = np.asarray(points, dtype=np.float64)
    faces = grid_faces(grid.shape[0], grid.shape[1], wrap_rows=wrap_rows, wrap_columns=wrap_columns)
    return Part(grid.reshape(-1, 3), faces, material, sharp_deg)
