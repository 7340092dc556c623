"""Shapes as plain arrays: curves, solids and parts. Needs numpy only."""

from likewise.scenes.geometry.curves import (
    line,
    resampled,
    rounded,
    signed_distance,
    smooth,
    smoothstep,
    superellipse,
)
from likewise.scenes.geometry.part import Part, both_sides, bounds, grid_part, mirrored, normalised, rotation
from likewise.scenes.geometry.solids import box, ellipsoid, handle, lathe, loft, slab, torus, tube, vessel

__all__ = [
    "Part", "both_sides", "bounds", "box", "ellipsoid", "grid_part", "handle", "lathe", "line", "loft", "mirrored",
    "normalised", "resampled", "rotation", "rounded", "signed_distance", "slab", "smooth", "smoothstep", "superellipse",
    "torus", "tube", "vessel",
]  # fmt: skip
