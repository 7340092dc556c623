"""A planted bias: every product on a surface of its own, in all of its images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from likewise.data import Catalog
from likewise.data.compositing import composite, fill_object
from likewise.images import open_image, open_mask, save_image
from likewise.seeds import stream


def plant(catalog: Catalog, folder: Path, seed: int) -> tuple[Path, Path]:
    """Put every class on a surface of its own, in all of its images, by the exact masks.

    Args:
        catalog: The rendered samples: images, masks, and the surface of each in the column ``background``.
        folder: Folder for the catalog, its images and its masks.
        seed: Seed of the draws.

    Returns:
        The planted catalog's file, with classes and splits of ``catalog``, and a folder of surfaces that belong to no
        class.
    """
    images = torch.stack([functional.pil_to_tensor(open_image(path)) for path in catalog.paths])
    masks = torch.stack([functional.pil_to_tensor(open_mask(path)) for path in catalog.mask_paths if path])
    empty = fill_object(images, masks)
    surfaces = catalog.table["background"].to_numpy().astype(str)
    names = stream(seed, "planted").permutation(np.unique(surfaces))
    codes, labels = catalog.label_codes
    table = catalog.table
    for row in range(len(catalog)):
        surface = str(names[codes[row]])
        chosen = int(stream(seed, "planted", row).choice(np.flatnonzero(surfaces == surface)))
        image, mask = f"images/{row:06d}.jpg", f"masks/{row:06d}.png"
        _save(composite(images[row], empty[chosen], masks[row]), folder / image)
        _save(masks[row].expand(3, -1, -1), folder / mask)
        table.loc[row, ["path", "mask", "background"]] = [image, mask, surface]
    unused = set(names[len(labels) :])
    for row in np.flatnonzero([name in unused for name in surfaces]).tolist():
        _save(empty[row], folder / f"backgrounds/{row:06d}.jpg")
    file = folder / "catalog.parquet"
    Catalog.from_table(table, folder).write(file)
    return file, folder / "backgrounds"


def _save(pixels: Tensor, file: Path) -> None:
    if not file.exists():
        save_image(Image.fromarray(pixels.permute(1, 2, 0).to(torch.uint8).numpy()), file)
