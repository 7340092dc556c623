"""The scene of every image: camera, floor and wall, render settings, and the output of image and mask."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from likewise.scenes.blender.exr import coverage, read_channels
from likewise.scenes.blender.lights import Lights

THING = "likewise thing"
_SENSOR_MM = 36.0


class Studio:
    """One Blender scene, set up once and used for many images.

    Args:
        samples: Light paths per pixel.
        threads: Processor threads; 0 takes all.
        scratch: A folder for the passes of one image.
    """

    def __init__(self, samples: int, threads: int, scratch: Path) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        self.scratch = scratch / f"passes-{os.getpid()}.exr"
        self.lights = Lights(self.scene)
        self._camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        self.scene.collection.objects.link(self._camera)
        self.scene.camera = self._camera
        self._things: dict[str, bpy.types.Object] = {}
        self._root = bpy.data.objects.new(THING, None)
        self.scene.collection.objects.link(self._root)
        self._floor, self._wall, self._sweep, self._ground = _stage(self.scene)
        self._settings(samples, threads)

    def _settings(self, samples: int, threads: int) -> None:
        scene = self.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.samples = samples
        scene.cycles.use_adaptive_sampling = False
        scene.cycles.use_denoising = True
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
        scene.cycles.max_bounces = 6
        scene.cycles.diffuse_bounces = 3
        scene.cycles.glossy_bounces = 3
        scene.cycles.transmission_bounces = 4
        scene.cycles.transparent_max_bounces = 8
        # Three lamps need no tree, which would be rebuilt for every image.
        scene.cycles.use_light_tree = False
        scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
        scene.cycles.sample_clamp_indirect = 4.0
        scene.render.use_persistent_data = True
        scene.render.resolution_percentage = 100
        scene.render.threads_mode = "FIXED" if threads else "AUTO"
        if threads:
            scene.render.threads = threads
        scene.view_settings.view_transform = "AgX"
        scene.view_settings.look = "AgX - Medium High Contrast"
        layer = scene.view_layers[0]
        layer.use_pass_cryptomatte_asset = True
        layer.pass_cryptomatte_depth = 4

    def add(self, name: str, thing: bpy.types.Object) -> None:
        """Add an object to the scene, hidden at first."""
        _set_hidden(thing, True)
        if thing.name not in self.scene.collection.objects:
            self.scene.collection.objects.link(thing)
        thing.parent = self._root
        self._things[name] = thing

    def has(self, name: str) -> bool:
        """Whether the object was added."""
        return name in self._things

    def remove(self, name: str) -> None:
        """Remove an object from the scene, with its mesh and the materials that nothing else uses."""
        thing = self._things.pop(name)
        mesh, materials = thing.data, list(thing.data.materials)
        bpy.data.objects.remove(thing)
        bpy.data.meshes.remove(mesh)
        for each in materials:
            if not each.users:
                bpy.data.materials.remove(each)

    def show(self, name: str, turn_deg: float) -> bpy.types.Object:
        """Show one object, turned about z, and hide the others."""
        for other, thing in self._things.items():
            _set_hidden(thing, other != name)
        self._root.rotation_euler = (0.0, 0.0, np.radians(turn_deg))
        return self._things[name]

    def look(
        self,
        target: tuple[float, float, float],
        elevation_deg: float,
        distance: float,
        focal_mm: float,
        *,
        shift: tuple[float, float] = (0.0, 0.0),
        aperture: float = 0.0,
    ) -> None:
        """Point the camera at ``target`` from -y.

        ``shift`` moves the image by fractions of its width; content in front of and behind the target is blurred by
        the width of the ``aperture``, in the scene's unit.
        """
        rise = np.radians(elevation_deg)
        offset = Vector((0.0, -np.cos(rise), np.sin(rise))) * distance
        place = Matrix.Translation(Vector(target) + offset)
        self._camera.matrix_world = place @ (-offset).to_track_quat("-Z", "Y").to_matrix().to_4x4()
        lens = self._camera.data
        lens.lens, lens.sensor_width = focal_mm, _SENSOR_MM
        lens.shift_x, lens.shift_y = shift
        lens.clip_end = 1000.0
        lens.dof.use_dof = aperture > 0
        lens.dof.focus_distance = distance
        lens.dof.aperture_fstop = focal_mm / 1000 / max(aperture, 1e-6)

    def stage(
        self,
        kind: str,
        floor: bpy.types.Material,
        wall: bpy.types.Material,
        *,
        depth: float = 2.2,
        move: tuple[float, float] = (0.0, 0.0),
        turn_deg: float = 0.0,
    ) -> None:
        """Choose the ground of the object: ``room``, ``sweep`` or ``ground``, and the visible patch."""
        for name, object_ in (
            ("room", self._floor),
            ("room", self._wall),
            ("sweep", self._sweep),
            ("ground", self._ground),
        ):
            object_.hide_render = name != kind
        self._floor.data.materials[0] = self._sweep.data.materials[0] = self._ground.data.materials[0] = floor
        self._wall.data.materials[0] = wall
        self._floor.location = (move[0], move[1], 0.0)
        self._floor.rotation_euler = (0.0, 0.0, np.radians(turn_deg))
        self._wall.location = (move[1], depth, 0.0)
        self._sweep.location = (move[0], 0.0, 0.0)

    def render(self, size_px: int, seed: int, exposure: float = 0.0) -> np.ndarray:
        """Render; the image stays in Blender's memory. Returns the coverage of the object ``(H, W)``, 0 to 1."""
        scene = self.scene
        scene.render.resolution_x = scene.render.resolution_y = size_px
        scene.cycles.seed = seed % (1 << 31)
        scene.view_settings.exposure = exposure
        bpy.ops.render.render()
        settings = scene.render.image_settings
        settings.media_type = "MULTI_LAYER_IMAGE"
        settings.file_format = "OPEN_EXR_MULTILAYER"
        settings.color_depth = "32"
        settings.exr_codec = "NONE"
        bpy.data.images["Render Result"].save_render(str(self.scratch), scene=scene)
        return coverage(read_channels(self.scratch), scene.view_layers[0].name, THING)

    def save(self, path: Path, quality: int) -> None:
        """Write the last image as JPEG or PNG, by the suffix of ``path``."""
        settings = self.scene.render.image_settings
        settings.media_type = "IMAGE"
        settings.file_format = "PNG" if path.suffix == ".png" else "JPEG"
        settings.color_mode = "RGB"
        settings.quality = quality
        if path.suffix == ".png":
            settings.color_depth = "8"
            settings.compression = 50
        bpy.data.images["Render Result"].save_render(str(path), scene=self.scene)


