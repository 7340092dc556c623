"""The distance of a pair as a bar of levels, and the strongest nodes of each level with the links between them."""

import math
from collections.abc import Sequence

from likewise.avsl.nodes import LevelPart, LinkedNode, NodeGraph
from likewise.report.charts import canvas
from likewise.report.svg import Chart, Shape, path
from likewise.results import percent

_BAR_PX, _ROW_PX = 26.0, 104.0
_NAME_PX = 52.0  # left of the nodes
_LARGEST_RADIUS, _WIDEST_LINK = 20.0, 9.0

Places = dict[LinkedNode, tuple[float, float]]
Values = dict[str, str | float]


def sum_chart(levels: Sequence[LevelPart], distance: float, error: float) -> Chart:
    """A bar divided into the parts of the distance per level, and the sum in figures.

    Args:
        levels: Levels, the highest first.
        distance: Distance of the model.
        error: Difference between the distance and the sum of the parts.
    """
    total = sum(part.contribution for part in levels) or 1.0
    shapes, left = [], 0.0
    for part in levels:
        width = part.contribution / total * canvas.WIDTH
        color = f"fill {canvas.series(part.level)}"
        box: Values = {"x": left, "y": 0, "width": width, "height": _BAR_PX, "class": color}
        shapes.append(Shape("rect", box, hint=f"level {part.level}: {part.contribution:z.4f}"))
        left += width
    names = [(f"level {part.level}: {part.contribution:z.4f}", canvas.series(part.level)) for part in levels]
    legend, height = canvas.legend(names, _BAR_PX + 8)
    figures = " + ".join(f"{part.contribution:z.4f}" for part in levels)
    caption = f"{figures} = {total:z.4f}; the distance of the model is {distance:z.4f}, a difference of {error:.0e}."
    return Chart(
        canvas.WIDTH, _BAR_PX + 8 + height, [*shapes, *legend], caption, f"The distance by level: {caption}"
    )


def graph_chart(graph: NodeGraph, distance: float) -> Chart:
    """Circles for nodes, as large as the part of the distance that goes through them; the filled part is their own.

    Lines are links, as wide as the part of the distance that they carry.
    """
    levels = sorted({node.level for node in graph.nodes}, reverse=True)
    places: Places = {}
    shapes = []
    for row, level in enumerate(levels):
        y = row * _ROW_PX + _LARGEST_RADIUS + 2
        nodes = _uncrossed([node for node in graph.nodes if node.level == level], graph, places)
        step = (canvas.WIDTH - _NAME_PX) / max(len(nodes), 1)
        for column, node in enumerate(nodes):
            places[node] = (_NAME_PX + (column + 0.5) * step, y)
        shapes.append(canvas.label(f"level {level}", 0, y, bold=True))
    strongest = max(link.flow for link in graph.links)
    links = [
        _ribbon(places[link.lower], places[link.higher], link.flow / strongest,
                f"{_name(link.lower)} to {_name(link.higher)}: {percent(link.flow / (distance or 1.0), 2)}")
        for link in reversed(graph.links)
    ]  # fmt: skip
    largest = max(node.carried for node in graph.nodes) or 1.0
    circles = [shape for node, place in places.items() for shape in _circle(node, place, largest, distance)]
    caption = (
        "Circle: the part of the distance that passes through a node. Core: its own contribution. Line: the "
        "contribution of a link to the higher level."
    )
    alt = f"The strongest nodes of {len(levels)} levels and the links between them"
    return Chart(canvas.WIDTH, len(levels) * _ROW_PX, [*links, *shapes, *circles], caption, alt)


def _uncrossed(nodes: list[LinkedNode], graph: NodeGraph, places: Places) -> list[LinkedNode]:
    """Below the nodes they send most to, so that lines cross less; nodes without a line last."""

    def place(node: LinkedNode) -> float:
        links = [link for link in graph.links if link.lower == node and link.higher in places]
        total = sum(link.flow for link in links)
        return sum(link.flow * places[link.higher][0] for link in links) / total if total else math.inf

    return sorted(nodes, key=place)


def _ribbon(lower: tuple[float, float], higher: tuple[float, float], share: float, hint: str) -> Shape:
    """A line as a filled shape, whose width is in scale."""
    (x, y), (to_x, to_y) = lower, higher
    length = math.hypot(to_x - x, to_y - y) or 1.0
    half = max(0.5, _WIDEST_LINK * share / 2)
    across, along = (to_y - y) / length * half, (to_x - x) / length * half
    corners = [(x + across, y - along), (to_x + across, to_y - along), (to_x - across, to_y + along),
               (x - across, y + along)]  # fmt: skip
    values: Values = {"d": path([corners], closed=True), "class": "fill c7", "opacity": 0.08 + 0.25 * share}
    return Shape("path", values, hint=hint)


def _circle(node: LinkedNode, place: tuple[float, float], largest: float, distance: float) -> list[Shape]:
    x, y = place
    radius = max(4.0, _LARGEST_RADIUS * math.sqrt(node.carried / largest))
    core = radius * math.sqrt(min(1.0, node.own / (node.carried or 1.0)))
    hint = f"node {_name(node)}: {node.carried:z.4f} of the distance, {node.own:z.4f} its own"
    color = f"fill {canvas.series(node.level)}"
    share = node.carried / (distance or 1.0)
    return [
        Shape("circle", {"cx": x, "cy": y, "r": radius, "class": color, "opacity": 0.35}, hint=hint),
        Shape("circle", {"cx": x, "cy": y, "r": core, "class": color}, hint=hint),
        canvas.label(_name(node), x, y + _LARGEST_RADIUS + 12, anchor="middle"),
        canvas.label(percent(share, 1), x, y + _LARGEST_RADIUS + 12 + canvas.LINE_PX, anchor="middle", faint=True),
    ]  # fmt: skip


def _name(node: LinkedNode) -> str:
    return f"{node.level}:{node.node}"
