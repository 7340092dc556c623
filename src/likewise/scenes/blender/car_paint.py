"""Materials of cars. The skin is one material that reads the signed distances stored with its vertices."""

from __future__ import annotations

from typing import Any

import bpy

from likewise.scenes.blender.finishes import material
from likewise.scenes.blender.nodes import Graph, new_material
from likewise.scenes.finishes import Finish

Color = tuple[float, float, float]

_FIXED = {
    "tyre": Finish("rubber", "#151515", roughness=0.8),
    "rim": Finish("metal", "#c4c6c9", roughness=0.24),
    "chrome": Finish("chrome", "#dfe1e3"),
    "brake": Finish("metal", "#77797c", roughness=0.4),
    "black": Finish("plastic", "#101112", roughness=0.45),
    "rail": Finish("metal", "#a9abae", roughness=0.35),
    "mirror": Finish("chrome", "#e8ebee", roughness=0.03),
    "plate": Finish("plastic", "#efeee8", roughness=0.4),
    "leather": Finish("leather", "#5b3b28"),
    "clear": Finish("glass", "#cfdcd8"),
}


class CarPaint:
    """The materials of all cars; the paint's colour is set for each image."""

    def __init__(self) -> None:
        self._colors: list[Any] = []
        self.materials: dict[str, bpy.types.Material] = {
            name: material(finish) for name, finish in _FIXED.items()
        }
        self.materials["skin"] = self._make("car skin", _skin)
        self.materials["paint"] = self._make("car paint", _paint)

    def paint(self, color: Color) -> None:
        """Give the cars a colour (linear RGB)."""
        for socket in self._colors:
            socket.default_value = (*color, 1.0)

    def _make(self, name: str, shader: Any) -> bpy.types.Material:
        def colored(graph: Graph) -> Any:
            color = graph.node("RGB").outputs[0]
            self._colors.append(color)
            return shader(graph, color)

        return new_material(name, colored)


def _paint(graph: Graph, color: Any) -> Any:
    return graph.principled(
        base_color=color,
        metallic=0.25,
        roughness=0.32,
        coat_weight=1.0,
        coat_roughness=0.02,
        specular_ior_level=0.5,
    )


def _skin(graph: Graph, color: Any) -> Any:
    inside = {
        name: graph.ramp(graph.field(name), 0.0015, -0.0015)
        for name in ("glass", "gap", "dark", "front_lamp", "rear_lamp", "grille", "chrome")
    }
    _, _, z = graph.axes(graph.position())
    mesh = graph.math("PINGPONG", z, 0.016)
    cells = graph.voronoi(graph.placed(graph.position(), (6.0, 7.0, 7.0)), 1.0, random=0.4)
    bars = graph.mix(graph.ramp(mesh, 0.009, 0.011), (0.012, 0.012, 0.013), (0.11, 0.11, 0.115))
    # A dark housing around bright reflectors, by the distance to the lamp's outline.
    reflector = graph.math(
        "MULTIPLY", graph.ramp(graph.field("front_lamp"), -0.012, -0.028), graph.ramp(cells, 0.5, 0.25)
    )
    lens = graph.mix(reflector, (0.16, 0.17, 0.18), (0.95, 0.97, 1.0))
    red = graph.mix(
        graph.ramp(graph.math("PINGPONG", z, 0.03), 0.012, 0.018), (0.36, 0.004, 0.006), (0.62, 0.02, 0.02)
    )
    layers = (
        # field, colour, metallic, roughness, glow
        ("chrome", (0.75, 0.76, 0.77), 1.0, 0.1, 0.0),
        ("gap", (0.006, 0.006, 0.006), 0.0, 0.9, 0.0),
        ("grille", bars, 0.0, 0.35, 0.0),
        ("dark", (0.012, 0.012, 0.013), 0.0, 0.65, 0.0),
        ("glass", (0.010, 0.013, 0.014), 0.0, 0.02, 0.0),
        ("front_lamp", lens, 0.4, 0.08, 0.35),
        ("rear_lamp", red, 0.0, 0.06, 0.25),
    )
    base, metallic, rough, glow, coat = color, 0.25, 0.32, 0.0, 1.0
    for name, tint, metal, roughness, light in layers:
        share = inside[name]
        base = graph.mix(share, base, tint)
        metallic, rough = _blend(graph, share, metallic, metal), _blend(graph, share, rough, roughness)
        glow = _blend(graph, share, glow, light)
        coat = _blend(graph, share, coat, 0.0 if name in ("dark", "gap", "grille") else 1.0)
    return graph.principled(
        base_color=base,
        metallic=metallic,
        roughness=rough,
        coat_weight=coat,
        coat_roughness=0.02,
        emission_color=base,
        emission_strength=glow,
    )


def _blend(graph: Graph, share: Any, first: Any, second: Any) -> Any:
    return graph.math(
        "ADD",
        graph.math("MULTIPLY", graph.math("SUBTRACT", 1.0, share), first),
        graph.math("MULTIPLY", share, second),
    )
