"""Loads a user's 3-D model and scales it to the size that all objects share."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector


class ModelFileError(Exception):
    """A model file that cannot be used; the message is for the user."""


def load_model(name: str, path: Path, radius: float = 0.5) -> tuple[bpy.types.Object, float]:
    """The model's objects under one empty, standing on z = 0 in a ball of ``radius``, and their height.

    Raises:
        ModelFileError: The file cannot be read or contains no surface.
    """
    before = set(bpy.data.objects)
    try:
        _read(path)
    except Exception as error:  # every reader has errors of its own
        _remove(set(bpy.data.objects) - before)
        raise ModelFileError(
            f"{path.name} cannot be read as a 3-D model ({_last_line(error)}); it is skipped."
        ) from None
    added = set(bpy.data.objects) - before
    bpy.context.view_layer.update()
    meshes = [thing for thing in added if thing.type == "MESH" and len(thing.data.polygons)]
    if not meshes:
        _remove(added)
        raise ModelFileError(f"{path.name} contains no surface to render; it is skipped.")
    _remove({thing for thing in added if thing.type in ("CAMERA", "LIGHT", "SPEAKER", "LIGHT_PROBE")})
    return _brought_to_size(name, [thing for thing in added if _alive(thing)], meshes, radius)


def _read(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in (".glb", ".gltf"):
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif suffix == ".obj":
        bpy.ops.wm.obj_import(filepath=str(path))
    else:
        # Appending takes the objects only: no scripts of the file are run.
        with bpy.data.libraries.load(str(path), link=False) as (source, target):
            target.objects = list(source.objects)
        for thing in target.objects:
            if thing is not None and thing.name not in bpy.context.scene.collection.objects:
                bpy.context.scene.collection.objects.link(thing)


def _brought_to_size(
    name: str, things: list[bpy.types.Object], meshes: list[bpy.types.Object], radius: float
) -> tuple[bpy.types.Object, float]:
    corners = np.concatenate([_world_corners(mesh) for mesh in meshes])
    low, high = corners.min(axis=0), corners.max(axis=0)
    centre = (low + high) / 2
    reach = float(np.linalg.norm(corners - centre, axis=1).max())
    if not np.isfinite(reach) or reach <= 0:
        _remove(set(things))
        raise ModelFileError(f"The model {name} has no extent; it is skipped.")
    factor = radius / reach
    holder = bpy.data.objects.new(f"model {name}", None)
    bpy.context.scene.collection.objects.link(holder)
    for thing in things:
        if thing.parent is None:
            thing.parent = holder
    shift = Matrix.Translation(Vector((-centre[0], -centre[1], -low[2])))
    holder.matrix_world = Matrix.Scale(factor, 4) @ shift
    return holder, float(high[2] - low[2]) * factor


def _world_corners(mesh: bpy.types.Object) -> np.ndarray:
    count = len(mesh.data.vertices)
    points = np.empty(count * 3, np.float32)
    mesh.data.vertices.foreach_get("co", points)
    world = np.array(mesh.matrix_world)
    placed: np.ndarray = points.reshape(count, 3) @ world[:3, :3].T + world[:3, 3]
    return placed


def _remove(things: set[bpy.types.Object]) -> None:
    for thing in things:
        bpy.data.objects.remove(thing, do_unlink=True)


def _alive(thing: bpy.types.Object) -> bool:
    try:
        return bool(thing.name)
    except ReferenceError:
        return False


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".")[:160] if lines else type(error).__name__
