"""Pictures for the evidence of checks: queries with their hits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from likewise.checks.context import Labelled
from likewise.drawing import QUERY, Grid, Tile
from likewise.errors import ImageError
from likewise.images import open_image

_SIDE_PX = 220


def hits_grid(
    files: Mapping[str, Path], some: Labelled, searches: Sequence[tuple[int, Sequence[int]]], caption: str
) -> list[Grid]:
    """One row per search: the query and its hits, marked as right or wrong; empty if no image can be read.

    Args:
        files: Id to file.
        some: Labels and ids of the rows.
        searches: Row of each query, and rows of its hits.
        caption: Description of the grid.
    """
    rows = []
    for query, hits in searches:
        label = str(some.labels[query])
        tiles = [tile_of(files[some.ids[query]], f"query\n{label}")]
        tiles += [
            tile_of(files[some.ids[hit]], str(some.labels[hit]), right=str(some.labels[hit]) == label)
            for hit in hits
        ]
        if tiles[0] is not None:
            rows.append(tiles)
    return [Grid(rows, caption=caption, tile_px=110)] if rows else []


def tile_of(file: Path, caption: str, right: bool | None = None) -> Tile | None:
    """A small picture of a query, or of a right or wrong hit; None if it cannot be read."""
    try:
        picture = open_image(file)
    except ImageError:
        return None
    picture.thumbnail((_SIDE_PX, _SIDE_PX))
    if right is None:
        return Tile(picture, caption, QUERY, "?")
    return Tile.judged(picture, caption, right)
