"""Joins parts into one Blender object."""

from collections.abc import Mapping, Sequence

import bpy
import numpy as np

from likewise.scenes.geometry import Part


def mesh_object(
    name: str, parts: Sequence[Part], materials: Mapping[str, bpy.types.Material]
) -> bpy.types.Object:
    """One object of all parts, each in its own material; it is linked nowhere yet.

    One object instead of dozens shortens the preparation of each image.
    """
    slots = sorted({part.material for part in parts})
    mesh = bpy.data.meshes.new(name)
    vertices = np.concatenate([part.vertices for part in parts])
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])[:-1]
    faces = [
        np.where(part.faces >= 0, part.faces + start, -1) for part, start in zip(parts, starts, strict=True)
    ]
    _fill(mesh, vertices, np.concatenate(faces))
    for slot in slots:
        mesh.materials.append(materials[slot])
    per_face = np.concatenate([np.full(len(part.faces), slots.index(part.material)) for part in parts])
    mesh.polygons.foreach_set("material_index", per_face.astype(np.int32))
    for field in sorted({field for part in parts for field in part.fields}):
        values = [part.fields.get(field, np.ones(len(part.vertices))) for part in parts]
        attribute = mesh.attributes.new(field, "FLOAT", "POINT")
        attribute.data.foreach_set("value", np.concatenate(values).astype(np.float32))
    _shade(mesh, parts)
    mesh.update()
    return bpy.data.objects.new(name, mesh)


def _fill(mesh: bpy.types.Mesh, vertices: np.ndarray, faces: np.ndarray) -> None:
    corners = np.where(faces[:, 3] >= 0, 4, 3)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(int(corners.sum()))
    mesh.loops.foreach_set("vertex_index", faces[faces >= 0].astype(np.int32))
    mesh.polygons.add(len(faces))
    starts = np.concatenate([[0], np.cumsum(corners)[:-1]])
    mesh.polygons.foreach_set("loop_start", starts.astype(np.int32))
    mesh.update(calc_edges=True)


def _shade(mesh: bpy.types.Mesh, parts: Sequence[Part]) -> None:
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), dtype=bool))
    angles = {part.sharp_deg for part in parts}
    if len(angles) == 1 and min(angles) >= 180.0:
        return
    # Blender takes one angle per mesh; parts that must stay smooth have small steps anyway.
    mesh.set_sharp_from_angle(angle=np.radians(max(angles)))
