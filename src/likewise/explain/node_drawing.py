"""An AVSL model's explanation of a pair as a picture: the sum, the nodes level by level, and their links."""

from collections.abc import Sequence

from PIL import Image

from likewise.drawing import PAPER, RIGHT, WRONG, Tile, sheet
from likewise.explain.node_graph import draw_graph, draw_sum
from likewise.explain.node_types import LevelPart, NodePicture
from likewise.explain.pair_drawing import largest, overlay
from likewise.explain.pair_types import PairExplanation

_HEAD_PX, _NODE_PX = 190, 139  # six and eight tiles of one width


def draw_node_pair(pair: PairExplanation) -> Image.Image:
    """Both photos, the distance as a sum of levels, each level's nodes, and the links of the strongest nodes."""
    head = _head(pair)
    rows = [[tile for node in part.nodes for tile in _tiles(pair, node)] for part in pair.levels]
    titles = [_title(part, pair.distance) for part in pair.levels]
    nodes = sheet(rows, _NODE_PX, row_titles=titles, caption_lines=2)
    parts = [head, draw_sum(pair.levels, pair.distance, pair.completeness or 0.0, head.width), nodes]
    if pair.graph is not None and pair.graph.links:
        parts.append(draw_graph(pair.graph, pair.distance, head.width))
    return _stacked(parts)


def _head(pair: PairExplanation) -> Image.Image:
    apart = largest(side.apart for side in (pair.a, pair.b))
    evidence = largest(side.evidence for side in (pair.a, pair.b))
    tiles = [Tile(side.image, side.name, mark=mark) for mark, side in (("a", pair.a), ("b", pair.b))]
    for side, other in ((pair.a, pair.b), (pair.b, pair.a)):
        shown = overlay(side.image, side.evidence / evidence)
        tiles.append(Tile(shown, f"red: shared with {other.name}"))
    tiles += [
        Tile(overlay(side.image, side.apart / apart), "red: tells them apart, blue: makes them alike")
        for side in (pair.a, pair.b)
    ]
    title = f"AVSL distance {pair.distance:.4f} by {pair.model}"
    return sheet([tiles], _HEAD_PX, title, caption_lines=2)


def _title(part: LevelPart, distance: float) -> str:
    grid = f"{part.grid[0]} x {part.grid[1]} places"
    share = part.contribution / (distance or 1.0)
    words = "orange: the nodes that tell the two apart most"
    if any(node.role == "alike" for node in part.nodes):
        words += "; green: those that find most in both"
    return f"Level {part.level} ({grid}) carries {share:.1%} of the distance; {words}"


def _tiles(pair: PairExplanation, node: NodePicture) -> list[Tile]:
    """The node on both photos, on one scale; red is the sign of the image in which it is stronger."""
    top = largest(node.maps)
    stronger = max(node.maps, key=lambda values: abs(float(values.mean())))
    sign = -1.0 if float(stronger.mean()) < 0 else 1.0
    share = node.contribution / (pair.distance or 1.0)
    frame = WRONG if node.role == "apart" else RIGHT
    told = f"+{share:.2%} of the distance" if node.role == "apart" else f"{-node.shared:+.4f}: in both"
    return [
        Tile(
            overlay(side.image, sign * values / top),
            f"{text}\n{name}: {sign * values.mean():+.3f}",
            frame,
            name,
        )
        for name, side, values, text in (
            ("a", pair.a, node.maps[0], f"node {node.level}:{node.node}"),
            ("b", pair.b, node.maps[1], told),
        )
    ]


def _stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    width = max(picture.width for picture in pictures)
    canvas = Image.new("RGB", (width, sum(picture.height for picture in pictures)), PAPER)
    top = 0
    for picture in pictures:
        canvas.paste(picture, (0, top))
        top += picture.height
    return canvas
