"""The nodes of an AVSL model on the two photos of a pair, as grids of captioned images, one per level."""

from collections.abc import Sequence

from PIL import Image

from likewise.avsl.nodes import LevelPart, NodePicture
from likewise.drawing import RIGHT, WRONG, Grid, Tile, largest_magnitude, signed_overlay
from likewise.results import percent

NODE_PX = 139
_ROLES = {"apart": "Differences", "alike": "Shared content"}


def level_grids(
    levels: Sequence[LevelPart], distance: float, images: tuple[Image.Image, Image.Image]
) -> list[Grid]:
    """One grid per level: its nodes on both photos, distinguishing nodes above shared ones.

    Args:
        levels: Parts of the distance, in the order of the grids.
        distance: Distance of the pair.
        images: The squares that the model saw.
    """
    return [_level(part, distance or 1.0, images) for part in levels]


def _level(part: LevelPart, distance: float, images: tuple[Image.Image, Image.Image]) -> Grid:
    kinds = [(role, [node for node in part.nodes if node.role == role]) for role in _ROLES]
    rows = [
        [tile for node in nodes for tile in _tiles(node, distance, images)] for _, nodes in kinds if nodes
    ]
    heads = [_ROLES[role] for role, nodes in kinds if nodes]
    title = (
        f"Level {part.level} ({part.grid[0]} x {part.grid[1]} locations): "
        f"{percent(part.contribution / distance, 1)} of the distance"
    )
    return Grid(rows, heads, title, tile_px=NODE_PX)


def _tiles(node: NodePicture, distance: float, images: tuple[Image.Image, Image.Image]) -> list[Tile]:
    """The node on both photos, on one scale; red is the sign of the image in which it is stronger."""
    top = largest_magnitude(node.maps)
    stronger = max(node.maps, key=lambda values: abs(float(values.mean())))
    sign = -1.0 if float(stronger.mean()) < 0 else 1.0
    apart = node.role == "apart"
    words = (
        f"+{percent(node.contribution / distance, 2)} of the distance"
        if apart
        else f"{-node.shared:+z.4f}: in both"
    )
    return [
        Tile(
            signed_overlay(image, sign * values / top),
            f"{text}\n{name}: {sign * values.mean():+z.3f}",
            WRONG if apart else RIGHT,
            name,
        )
        for name, image, values, text in zip(
            "ab", images, node.maps, (f"node {node.level}:{node.node}", words), strict=True
        )
    ]
