"""Blender materials of floors and walls. One unit is the diameter of the object."""

from collections.abc import Callable
from typing import Any

import bpy

from likewise.scenes.backgrounds import Background
from likewise.scenes.blender.nodes import Graph, new_material
from likewise.scenes.finishes import linear

_GROUND_COLOR = "ground colour"


def floor_material(background: Background) -> bpy.types.Material:
    """The floor (or sweep) of a background."""
    return _named(
        f"floor {background.name}",
        lambda graph: _FLOORS[background.family](graph, linear(background.color), linear(background.second)),
    )


def wall_material(background: Background) -> bpy.types.Material:
    """The wall of a background: plaster, or hedge and sky outdoors."""
    shader = _hedge if background.family == "grass" else _plaster
    name = f"wall {background.name}"
    return _named(name, lambda graph: shader(graph, linear(background.wall), linear(background.color)))


def colored_ground(color: tuple[float, float, float]) -> bpy.types.Material:
    """A matt ground that fades into the backdrop; one material whose colour (linear RGB) is set at each call."""
    material = _named("coloured ground", _fading_ground)
    material.node_tree.nodes[_GROUND_COLOR].outputs[0].default_value = (*color, 1.0)
    return material


def _fading_ground(graph: Graph) -> Any:
    color = graph.node("RGB", name=_GROUND_COLOR).outputs[0]
    near = graph.principled(base_color=color, roughness=0.9, specular_ior_level=0.2)
    far = graph.node("Emission", {"Color": color}).outputs[0]
    distance = graph.node("CameraData").outputs["View Distance"]
    return graph.mix_shader(graph.ramp(distance, 11.0, 45.0), near, far)


class PhotoSurface:
    """A photo on floor and wall, seen through the camera: half it shines by itself, half it takes light and shadow."""

    def __init__(self) -> None:
        self._material: bpy.types.Material | None = None
        self._texture: Any = None
        self._place: Any = None

    def show(self, path: str, patch: list[float]) -> bpy.types.Material:
        """The surface with a patch of the photo at ``path``.

        Raises:
            RuntimeError: Blender cannot read the file.
        """
        if self._material is None:
            self._material = _named("photo", self._shader)
        old = self._texture.image
        if old is None or old.filepath != path:
            self._texture.image = bpy.data.images.load(path)
            if old is not None:
                bpy.data.images.remove(old)
        # Three numbers from 0 to 1: how large the patch is, and where it lies.
        x, y, size = (patch[0] + 8) / 16, (patch[1] + 8) / 16, 0.6 + 0.4 * patch[2] / 360
        self._place.inputs["Scale"].default_value = (size, size, 1.0)
        self._place.inputs["Location"].default_value = (x * (1 - size), y * (1 - size), 0.0)
        return self._material

    def _shader(self, graph: Graph) -> Any:
        self._place = graph.node("Mapping", {"Vector": graph.position("Window")})
        self._texture = graph.node("TexImage", {"Vector": self._place.outputs[0]}, extension="EXTEND")
        color = self._texture.outputs["Color"]
        return graph.principled(
            base_color=color,
            roughness=1.0,
            specular_ior_level=0.0,
            emission_color=color,
            emission_strength=0.42,
        )


def _named(name: str, shader: Callable[[Graph], Any]) -> bpy.types.Material:
    if name in bpy.data.materials:
        return bpy.data.materials[name]
    return new_material(name, shader)


def _darker(graph: Graph, color: Any, share: float) -> Any:
    return graph.mix(share, color, (0.0, 0.0, 0.0))


def _plain(graph: Graph, color: Any, _second: Any) -> Any:
    return graph.principled(base_color=color, roughness=0.85, specular_ior_level=0.2)


