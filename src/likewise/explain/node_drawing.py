"""Nodes of an AVSL model as grids of captioned pictures: those of a pair, level by level, or one by its images."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from likewise.drawing import RIGHT, WRONG, Grid, Tile, heat_overlay
from likewise.explain.node_types import LevelPart, NodePicture
from likewise.explain.pair_drawing import largest, overlay

if TYPE_CHECKING:
    from likewise.explain.node_naming import NodeImage, NodeName
    from likewise.explain.pair_types import PairExplanation

_NODE_PX = 139
_ROLES = {"apart": "What tells the two apart", "alike": "What they share"}


def level_grids(pair: "PairExplanation") -> list[Grid]:
    """One grid per level, highest first: its nodes on both photos, those that tell apart above those in both."""
    return [_level(pair, part) for part in pair.levels]


def node_grid(name: "NodeName") -> Grid:
    """Four rows: the images with the highest responses, the node's maps on them, and the same of the lowest."""
    ends = (("highest", name.highest), ("lowest", name.lowest))
    top = largest(each.map for _, end in ends for each in end)
    rows, heads = [], []
    for words, end in ends:
        rows.append([Tile(each.image, each.label or each.id) for each in end])
        heads.append(f"The {words} responses of node {name.level}:{name.node}")
        rows.append([Tile(_responses(each, top), f"{each.response:+.3f}") for each in end])
        heads.append("Where it responds: red adds to the response, blue takes from it")
    return Grid(rows, heads, tile_px=_NODE_PX, caption_lines=2)


def _level(pair: "PairExplanation", part: LevelPart) -> Grid:
    kinds = [(role, [node for node in part.nodes if node.role == role]) for role in _ROLES]
    rows = [[tile for node in nodes for tile in _tiles(pair, node)] for _, nodes in kinds if nodes]
    heads = [_ROLES[role] for role, nodes in kinds if nodes]
    share = part.contribution / (pair.distance or 1.0)
    title = f"Level {part.level} ({part.grid[0]} x {part.grid[1]} places): {share:.1%} of the distance"
    return Grid(rows, heads, title, tile_px=_NODE_PX)


def _tiles(pair: "PairExplanation", node: NodePicture) -> list[Tile]:
    """The node on both photos, on one scale; red is the sign of the image in which it is stronger."""
    top = largest(node.maps)
    stronger = max(node.maps, key=lambda values: abs(float(values.mean())))
    sign = -1.0 if float(stronger.mean()) < 0 else 1.0
    share = node.contribution / (pair.distance or 1.0)
    frame = WRONG if node.role == "apart" else RIGHT
    words = f"+{share:.2%} of the distance" if node.role == "apart" else f"{-node.shared:+.4f}: in both"
    return [
        Tile(
            overlay(side.image, sign * values / top),
            f"{text}\n{name}: {sign * values.mean():+.3f}",
            frame,
            name,
        )
        for name, side, values, text in (
            ("a", pair.a, node.maps[0], f"node {node.level}:{node.node}"),
            ("b", pair.b, node.maps[1], words),
        )
    ]


def _responses(each: "NodeImage", top: float) -> Image.Image:
    return heat_overlay(each.image, np.clip(each.map / top, -1, 1), signed=True)
