"""Contact sheets and images side by side, with captions, frames and marks, drawn with Pillow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageOps

from likewise.drawing.text import Face, font, wrap
from likewise.drawing.typefaces import suited
from likewise.errors import InputError
from likewise.images import open_image

Color = tuple[int, int, int]

RIGHT: Color = (0, 158, 115)  # bluish green
WRONG: Color = (213, 94, 0)  # vermilion
QUERY: Color = (0, 114, 178)  # blue
INK: Color = (28, 30, 33)
PAPER: Color = (255, 255, 255)
_EMPTY: Color = (241, 243, 245)


@dataclass(frozen=True)
class Tile:
    """One image of a sheet.

    Attributes:
        image: The image, any size, or the bytes of its file; None leaves the position empty.
        caption: Text under it; line breaks are kept, long lines wrap and end in an ellipsis.
        border: Colour of a frame (such as RIGHT, WRONG, QUERY), or None.
        mark: One character drawn in the corner of the frame.
    """

    image: Image.Image | bytes | None
    caption: str = ""
    border: Color | None = None
    mark: str = ""

    @classmethod
    def judged(cls, image: Image.Image, caption: str, right: bool) -> "Tile":
        """A tile framed and marked as right or wrong."""
        return cls(image, caption, RIGHT if right else WRONG, "✓" if right else "✗")


def sheet(
    rows: Sequence[Sequence[Tile | None]],
    tile_px: int = 160,
    title: str | None = None,
    *,
    row_titles: Sequence[str] | None = None,
    caption_lines: int = 3,
    fit: Literal["contain", "cover"] = "contain",
    scale: float = 1.0,
) -> Image.Image:
    """Draw a contact sheet.

    Args:
        rows: Rows of tiles, of any length; None leaves a position empty.
        tile_px: Side of the square per image.
        title: Line above everything.
        row_titles: One line above each row.
        caption_lines: Most lines a caption may take.
        fit: "contain" shows the whole image, "cover" fills the square and crops the longer side.
        scale: 2 gives the same sheet with twice the pixels, for sharp screens and print.

    Returns:
        An RGB image on white.

    Raises:
        InputError: There is no tile at all, or the numbers do not fit each other.
    """
    if not any(rows):
        raise InputError("A contact sheet needs at least one tile; got none.")
    if tile_px < 16:
        raise InputError(f"tile_px must be at least 16, got {tile_px}.")
    if row_titles is not None and len(row_titles) != len(rows):
        raise InputError(f"row_titles has {len(row_titles)} entries for {len(rows)} rows; give one per row.")
    look = _Look(tile_px, scale)
    width = look.margin * 2 + max(len(row) for row in rows) * (look.tile + look.gap) - look.gap
    captions = [[wrap(tile.caption if tile else "", look.small, look.tile, caption_lines) for tile in row]
                for row in rows]  # fmt: skip
    heads = [
        wrap(text, look.small_bold, width - 2 * look.margin, 1) for text in row_titles or [""] * len(rows)
    ]
    heading = wrap(title or "", look.bold, width - 2 * look.margin, 3)
    heights = [
        (len(head) and len(head) * look.line + look.gap // 2) + look.tile
        + (look.pad + max(map(len, lines), default=0) * look.line if any(lines) else 0)
        for head, lines in zip(heads, captions, strict=True)
    ]  # fmt: skip
    above = len(heading) * look.title_line + (look.gap if heading else 0)
    height = look.margin * 2 + above + sum(heights) + (len(rows) - 1) * look.row_gap
    canvas = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(canvas)
    _lines(draw, (look.margin, look.margin), heading, face=look.bold, step=look.title_line)
    top = look.margin + above
    for row, head, lines, row_height in zip(rows, heads, captions, heights, strict=True):
        start = _lines(draw, (look.margin, top), head, face=look.small_bold, step=look.line)
        start += look.gap // 2 if head else 0
        for column, tile in enumerate(row):
            if tile is not None:
                left = look.margin + column * (look.tile + look.gap)
                _picture(canvas, tile, (left, start), look, fit)
                _lines(
                    draw,
                    (left, start + look.tile + look.pad),
                    lines[column],
                    face=look.small,
                    step=look.line,
                )
        top += row_height + look.row_gap
    return canvas


def side_by_side(
    images: Sequence[Image.Image],
    captions: Sequence[str] = (),
    height_px: int = 320,
    title: str | None = None,
    *,
    scale: float = 1.0,
) -> Image.Image:
    """Draw images in one row, with the same height and their own widths, captions below.

    Raises:
        InputError: No image, or a number of captions other than none or one each.
    """
    if not images:
        raise InputError("side_by_side needs at least one image; got none.")
    if captions and len(captions) != len(images):
        raise InputError(
            f"side_by_side got {len(captions)} captions for {len(images)} images; give one each."
        )
    look = _Look(height_px, scale)
    widths = [max(1, round(image.width * look.tile / image.height)) for image in images]
    lines = [wrap(text, look.small, width, 3) for text, width in zip(captions, widths, strict=False)]
    width = 2 * look.margin + sum(widths) + look.gap * (len(images) - 1)
    heading = wrap(title or "", look.bold, width - 2 * look.margin, 3)
    top = look.margin + len(heading) * look.title_line + (look.gap if heading else 0)
    below = look.pad + max(map(len, lines)) * look.line if any(lines) else 0
    canvas = Image.new("RGB", (width, top + look.tile + below + look.margin), PAPER)
    draw = ImageDraw.Draw(canvas)
    _lines(draw, (look.margin, look.margin), heading, face=look.bold, step=look.title_line)
    left = look.margin
    for position, (image, image_width) in enumerate(zip(images, widths, strict=True)):
        canvas.paste(
            image.convert("RGB").resize((image_width, look.tile), Image.Resampling.LANCZOS), (left, top)
        )
        if lines:
            _lines(draw, (left, top + look.tile + look.pad), lines[position], face=look.small, step=look.line)
        left += image_width + look.gap
    return canvas


def below_each_other(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures in one column, on white."""
    canvas = Image.new(
        "RGB",
        (max(picture.width for picture in pictures), sum(picture.height for picture in pictures)),
        PAPER,
    )
    top = 0
    for picture in pictures:
        canvas.paste(picture, (0, top))
        top += picture.height
    return canvas


