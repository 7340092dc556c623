"""Contact sheets of rendered sets: a row for each class, with the masks if requested."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from likewise.data import Catalog
from likewise.drawing import Tile, mask_overlay, sheet
from likewise.images import open_image, open_mask, save_image


def save_sheet(
    catalog: Catalog,
    out: Path | str,
    *,
    per_class: int = 8,
    tile_px: int = 128,
    most_classes: int = 40,
    masks: bool = False,
) -> None:
    """Write an image with the first images of every class, one row per class.

    Args:
        catalog: The images.
        out: The file, .jpg or .png.
        per_class: Images in a row.
        tile_px: Side of an image.
        most_classes: Rows at most.
        masks: Show the masks as an overlay.
    """
    codes, names = catalog.label_codes
    paths, mask_paths = catalog.paths, catalog.mask_paths
    rows, titles = [], []
    for code, name in enumerate(names[:most_classes]):
        chosen = [index for index in range(len(catalog)) if codes[index] == code][:per_class]
        rows.append([Tile(_picture(paths[index], mask_paths[index] if masks else None)) for index in chosen])
        titles.append(name or "(no label)")
    save_image(sheet(rows, tile_px, row_titles=titles, fit="cover"), out)


def _picture(path: Path, mask: Path | None) -> Image.Image:
    image = open_image(path)
    return image if mask is None else mask_overlay(image, open_mask(mask))
