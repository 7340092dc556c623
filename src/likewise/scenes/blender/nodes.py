"""A short notation for Blender's shader graphs."""

from collections.abc import Callable
from typing import Any

import bpy


def new_material(name: str, shader: Callable[["Graph"], Any]) -> bpy.types.Material:
    """A material whose surface is what ``shader`` makes of an empty graph."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    # Emission is weak here: sampling its triangles as lamps would cost light paths, and more time than the rest of the
    # preparation of an image.
    material.cycles.emission_sampling = "NONE"
    graph = Graph(material.node_tree)
    graph.surface(shader(graph))
    return material


class Graph:
    """The node tree of a material or world, emptied; each method adds a node and gives its output socket.

    A value may be a number, a colour ``(r, g, b)`` in linear RGB, or the socket of another node.
    """

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree
        tree.nodes.clear()
        self._coordinates: Any = None

    def node(self, kind: str, inputs: dict[Any, Any] | None = None, **settings: Any) -> Any:
        """Add a node of type ``ShaderNode<kind>``; ``settings`` are its properties."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            self.feed(node.inputs[name], value)
        return node

    def feed(self, socket: Any, value: Any) -> None:
        """Link a socket, or set its default value."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif socket.type == "RGBA" and not isinstance(value, float | int):
            socket.default_value = (*value[:3], 1.0)
        elif socket.type == "RGBA":
            socket.default_value = (value, value, value, 1.0)
        else:
            socket.default_value = value

    def position(self, kind: str = "Object") -> Any:
        """Coordinates: ``Object`` (the mesh's own), ``Window``, ``Generated``, ``Reflection``..."""
        if self._coordinates is None:
            self._coordinates = self.node("TexCoord")
        return self._coordinates.outputs[kind]

    def axes(self, vector: Any) -> tuple[Any, Any, Any]:
        """The x, y and z of a vector."""
        outputs = self.node("SeparateXYZ", {0: vector}).outputs
        return outputs[0], outputs[1], outputs[2]

    def vector(self, x: Any, y: Any, z: Any = 0.0) -> Any:
        """A vector from three values."""
        return self.node("CombineXYZ", {0: x, 1: y, 2: z}).outputs[0]

    def math(self, operation: str, first: Any, second: Any = 0.0, third: Any = 0.0) -> Any:
        """One of Blender's scalar operations, for instance ``MULTIPLY``."""
        return self.node("Math", {0: first, 1: second, 2: third}, operation=operation).outputs[0]

    def placed(self, vector: Any, scale: Any = 1.0, turn_z: float = 0.0, move: Any = (0.0, 0.0, 0.0)) -> Any:
        """The vector scaled, turned about z and moved."""
        factors = scale if isinstance(scale, tuple) else (scale,) * 3
        inputs = {"Vector": vector, "Scale": factors, "Rotation": (0.0, 0.0, turn_z), "Location": move}
        return self.node("Mapping", inputs).outputs[0]

    def noise(
        self, vector: Any, scale: float, detail: float = 3.0, roughness: float = 0.5, distortion: float = 0.0
    ) -> Any:
        """Fractal noise, about 0 to 1."""
        inputs = {
            "Vector": vector,
            "Scale": scale,
            "Detail": detail,
            "Roughness": roughness,
            "Distortion": distortion,
        }
        return self.node("TexNoise", inputs).outputs[0]

    def voronoi(
        self, vector: Any, scale: float, output: str = "Distance", feature: str = "F1", random: float = 1.0
    ) -> Any:
        """Cells: the distance to their points or edges, or a colour per cell."""
        inputs = {"Vector": vector, "Scale": scale, "Randomness": random}
        return self.node("TexVoronoi", inputs, feature=feature).outputs[output]

    def ramp(self, value: Any, low: float, high: float, start: float = 0.0, end: float = 1.0) -> Any:
        """``value`` mapped from [low, high] to [start, end], cut there, with an S-curve between."""
        inputs = {"Value": value, 1: low, 2: high, 3: start, 4: end}
        return self.node("MapRange", inputs, interpolation_type="SMOOTHSTEP").outputs[0]

    def mix(self, share: Any, first: Any, second: Any, blend: str = "MIX") -> Any:
        """Colours mixed: share 0 gives the first."""
        node = self.node("Mix", data_type="RGBA", blend_type=blend, clamp_factor=True)
        for index, value in ((0, share), (6, first), (7, second)):
            self.feed(node.inputs[index], value)
        return node.outputs[2]

    def bump(self, height: Any, strength: float = 0.3, distance: float = 0.01) -> Any:
        """A normal that shows ``height`` as relief."""
        return self.node("Bump", {"Height": height, "Strength": strength, "Distance": distance}).outputs[0]

    def field(self, name: str) -> Any:
        """A number stored with the mesh's vertices."""
        return self.node("Attribute", attribute_name=name).outputs["Fac"]

    def principled(self, **inputs: Any) -> Any:
        """Blender's general material; underscores in names mean spaces."""
        named = {_title(name): value for name, value in inputs.items()}
        return self.node("BsdfPrincipled", named).outputs[0]

    def mix_shader(self, share: Any, first: Any, second: Any) -> Any:
        """Surfaces mixed: share 0 gives the first."""
        return self.node("MixShader", {0: share, 1: first, 2: second}).outputs[0]

    def surface(self, shader: Any) -> None:
        """End the graph of a material."""
        self.node("OutputMaterial", {"Surface": shader})

    def background(self, shader: Any) -> None:
        """End the graph of a world."""
        self.node("OutputWorld", {"Surface": shader})


def _title(name: str) -> str:
    return name.replace("_", " ").title().replace("Ior", "IOR")
