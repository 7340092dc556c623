"""Search results as a grid: the query, then its hits with distance and label, right and wrong ones marked.

A grid becomes an image (:func:`search_sheet`) or an HTML page (:func:`likewise.report.sheet_page`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from likewise.arguments import checked
from likewise.bounds import Pixels
from likewise.drawing import QUERY, Grid, Tile
from likewise.errors import ImageError, InputError
from likewise.images import open_image
from likewise.printable import counted
from likewise.retrieval.index.results import Hit, SearchResult


@checked
@dataclass(frozen=True)
class Searched:
    """One row of the sheet.

    Attributes:
        query: The query image; None for texts alone.
        result: The search result.
        label: Class of the query, if it is known: hits of that class are marked as right, others as wrong.
        words: Texts of the query, for its caption.
    """

    query: Image | Path | None
    result: SearchResult
    label: str | None = None
    words: str = ""


@checked
def search_grid(searches: Sequence[Searched], tile_px: Pixels = 160) -> Grid:
    """One row per search.

    Hits are marked by the class of the query if it is known, otherwise by the threshold, if there is one.

    Args:
        searches: Rows.
        tile_px: Side of one image.

    Raises:
        InputError: No search, or a query that cannot be read.
    """
    if not searches:
        raise InputError("A search sheet needs at least one search; got none.")
    rows: list[list[Tile | None]] = []
    titles = []
    for search in searches:
        query = search.query
        if isinstance(query, Path):
            query = open_image(query, min_side_px=tile_px)
        caption = "\n".join(part for part in ("query", search.label, search.words) if part)
        rows.append(
            [Tile(query, caption, QUERY), *(_tile(hit, search.label, tile_px) for hit in search.result.hits)]
        )
        titles.append(_title(search.result))
    return Grid(rows, titles, tile_px=tile_px)


@checked
def search_sheet(searches: Sequence[Searched], tile_px: Pixels = 160) -> Image:
    """The grid of :func:`search_grid` as an image; arguments and errors as there."""
    return search_grid(searches, tile_px).draw()


def _tile(hit: Hit, label: str | None, tile_px: int) -> Tile:
    caption = f"{hit.rank}.  {hit.distance:z.3f}\n{hit.label or Path(hit.id).name}"
    try:
        image = open_image(hit.path, min_side_px=tile_px) if hit.path else None
    except ImageError:
        image = None
    right = hit.same if label is None else hit.label == label
    if image is None:
        return Tile(None, f"{caption}\n(image not found)")
    return Tile(image, caption) if right is None else Tile.judged(image, caption, right)


def _title(result: SearchResult) -> str:
    how = "" if result.exact else ", approximate"
    size = f"{counted(result.searched, 'image')} searched{how}"
    if result.threshold is None:
        return size
    same = sum(bool(hit.same) for hit in result.hits)
    verdict = "nothing like this here" if not same else f"{same} of {len(result.hits)} count as the same"
    return f"{size}; {verdict} (distance up to {result.threshold:z.3f})"
