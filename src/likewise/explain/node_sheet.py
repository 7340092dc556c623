"""A node as a picture: the images at both ends of its responses, with its activation maps."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from likewise.drawing import Tile, heat_overlay, sheet

if TYPE_CHECKING:
    from likewise.explain.node_naming import NodeImage, NodeName

_TILE_PX = 170


def draw_node(name: "NodeName") -> Image.Image:
    """Four lines: the images with the highest responses, the node's maps on them, and the same of the lowest."""
    ends = (("highest", name.highest), ("lowest", name.lowest))
    largest = max((float(np.abs(each.map).max()) for _, end in ends for each in end), default=0.0) or 1.0
    rows, heads = [], []
    for words, end in ends:
        rows.append([Tile(each.image, _caption(each)) for each in end])
        heads.append(f"The {words} responses of node {name.level}:{name.node}")
        rows.append([Tile(_overlay(each, largest), f"{each.response:+.3f}") for each in end])
        heads.append("Where it responds: red adds to the response, blue takes from it")
    return sheet(rows, _TILE_PX, name.words, row_titles=heads, caption_lines=2)


def _caption(each: "NodeImage") -> str:
    return each.label or each.id


def _overlay(each: "NodeImage", largest: float) -> Image.Image:
    return heat_overlay(each.image, np.clip(each.map / largest, -1, 1), signed=True)
