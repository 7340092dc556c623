"""The distance of a pair as a bar of levels, and the strongest nodes of each level with the links between them."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from likewise.drawing import INK, PAPER, Color, font
from likewise.explain.node_types import LevelPart, LinkedNode, NodeGraph

_COLORS: list[Color] = [(0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0)]
_PALE: Color = (214, 220, 226)
_MARGIN, _BAR, _ROW = 16, 26, 92
_SIZE = 13
_LARGEST_RADIUS, _WIDEST_LINE = 20, 9.0
_SCALE = 2  # drawn larger and reduced, for smooth edges


def draw_sum(levels: Sequence[LevelPart], distance: float, error: float, width: int) -> Image.Image:
    """A bar cut by the levels' parts, and the sum in figures.

    Args:
        levels: Highest first.
        distance: Of the model.
        error: What all parts together miss it by.
        width: Of the picture.
    """
    canvas, draw = _canvas(width, _BAR + 3 * _SIZE + _MARGIN)
    total = sum(part.contribution for part in levels) or 1.0
    left = float(_MARGIN)
    for part in levels:
        right = left + part.contribution / total * (width - 2 * _MARGIN)
        box = [_SCALE * edge for edge in (left, 0, right, _BAR)]
        draw.rectangle(box, fill=level_color(part.level))
        # The figure stands in its part where there is room.
        if right - left > 90:
            place = (_SCALE * (left + 8), _SCALE * _BAR / 2)
            draw.text(place, f"level {part.level}", PAPER, font(_SCALE * _SIZE, bold=True), anchor="lm")
        left = right
    figures = " + ".join(f"{part.contribution:.4f} (level {part.level})" for part in levels)
    text = f"{figures} = {total:.4f}; the model says {distance:.4f}, a difference of {error:.0e}"
    draw.text((_SCALE * _MARGIN, _SCALE * (_BAR + _SIZE // 2)), text, INK, font(_SCALE * _SIZE))
    return _reduced(canvas)


def draw_graph(graph: NodeGraph, distance: float, width: int) -> Image.Image:
    """Circles for nodes, as large as the part of the distance that goes through them; the filled part is their own.

    Lines are links, as wide as the part of the distance that they carry.
    """
    levels = sorted({node.level for node in graph.nodes}, reverse=True)
    head = 2 * _SIZE + 6
    canvas, draw = _canvas(width, head + _ROW * len(levels) + _MARGIN)
    title = (
        "The strongest nodes and their links. Circle: the part of the distance that goes through a node; its core: the "
        "node's own part; line: what the link carries up"
    )
    draw.text((_SCALE * _MARGIN, 0), title, INK, font(_SCALE * _SIZE, bold=True))
    places: dict[LinkedNode, tuple[float, float]] = {}
    for row, level in enumerate(levels):
        nodes = _uncrossed([node for node in graph.nodes if node.level == level], graph, places)
        step = (width - 150) / max(len(nodes), 1)
        for column, node in enumerate(nodes):
            places[node] = (150 + (column + 0.5) * step - 40, head + row * _ROW + _LARGEST_RADIUS)
        y = head + row * _ROW + _LARGEST_RADIUS
        draw.text(
            (_SCALE * _MARGIN, _SCALE * y),
            f"level {level}",
            level_color(level),
            font(_SCALE * _SIZE, True),
            anchor="lm",
        )
    strongest = max(link.flow for link in graph.links)
    for link in reversed(graph.links):
        ends = [tuple(_SCALE * value for value in places[node]) for node in (link.lower, link.higher)]
        share = link.flow / strongest
        shade = tuple(round(235 - 110 * share) for _ in range(3))
        draw.line([*ends[0], *ends[1]], fill=shade, width=max(1, round(_SCALE * _WIDEST_LINE * share)))
    largest = max(node.carried for node in graph.nodes) or 1.0
    for node, place in places.items():
        _circle(draw, node, place, largest, distance)
    return _reduced(canvas)


def _uncrossed(
    nodes: list[LinkedNode], graph: NodeGraph, places: dict[LinkedNode, tuple[float, float]]
) -> list[LinkedNode]:
    """Below the nodes they send most to, so that lines cross less; nodes without a line last."""

    def place(node: LinkedNode) -> float:
        links = [link for link in graph.links if link.lower == node and link.higher in places]
        total = sum(link.flow for link in links)
        return sum(link.flow * places[link.higher][0] for link in links) / total if total else math.inf

    return sorted(nodes, key=place)


def level_color(level: int) -> Color:
    """The colour of a level, 0 = lowest."""
    return _COLORS[level % len(_COLORS)]


def _circle(
    draw: ImageDraw.ImageDraw, node: LinkedNode, place: tuple[float, float], largest: float, distance: float
) -> None:
    x, y = place
    radius = max(4.0, _LARGEST_RADIUS * math.sqrt(node.carried / largest))
    core = radius * math.sqrt(min(1.0, node.own / (node.carried or 1.0)))
    color = level_color(node.level)
    for size, fill, line in ((radius, _PALE, color), (core, color, None)):
        box = [_SCALE * edge for edge in (x - size, y - size, x + size, y + size)]
        draw.ellipse(box, fill=fill, outline=line, width=_SCALE)
    text = f"{node.level}:{node.node}  {node.carried / (distance or 1.0):.2%}"
    below = (_SCALE * x, _SCALE * (y + _LARGEST_RADIUS + 10))
    face = font(_SCALE * (_SIZE - 1))
    left, top, right, bottom = draw.textbbox(below, text, face, anchor="mm")
    draw.rectangle((left - 4, top - 2, right + 4, bottom + 2), fill=PAPER)
    draw.text(below, text, INK, face, anchor="mm")


def _canvas(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.new("RGB", (_SCALE * width, _SCALE * height), PAPER)
    return canvas, ImageDraw.Draw(canvas)


def _reduced(canvas: Image.Image) -> Image.Image:
    return canvas.resize((canvas.width // _SCALE, canvas.height // _SCALE), Image.Resampling.LANCZOS)
