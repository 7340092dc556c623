"""Blender materials for :class:`likewise.scenes.finishes.Finish`."""

import zlib
from collections.abc import Callable
from typing import Any

import bpy

from likewise.scenes.blender.nodes import Graph, new_material
from likewise.scenes.finishes import Finish, linear


def material(finish: Finish) -> bpy.types.Material:
    """The Blender material of a finish; the same finish gives the same material."""
    name = f"{finish.kind} {finish.color} {zlib.crc32(repr(finish).encode()):08x}"
    if name in bpy.data.materials:
        return bpy.data.materials[name]
    return new_material(name, lambda graph: _SHADERS[finish.kind](graph, finish, _color(graph, finish)))


def _color(graph: Graph, finish: Finish) -> Any:
    first, second = linear(finish.color), linear(finish.second)
    if not finish.pattern:
        return first
    return graph.mix(_PATTERN_MASKS[finish.pattern](graph, finish.size), first, second)


def _angle_and_height(graph: Graph) -> tuple[Any, Any]:
    x, y, z = graph.axes(graph.position())
    turn = graph.math("DIVIDE", graph.math("ARCTAN2", y, x), 6.2831853)
    return turn, z


def _bands(graph: Graph, size: float) -> Any:
    _, z = _angle_and_height(graph)
    return graph.ramp(graph.math("PINGPONG", graph.math("MULTIPLY", z, size), 0.5), 0.24, 0.26)


def _stripes(graph: Graph, size: float) -> Any:
    turn, _ = _angle_and_height(graph)
    return graph.ramp(graph.math("PINGPONG", graph.math("MULTIPLY", turn, size), 0.5), 0.24, 0.26)


def _check(graph: Graph, size: float) -> Any:
    turn, z = _angle_and_height(graph)
    columns = graph.math(
        "MODULO", graph.math("FLOOR", graph.math("MULTIPLY", graph.math("ADD", turn, 1.0), size)), 2.0
    )
    rows = graph.math("FLOOR", graph.math("MULTIPLY", graph.math("ADD", z, 1.0), size * 0.8))
    rows = graph.math("MODULO", rows, 2.0)
    return graph.math("ABSOLUTE", graph.math("SUBTRACT", columns, rows))


def _dots(graph: Graph, size: float) -> Any:
    turn, z = _angle_and_height(graph)
    row = graph.math("FLOOR", graph.math("MULTIPLY", z, size * 0.8))
    shift = graph.math("MULTIPLY", graph.math("MODULO", graph.math("ADD", row, 100.0), 2.0), 0.5)
    column = graph.math("ADD", graph.math("MULTIPLY", turn, size), shift)
    u = graph.math("SUBTRACT", graph.math("FRACT", graph.math("ADD", column, 50.0)), 0.5)
    v = graph.math("SUBTRACT", graph.math("FRACT", graph.math("MULTIPLY", z, size * 0.8)), 0.5)
    squared = graph.math("ADD", graph.math("MULTIPLY", u, u), graph.math("MULTIPLY", v, v))
    return graph.ramp(squared, 0.075, 0.055)


def _zigzag(graph: Graph, size: float) -> Any:
    turn, z = _angle_and_height(graph)
    wave = graph.math("PINGPONG", graph.math("MULTIPLY", turn, size), 0.5)
    level = graph.math("ADD", graph.math("MULTIPLY", z, size * 0.7), wave)
    return graph.ramp(graph.math("PINGPONG", level, 0.5), 0.24, 0.26)


def _dip(graph: Graph, size: float) -> Any:
    _, z = _angle_and_height(graph)
    wobble = graph.noise(graph.position(), 3.0, 1.0)
    level = graph.math("ADD", z, graph.math("MULTIPLY", graph.math("SUBTRACT", wobble, 0.5), 0.06))
    return graph.ramp(level, size - 0.006, size + 0.006)


