"""Thumbnails of many images in a few JPEG files."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from likewise.errors import ImageError
from likewise.images import encode_jpeg, open_image
from likewise.progress import progress_bar

PER_ROW, PER_SHEET = 32, 1024
_PAPER = (136, 140, 146)  # around images that are not square; visible on light and on dark pages


@dataclass(frozen=True)
class Sprites:
    """Thumbnails in the order of the images, row by row.

    Attributes:
        sheets: JPEG files with 1,024 thumbnails each, 32 per row.
        side_px: Side of a thumbnail.
        failures: Row and reason of each image that cannot be read; its thumbnail is plain.
    """

    sheets: list[bytes]
    side_px: int
    failures: list[tuple[int, str]]


def sprites(
    paths: Sequence[Path],
    side_px: int,
    *,
    quality: int = 65,
    workers: int | None = None,
    progress: bool = False,
) -> Sprites:
    """Read each image once and draw it as a thumbnail, whole, centred in a square of ``side_px``."""
    sheets: list[bytes] = []
    failures: list[tuple[int, str]] = []
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as threads,
        progress_bar("thumbnails", len(paths), enabled=progress) as bar,
    ):
        for start in range(0, len(paths), PER_SHEET):
            block = paths[start : start + PER_SHEET]
            size = (PER_ROW * side_px, -(-len(block) // PER_ROW) * side_px)
            sheet = Image.new("RGB", size, _PAPER)
            for number, drawn in enumerate(threads.map(lambda path: _thumbnail(path, side_px), block)):
                bar.advance()
                if isinstance(drawn, str):
                    failures.append((start + number, drawn))
                    continue
                left, top = number % PER_ROW * side_px, number // PER_ROW * side_px
                sheet.paste(drawn, (left + (side_px - drawn.width) // 2, top + (side_px - drawn.height) // 2))
            sheets.append(encode_jpeg(sheet, quality=quality))
    return Sprites(sheets, side_px, failures)


def _thumbnail(path: Path, side_px: int) -> Image.Image | str:
    try:
        image = open_image(path, min_side_px=side_px)
    except ImageError as error:
        return str(error)
    return ImageOps.contain(image, (side_px, side_px), Image.Resampling.LANCZOS)
