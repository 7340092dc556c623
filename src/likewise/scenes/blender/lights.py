"""Light: named arrangements for products, and sun with sky for cars.

One key lamp, one fill lamp, one sun and the world serve every arrangement; only their settings change from image
to image, so Blender has little to prepare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from likewise.scenes.blender.nodes import Graph

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Arrangement:
    """Strengths and colours of the lamps; angles are degrees from the camera's direction and above the floor."""

    key: float
    key_size: float
    key_color: Color
    key_turn: float
    key_height: float
    fill: float
    sun: float
    sun_height: float
    sun_color: Color
    world: float
    world_color: Color


_WHITE, _WARM, _COOL, _DAY = (1.0, 0.98, 0.95), (1.0, 0.72, 0.42), (0.86, 0.93, 1.0), (1.0, 0.93, 0.82)

ARRANGEMENTS: dict[str, Arrangement] = {
    "softbox": Arrangement(95, 2.2, _WHITE, -50, 48, 30, 0.0, 45, _DAY, 0.45, _WHITE),
    "window": Arrangement(135, 3.0, _COOL, -95, 30, 8, 0.0, 45, _DAY, 0.28, _COOL),
    "sun": Arrangement(0, 1.0, _WHITE, 0, 45, 8, 4.2, 42, _DAY, 0.55, _COOL),
    "overcast": Arrangement(45, 6.0, _COOL, 0, 80, 0, 0.0, 45, _DAY, 0.95, (0.93, 0.96, 1.0)),
    "lamp": Arrangement(80, 0.6, _WARM, -40, 55, 10, 0.0, 45, _DAY, 0.3, (1.0, 0.86, 0.7)),
}