def _collar(graph: Graph, size: float) -> Any:
    _, z = _angle_and_height(graph)
    return graph.ramp(graph.math("ABSOLUTE", graph.math("SUBTRACT", z, size)), 0.065, 0.06)


def _speckle(graph: Graph, size: float) -> Any:
    return graph.ramp(graph.voronoi(graph.position(), size * 4), 0.24, 0.17)


_PATTERN_MASKS: dict[str, Callable[[Graph, float], Any]] = {
    "bands": _bands, "stripes": _stripes, "check": _check, "dots": _dots, "zigzag": _zigzag, "dip": _dip,
    "collar": _collar, "speckle": _speckle,
}  # fmt: skip


def _rough(finish: Finish, default: float) -> float:
    return default if finish.roughness is None else finish.roughness


def _ceramic(graph: Graph, finish: Finish, color: Any) -> Any:
    uneven = graph.bump(graph.noise(graph.position(), 6.0, 1.0), 0.04, 0.02)
    return graph.principled(
        base_color=color, roughness=_rough(finish, 0.28), coat_weight=0.6, coat_roughness=0.06, normal=uneven
    )


def _clay(graph: Graph, finish: Finish, color: Any) -> Any:
    grain = graph.noise(graph.position(), 40.0, 4.0)
    tinted = graph.mix(graph.ramp(grain, 0.3, 0.75), color, graph.mix(0.75, (0.02, 0.02, 0.02), color))
    return graph.principled(
        base_color=tinted, roughness=_rough(finish, 0.8), normal=graph.bump(grain, 0.25, 0.01)
    )


def _plastic(graph: Graph, finish: Finish, color: Any) -> Any:
    return graph.principled(base_color=color, roughness=_rough(finish, 0.35), subsurface_weight=0.0)


def _metal(graph: Graph, finish: Finish, color: Any) -> Any:
    brushed = graph.noise(graph.placed(graph.position(), (2.0, 2.0, 90.0)), 3.0, 2.0)
    rough = _rough(finish, 0.26)
    return graph.principled(
        base_color=color, metallic=1.0, roughness=graph.ramp(brushed, 0.2, 0.8, rough * 0.75, rough * 1.3)
    )


def _chrome(graph: Graph, finish: Finish, color: Any) -> Any:
    return graph.principled(base_color=color, metallic=1.0, roughness=_rough(finish, 0.07))


def _wood(graph: Graph, finish: Finish, color: Any) -> Any:
    stretched = graph.placed(graph.position(), (14.0, 14.0, 2.0))
    rings = graph.noise(stretched, 1.6, 3.0, 0.6, 1.4)
    fibre = graph.noise(graph.placed(graph.position(), (60.0, 60.0, 3.0)), 2.0, 2.0)
    dark = graph.mix(0.45, color, (0.06, 0.024, 0.008))
    grain = graph.math("ADD", graph.ramp(rings, 0.35, 0.7, 0.0, 0.75), graph.math("MULTIPLY", fibre, 0.3))
    return graph.principled(
        base_color=graph.mix(grain, color, dark), roughness=_rough(finish, 0.42), coat_weight=0.15,
        normal=graph.bump(fibre, 0.12, 0.01),
    )  # fmt: skip


def _fabric(graph: Graph, _finish: Finish, color: Any) -> Any:
    # Threads as stretched noise: a regular weave would show moiré at the size of our images.
    warp = graph.noise(graph.placed(graph.position(), (25.0, 25.0, 110.0)), 1.0, 2.0)
    weft = graph.noise(graph.placed(graph.position(), (110.0, 110.0, 25.0)), 1.0, 2.0)
    weave = graph.math("ADD", warp, weft)
    uneven = graph.noise(graph.position(), 14.0, 3.0)
    shade = graph.mix(graph.ramp(uneven, 0.25, 0.8, 0.0, 0.35), color, graph.mix(0.6, color, (0.0, 0.0, 0.0)))
    return graph.principled(
        base_color=shade,
        roughness=0.95,
        sheen_weight=0.35,
        sheen_roughness=0.5,
        normal=graph.bump(weave, 0.3, 0.006),
    )


