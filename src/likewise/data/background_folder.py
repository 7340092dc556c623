"""Make background images from photos: each photo with its object removed and filled in.

Useful if you have masks but no folder of backgrounds.
"""

from pathlib import Path

import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from likewise.data.catalog import Catalog
from likewise.data.compositing import fill_object
from likewise.errors import CatalogError
from likewise.images import open_image, open_mask, save_image
from likewise.seeds import stream


def write_backgrounds(catalog: Catalog, folder: Path, *, count: int = 100, seed: int = 0) -> Path:
    """Write up to ``count`` background images to ``folder``; existing images are kept.

    Args:
        catalog: Photos with masks; which are taken is drawn at random.
        folder: Folder of the images.
        count: Maximum number of images; at most one per photo.
        seed: Seed of the draw.

    Returns:
        ``folder``, to give to whatever takes a folder of backgrounds.

    Raises:
        CatalogError: No photo has a mask.
    """
    masks = catalog.mask_paths
    rows = [
        row for row in stream(seed, "background folder").permutation(len(catalog)) if masks[row] is not None
    ]
    if not rows:
        raise CatalogError(
            "Backgrounds are made from photos with masks, and no row has one: run  likewise masks  first."
        )
    paths = catalog.paths
    for number, row in enumerate(rows[:count]):
        target = folder / f"background-{number:03d}.jpg"
        mask = masks[row]
        if target.exists() or mask is None:
            continue
        image = functional.pil_to_tensor(open_image(paths[row]))
        filled = fill_object(image[None], functional.pil_to_tensor(open_mask(mask))[None])[0]
        save_image(Image.fromarray(filled.permute(1, 2, 0).to(torch.uint8).numpy()), target)
    return folder