def _wood(graph: Graph, color: Any, second: Any) -> Any:
    place = graph.position()
    x, y, _ = graph.axes(place)
    board = graph.math("FLOOR", graph.math("DIVIDE", y, 0.42))
    shift = graph.node("TexWhiteNoise", {"W": board}, noise_dimensions="1D").outputs["Value"]
    along = graph.math("ADD", x, graph.math("MULTIPLY", shift, 37.0))
    piece = graph.math(
        "ADD", graph.math("FLOOR", graph.math("DIVIDE", along, 3.4)), graph.math("MULTIPLY", board, 7.31)
    )
    tone = graph.node("TexWhiteNoise", {"W": piece}, noise_dimensions="1D").outputs["Value"]
    grain_place = graph.vector(graph.math("MULTIPLY", along, 0.55), graph.math("MULTIPLY", y, 6.5), tone)
    grain = graph.noise(grain_place, 1.8, 6.0, 0.62, 1.2)
    fibre = graph.noise(
        graph.vector(graph.math("MULTIPLY", along, 2.0), graph.math("MULTIPLY", y, 60.0)), 1.0, 2.0
    )
    shade = graph.mix(graph.ramp(grain, 0.36, 0.72), color, second)
    shade = graph.mix(graph.math("MULTIPLY", fibre, 0.22), shade, second)
    shade = graph.mix(graph.ramp(tone, 0.0, 1.0, 0.0, 0.35), shade, _darker(graph, second, 0.2))
    gap_y = graph.math("PINGPONG", y, 0.21)
    gap_x = graph.math("PINGPONG", along, 1.7)
    gap = graph.ramp(graph.math("MINIMUM", gap_y, gap_x), 0.003, 0.009)
    shade = graph.mix(gap, _darker(graph, second, 0.75), shade)
    relief = graph.math("ADD", gap, graph.math("MULTIPLY", grain, 0.08))
    return graph.principled(
        base_color=shade,
        roughness=graph.ramp(grain, 0.2, 0.8, 0.32, 0.5),
        normal=graph.bump(relief, 0.25, 0.01),
    )


def _tiles(graph: Graph, color: Any, second: Any) -> Any:
    x, y, _ = graph.axes(graph.position())
    size = 0.78
    edge_x = graph.math("PINGPONG", x, size / 2)
    edge_y = graph.math("PINGPONG", y, size / 2)
    gap = graph.ramp(graph.math("MINIMUM", edge_x, edge_y), 0.010, 0.020)
    cell = graph.vector(
        graph.math("FLOOR", graph.math("DIVIDE", x, size)), graph.math("FLOOR", graph.math("DIVIDE", y, size))
    )
    tone = graph.node("TexWhiteNoise", {"Vector": cell}).outputs["Value"]
    cloud = graph.noise(graph.position(), 2.2, 4.0)
    tile = graph.mix(graph.ramp(tone, 0.0, 1.0, 0.0, 0.2), color, _darker(graph, color, 0.4))
    tile = graph.mix(graph.ramp(cloud, 0.4, 0.7, 0.0, 0.18), tile, (1.0, 1.0, 1.0))
    return graph.principled(
        base_color=graph.mix(gap, second, tile),
        roughness=graph.ramp(gap, 0.0, 1.0, 0.8, 0.18),
        normal=graph.bump(gap, 0.4, 0.012),
    )


def _cloth(graph: Graph, color: Any, second: Any) -> Any:
    thread = graph.noise(graph.placed(graph.position(), (70.0, 14.0, 14.0)), 1.0, 2.0)
    weft = graph.noise(graph.placed(graph.position(), (14.0, 70.0, 70.0)), 1.0, 2.0)
    weave = graph.math("ADD", thread, weft)
    folds = graph.noise(graph.placed(graph.position(), (1.0, 0.4, 0.4), 0.6), 1.0, 1.5, 0.4, 1.2)
    relief = graph.math("ADD", graph.math("MULTIPLY", folds, 12.0), graph.math("MULTIPLY", weave, 0.05))
    shade = graph.mix(graph.ramp(weave, 0.8, 1.2), second, color)
    return graph.principled(
        base_color=shade, roughness=0.95, sheen_weight=0.3, normal=graph.bump(relief, 0.5, 0.03)
    )


def _grass(graph: Graph, color: Any, second: Any) -> Any:
    tone = graph.noise(graph.position(), 0.9, 4.0)
    tufts = graph.voronoi(graph.placed(graph.position(), (1.0, 0.55, 1.0)), 17.0)
    blades = graph.noise(graph.placed(graph.position(), (46.0, 17.0, 46.0)), 1.0, 3.0, 0.7)
    shade = graph.mix(graph.ramp(tone, 0.3, 0.7), color, second)
    shade = graph.mix(graph.ramp(blades, 0.42, 0.66, 0.0, 0.4), shade, (0.55, 0.62, 0.16))
    shade = graph.mix(graph.ramp(tufts, 0.25, 0.7, 0.0, 0.75), shade, _darker(graph, second, 0.7))
    relief = graph.math("SUBTRACT", blades, graph.math("MULTIPLY", tufts, 0.8))
    return graph.principled(
        base_color=shade, roughness=0.9, specular_ior_level=0.15, normal=graph.bump(relief, 0.9, 0.06)
    )