def _leather(graph: Graph, finish: Finish, color: Any) -> Any:
    cells = graph.voronoi(graph.position(), 55.0)
    worn = graph.noise(graph.position(), 5.0, 3.0)
    shade = graph.mix(graph.ramp(worn, 0.35, 0.8, 0.0, 0.4), color, graph.mix(0.6, color, (0.0, 0.0, 0.0)))
    return graph.principled(
        base_color=shade, roughness=_rough(finish, 0.46), normal=graph.bump(cells, 0.3, 0.006)
    )


def _rubber(graph: Graph, finish: Finish, color: Any) -> Any:
    return graph.principled(base_color=color, roughness=_rough(finish, 0.7))


def _glass(graph: Graph, _finish: Finish, color: Any) -> Any:
    # Thin glass without refraction: tinted transparency below a mirror that grows towards grazing angles.
    # It lets light through in straight lines, so 16 samples suffice and no caustics are needed.
    facing = graph.node("LayerWeight", {"Blend": 0.35}).outputs["Fresnel"]
    edge = graph.node("LayerWeight", {"Blend": 0.55}).outputs["Facing"]
    tint = graph.mix(graph.ramp(edge, 0.2, 1.0, 0.0, 0.85), graph.mix(0.55, (1.0, 1.0, 1.0), color), color)
    through = graph.node("BsdfTransparent", {0: tint}).outputs[0]
    body = graph.principled(base_color=color, roughness=0.08, coat_weight=1.0)
    filled = graph.mix_shader(0.3, through, body)
    mirror = graph.node("BsdfGlossy", {"Color": (1.0, 1.0, 1.0), "Roughness": 0.03}).outputs[0]
    return graph.mix_shader(graph.ramp(facing, 0.05, 1.0, 0.05, 0.9), filled, mirror)


def _shade(graph: Graph, _finish: Finish, color: Any) -> Any:
    threads = graph.noise(graph.placed(graph.position(), (30.0, 30.0, 140.0)), 1.0, 2.0)
    cloth = graph.mix(graph.ramp(threads, 0.3, 0.7, 0.0, 0.2), color, graph.mix(0.5, color, (0.0, 0.0, 0.0)))
    back = graph.node("BsdfTranslucent", {0: cloth}).outputs[0]
    front = graph.principled(base_color=cloth, roughness=0.9, emission_color=cloth, emission_strength=0.25)
    return graph.mix_shader(0.3, front, back)


def _glow(graph: Graph, _finish: Finish, color: Any) -> Any:
    return graph.principled(base_color=color, roughness=0.3, emission_color=color, emission_strength=4.0)


def _straw(graph: Graph, _finish: Finish, color: Any) -> Any:
    turn, z = _angle_and_height(graph)
    over = graph.math("SINE", graph.math("MULTIPLY", turn, 600.0))
    under = graph.math("SINE", graph.math("MULTIPLY", z, 260.0))
    weave = graph.math("MULTIPLY", over, under)
    shade = graph.mix(graph.ramp(weave, -0.8, 0.8), graph.mix(0.45, color, (0.05, 0.02, 0.0)), color)
    return graph.principled(base_color=shade, roughness=0.75, normal=graph.bump(weave, 0.5, 0.008))


def _liquid(graph: Graph, _finish: Finish, color: Any) -> Any:
    return graph.principled(base_color=color, roughness=0.05, specular_ior_level=0.6)


_SHADERS: dict[str, Callable[[Graph, Finish, Any], Any]] = {
    "ceramic": _ceramic, "clay": _clay, "plastic": _plastic, "metal": _metal, "chrome": _chrome, "wood": _wood,
    "fabric": _fabric, "leather": _leather, "rubber": _rubber, "glass": _glass, "shade": _shade, "glow": _glow,
    "straw": _straw, "liquid": _liquid,
}  # fmt: skip
