"""Figure of the worst masks: predicted and true masks side by side."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from likewise.data.mask_metrics import MaskScores
from likewise.data.masks import read_true_mask
from likewise.drawing import Tile, mask_overlay, sheet
from likewise.errors import InputError
from likewise.images import open_image, open_mask


def worst_masks_sheet(scores: MaskScores, count: int = 12, tile_px: int = 180) -> Image.Image:
    """The masks with the smallest IoU, worst first: photo, predicted and true mask, two images per line.

    Raises:
        InputError: Nothing was scored.
    """
    worst = scores.worst(count)
    if worst.empty:
        raise InputError("No mask was scored, so there is nothing to show.")
    tiles = [_tiles(row) for row in worst.to_dict("records")]
    rows = [[*left, *right] for left, right in zip_longest(tiles[::2], tiles[1::2], fillvalue=())]
    title = f"The {len(worst)} worst of {len(scores.table)} masks: photo, predicted, true"
    return sheet(rows, tile_px, title)


def _tiles(row: dict[Any, Any]) -> list[Tile]:
    predicted = open_mask(row["predicted"])
    true = Image.fromarray(np.where(read_true_mask(row["true"]).object, 255, 0).astype(np.uint8))
    photo = (
        open_image(row["image"]) if row["image"] is not None else Image.new("RGB", true.size, (190, 190, 190))
    )
    return [
        Tile(photo, Path(str(row["id"])).name),
        Tile(mask_overlay(photo, predicted), f"IoU {row['iou']:.2f}, precision {row['precision']:.2f}"),
        Tile(mask_overlay(photo, true), f"true mask, recall {row['recall']:.2f}"),
    ]