class Lights:
    """The lamps of one scene."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._key = _lamp(scene, "key", "AREA")
        self._fill = _lamp(scene, "fill", "AREA")
        self._sun = _lamp(scene, "sun", "SUN")
        self._fill.data.size = 4.0
        self._sun.data.angle = np.radians(1.2)
        self._world = _World(scene)

    def studio(self, name: str, turn_deg: float) -> None:
        """Set one of ``ARRANGEMENTS`` around the origin, turned by ``turn_deg``."""
        plan = ARRANGEMENTS[name]
        target = Vector((0.0, 0.0, 0.4))
        self._key.data.size = plan.key_size
        _aim(self._key, target, plan.key_turn + turn_deg, plan.key_height, 3.4)
        _aim(self._fill, target, plan.key_turn + turn_deg + 120, 35, 4.5)
        _aim(self._sun, target, plan.key_turn - 55 + turn_deg, plan.sun_height, 8.0)
        _power(self._key, plan.key, plan.key_color)
        _power(self._fill, plan.fill, (1.0, 1.0, 1.0))
        _power(self._sun, plan.sun, plan.sun_color)
        self._world.room(plan.world, plan.world_color)

    def outdoors(self, elevation_deg: float, rotation_deg: float, backdrop: Color) -> None:
        """Sun and sky; the camera sees ``backdrop`` where nothing else is."""
        low = float(np.clip(1 - elevation_deg / 40.0, 0.0, 1.0))
        color = tuple(np.array([1.0, 0.95, 0.87]) * (1 - low) + np.array([1.0, 0.71, 0.45]) * low)
        _aim(self._sun, Vector((0.0, 0.0, 0.0)), rotation_deg, elevation_deg, 50.0)
        _power(self._key, 0.0, _WHITE)
        _power(self._fill, 0.0, _WHITE)
        # A low sun lights the ground less; the eye and a camera would open up, so the sun is made stronger.
        _power(self._sun, 2.4 + 2.6 * low, (color[0], color[1], color[2]))
        self._world.sky(elevation_deg, backdrop)


class _World:
    """A room of soft light with bright windows for reflections, or a sky."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        scene.world = bpy.data.worlds.new("light")
        scene.world.use_nodes = True
        # One big importance map would be computed again for every image; the lamps carry the directed light.
        scene.world.cycles.sampling_method = "NONE"
        graph = Graph(scene.world.node_tree)
        direction = graph.node("TexCoord").outputs["Generated"]
        _, _, height = graph.axes(direction)
        self._sun_height = graph.node("Value")
        self._room = self._make_room(graph, height, direction)
        self._sky = self._make_sky(graph, height)
        self._backdrop = graph.node("RGB")
        self._outdoors = graph.node("Value")
        light = graph.mix(self._outdoors.outputs[0], self._room, self._sky)
        from_camera = graph.node("LightPath").outputs["Is Camera Ray"]
        color = graph.mix(
            graph.math("MULTIPLY", from_camera, self._outdoors.outputs[0]), light, self._backdrop.outputs[0]
        )
        self._strength = graph.node("Background", {"Color": color})
        graph.background(self._strength.outputs[0])

    def room(self, strength: float, color: Color) -> None:
        self._outdoors.outputs[0].default_value = 0.0
        self._tint.outputs[0].default_value = (*color, 1.0)
        self._strength.inputs["Strength"].default_value = strength

    def sky(self, elevation_deg: float, backdrop: Color) -> None:
        self._outdoors.outputs[0].default_value = 1.0
        self._sun_height.outputs[0].default_value = float(np.clip(elevation_deg / 60.0, 0.0, 1.0))
        self._backdrop.outputs[0].default_value = (*backdrop, 1.0)
        self._strength.inputs["Strength"].default_value = 1.0

    def _make_room(self, graph: Graph, height: Any, direction: Any) -> Any:
        self._tint = graph.node("RGB")
        base = graph.mix(graph.ramp(height, -0.3, 0.9), (0.35, 0.35, 0.36), (1.0, 1.0, 1.0))
        x, y, _ = graph.axes(direction)
        turn = graph.math("ARCTAN2", y, x)
        pane = graph.ramp(graph.math("PINGPONG", turn, 0.8), 0.32, 0.38)
        band = graph.math("MULTIPLY", graph.ramp(height, 0.12, 0.18), graph.ramp(height, 0.72, 0.62))
        window = graph.math("MULTIPLY", pane, band)
        lit = graph.node("LightPath").outputs["Is Glossy Ray"]
        bright = graph.mix(graph.math("MULTIPLY", window, lit), base, (2.6, 2.6, 2.6))
        return graph.mix(1.0, bright, self._tint.outputs[0], "MULTIPLY")

    def _make_sky(self, graph: Graph, height: Any) -> Any:
        day = self._sun_height.outputs[0]
        zenith = graph.mix(day, (0.30, 0.36, 0.52), (0.36, 0.47, 0.70))
        horizon = graph.mix(day, (1.0, 0.78, 0.58), (0.95, 0.97, 1.0))
        above = graph.mix(graph.ramp(height, 0.0, 0.55), horizon, zenith)
        # Paint and glass mirror a dark skyline and a bright strip overhead, as in a car studio; they give the
        # body its shape. Diffuse light does not see them.
        skyline = graph.math("MULTIPLY", graph.ramp(height, 0.13, 0.09), 0.8)
        strip = graph.math("MULTIPLY", graph.ramp(height, 0.55, 0.6), graph.ramp(height, 0.86, 0.8))
        mirrored = graph.mix(skyline, above, (0.10, 0.10, 0.11))
        mirrored = graph.mix(strip, mirrored, (2.4, 2.4, 2.4))
        glossy = graph.node("LightPath").outputs["Is Glossy Ray"]
        above = graph.mix(glossy, above, mirrored)
        return graph.mix(graph.ramp(height, -0.06, 0.0), (0.22, 0.21, 0.20), above)


def _lamp(scene: bpy.types.Scene, name: str, kind: str) -> bpy.types.Object:
    lamp = bpy.data.objects.new(name, bpy.data.lights.new(name, kind))
    scene.collection.objects.link(lamp)
    return lamp


def _power(lamp: bpy.types.Object, energy: float, color: Color) -> None:
    lamp.data.energy = energy
    lamp.data.color = color
    lamp.hide_render = energy <= 0.0


def _aim(lamp: bpy.types.Object, target: Vector, turn_deg: float, height_deg: float, distance: float) -> None:
    """Put a lamp at an angle around z (0 is the camera's side, -y) and let it look at ``target``."""
    turn, rise = np.radians(turn_deg), np.radians(height_deg)
    offset = Vector((np.sin(turn) * np.cos(rise), -np.cos(turn) * np.cos(rise), np.sin(rise))) * distance
    lamp.matrix_world = (
        Matrix.Translation(target + offset) @ (-offset).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    )