def _set_hidden(thing: bpy.types.Object, hidden: bool) -> None:
    for object_ in (thing, *thing.children_recursive):
        object_.hide_render = hidden


def _stage(scene: bpy.types.Scene) -> tuple[bpy.types.Object, ...]:
    """Floor, wall, sweep (floor that bends up into a wall) and wide ground."""
    half = 30.0
    floor = _sheet(
        "floor", [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], [(0, 1, 2, 3)]
    )
    wall = _sheet("wall", [(-half, 0, -1), (half, 0, -1), (half, 0, half), (-half, 0, half)], [(0, 1, 2, 3)])
    radius, back = 1.1, 2.6
    angle = np.linspace(0.0, np.pi / 2, 20)
    line = [
        (-half, 0.0),
        *zip(back - radius + radius * np.sin(angle), radius - radius * np.cos(angle), strict=True),
        (back, half),
    ]
    vertices = [(x, y, z) for y, z in line for x in (-half, half)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(line) - 1)]
    sweep = _sheet("sweep", vertices, faces)
    far = 400.0
    ground = _sheet(
        "ground", [(-far, -far, 0), (far, -far, 0), (far, far, 0), (-far, far, 0)], [(0, 1, 2, 3)]
    )
    stage = (floor, wall, sweep, ground)
    for object_ in stage:
        object_.data.materials.append(None)
        object_.data.polygons.foreach_set("use_smooth", np.ones(len(object_.data.polygons), dtype=bool))
        scene.collection.objects.link(object_)
    return stage


def _sheet(
    name: str, vertices: Sequence[Sequence[float]], faces: Sequence[Sequence[int]]
) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    mesh.update()
    return bpy.data.objects.new(name, mesh)