def _concrete(graph: Graph, color: Any, second: Any) -> Any:
    cloud = graph.noise(graph.position(), 0.9, 7.0, 0.62)
    pores = graph.ramp(graph.voronoi(graph.position(), 16.0), 0.05, 0.11)
    shade = graph.mix(graph.ramp(cloud, 0.32, 0.68), color, second)
    shade = graph.mix(pores, _darker(graph, second, 0.45), shade)
    relief = graph.math("ADD", pores, graph.math("MULTIPLY", cloud, 0.6))
    return graph.principled(base_color=shade, roughness=0.78, normal=graph.bump(relief, 0.22, 0.01))


def _marble(graph: Graph, color: Any, second: Any) -> Any:
    bent = graph.noise(graph.position(), 0.8, 6.0, 0.6, 2.2)
    vein = graph.ramp(graph.math("ABSOLUTE", graph.math("SUBTRACT", bent, 0.5)), 0.05, 0.0)
    fine = graph.noise(graph.position(), 2.6, 6.0, 0.6, 3.0)
    thin = graph.ramp(graph.math("ABSOLUTE", graph.math("SUBTRACT", fine, 0.5)), 0.014, 0.0, 0.0, 0.5)
    cloud = graph.ramp(graph.noise(graph.position(), 0.6, 3.0), 0.35, 0.75, 0.0, 0.2)
    shade = graph.mix(cloud, color, second)
    shade = graph.mix(graph.math("MAXIMUM", graph.math("MULTIPLY", vein, 0.75), thin), shade, second)
    return graph.principled(base_color=shade, roughness=0.12)


def _carpet(graph: Graph, color: Any, second: Any) -> Any:
    tuft = graph.voronoi(graph.position(), 26.0)
    tone = graph.noise(graph.position(), 2.4, 3.0)
    shade = graph.mix(graph.ramp(tone, 0.35, 0.65), color, second)
    shade = graph.mix(graph.ramp(tuft, 0.25, 0.75, 0.0, 0.7), shade, _darker(graph, second, 0.5))
    return graph.principled(
        base_color=shade,
        roughness=1.0,
        specular_ior_level=0.05,
        sheen_weight=0.4,
        normal=graph.bump(tuft, -0.9, 0.02),
    )


def _plaster(graph: Graph, color: Any, second: Any) -> Any:
    grain = graph.noise(graph.position(), 5.0, 6.0, 0.65)
    return graph.principled(
        base_color=graph.mix(graph.ramp(grain, 0.3, 0.7, 0.0, 0.1), color, second),
        roughness=0.9,
        specular_ior_level=0.2,
        normal=graph.bump(grain, 0.12, 0.02),
    )


def _hedge(graph: Graph, color: Any, second: Any) -> Any:
    _, _, z = graph.axes(graph.position())
    clumps = graph.noise(graph.position(), 0.55, 3.0)
    leaves = graph.noise(graph.position(), 4.5, 5.0, 0.7)
    light = graph.mix(0.25, second, (0.9, 0.95, 0.5))
    green = graph.mix(graph.ramp(leaves, 0.38, 0.62), _darker(graph, second, 0.72), light)
    green = graph.mix(graph.ramp(clumps, 0.35, 0.65, 0.0, 0.55), green, _darker(graph, second, 0.6))
    rim = graph.math("ADD", z, graph.math("MULTIPLY", graph.math("SUBTRACT", clumps, 0.5), 2.4))
    sky = graph.ramp(rim, 1.3, 1.5)
    # Its own light, since the lamps stand near the thing and do not reach so far.
    lit = graph.node("Emission", {"Color": green, "Strength": 0.75}).outputs[0]
    glow = graph.node("Emission", {"Color": color, "Strength": 1.3}).outputs[0]
    return graph.mix_shader(sky, lit, glow)


_FLOORS: dict[str, Callable[[Graph, Any, Any], Any]] = {
    "plain": _plain,
    "wood": _wood,
    "tiles": _tiles,
    "cloth": _cloth,
    "grass": _grass,
    "concrete": _concrete,
    "marble": _marble,
    "carpet": _carpet,
}