def opened(image: Image.Image | bytes) -> Image.Image:
    """The image, decoded if it is stored as the bytes of a file."""
    return open_image(image) if isinstance(image, bytes) else image


class _Look:
    """Measures of a sheet, in pixels of the finished image."""

    def __init__(self, tile_px: int, scale: float) -> None:
        def px(value: float) -> int:
            return max(1, round(value * scale))

        size = min(15.0, max(10.0, tile_px * 0.08))
        self.tile, self.margin, self.gap, self.pad = px(tile_px), px(16), px(12), px(6)
        self.row_gap, self.frame, self.radius = px(18), px(4), px(4)
        self.small, self.small_bold = font(px(size)), font(px(size), bold=True)
        self.bold = font(px(size * 1.35), bold=True)
        self.line, self.title_line = px(size * 1.35), px(size * 1.35 * 1.35)


def _picture(canvas: Image.Image, tile: Tile, corner: tuple[int, int], look: _Look, fit: str) -> None:
    left, top = corner
    draw = ImageDraw.Draw(canvas)
    box = (left, top, left + look.tile - 1, top + look.tile - 1)
    inset = look.frame + max(1, look.frame // 2) if tile.border else 0
    side = look.tile - 2 * inset
    draw.rectangle(box, fill=PAPER if tile.border else _EMPTY)
    if tile.border:
        draw.rounded_rectangle(box, look.radius, outline=tile.border, width=look.frame)
        draw.rectangle(
            (left + inset, top + inset, left + inset + side - 1, top + inset + side - 1), fill=_EMPTY
        )
    if tile.image is not None:
        picture = opened(tile.image).convert("RGB")
        resample = Image.Resampling.LANCZOS
        scaled = (ImageOps.fit if fit == "cover" else ImageOps.contain)(picture, (side, side), resample)
        canvas.paste(scaled, (left + (look.tile - scaled.width) // 2, top + (look.tile - scaled.height) // 2))
    if tile.mark:
        badge = look.line + look.pad
        draw.rounded_rectangle((left, top, left + badge, top + badge), look.radius, fill=tile.border or INK)
        draw.text((left + badge / 2, top + badge / 2), tile.mark, PAPER, look.bold, anchor="mm")


def _lines(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], lines: Sequence[str], *, face: Face, step: int
) -> int:
    """Draw the lines and return the position of the next one."""
    left, top = corner
    for line in lines:
        draw.text((left, top), line, INK, suited(line, face))
        top += step
    return top
