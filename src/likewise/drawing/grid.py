"""A grid of captioned images, drawn as a single image or rendered as HTML by a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from likewise.arguments import checked
from likewise.bounds import CountOrZero, Pixels, Scale
from likewise.drawing.sheets import QUERY, RIGHT, WRONG, Tile, sheet
from likewise.errors import InputError
from likewise.readable import readable

Role = Literal["query", "right", "wrong", "plain"]
_ROLES: dict[tuple[int, int, int], Role] = {QUERY: "query", RIGHT: "right", WRONG: "wrong"}


@readable
@checked
@dataclass(frozen=True)
class Grid:
    """Rows of captioned images: searches with their hits, conditions side by side, saliency maps of several models.

    Attributes:
        rows: Rows of tiles, of any length; None leaves a position empty.
        row_titles: One line above each row; empty for none.
        title: One line above everything.
        caption: Description of the grid.
        tile_px: Side of the square per image.
        caption_lines: Maximum number of caption lines if drawn as an image; HTML shows all.
    """

    rows: Sequence[Sequence[Tile | None]]
    row_titles: Sequence[str] = ()
    title: str = ""
    caption: str = ""
    tile_px: Pixels = 150
    caption_lines: CountOrZero = 3

    def __post_init__(self) -> None:
        if not any(tile is not None for row in self.rows for tile in row):
            raise InputError("A grid needs at least one tile; got none.")
        if self.row_titles and len(self.row_titles) != len(self.rows):
            raise InputError(
                f"row_titles has {len(self.row_titles)} entries for {len(self.rows)} rows; give one per row."
            )

    @property
    def tiles(self) -> list[Tile]:
        """All tiles that hold something, row by row."""
        return [tile for row in self.rows for tile in row if tile is not None]

    def draw(self, scale: Scale = 1.0) -> Image.Image:
        """The grid as an RGB image on white."""
        return sheet(
            self.rows, self.tile_px, self.title or None, row_titles=list(self.row_titles) or None,
            caption_lines=self.caption_lines, scale=scale,
        )  # fmt: skip


def role_of(tile: Tile) -> Role:
    """Role of a tile from its frame: query, right hit, wrong hit, or none."""
    return "plain" if tile.border is None else _ROLES.get(tile.border, "plain")
