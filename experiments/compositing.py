"""How much of the old background do the two composites let through? Measured where the true mask is known.

    likewise masks make CATALOG --model u2netp --out predicted.parquet      # CATALOG has true masks in `mask`
    python experiments/compositing.py CATALOG predicted.parquet photos

Each image is laid on a photo with its predicted, soft mask, as published and clean, and compared with the same
composite through the true mask. Counted are the true background pixels within 8 pixels of the object: there the
composite should show the photo, and what it shows of the old background instead is the halo. Images whose
predicted mask is wrong (IoU below 0.9) are left out: no compositing mends those. Prints shares of the difference
between old and new background (1 = the old one shows fully), and the same inside the object (1 = the photo shows).
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from likewise import Catalog
from likewise.data.compositing import clean_edges, composite
from likewise.images import open_image
from likewise.retrieval import paired_difference

BAND_PX = 8
GOOD_IOU = 0.9


def main() -> None:
    """Measure and print."""
    true, predicted = Catalog.read(sys.argv[1]), Catalog.read(sys.argv[2])
    photos = sorted(
        path for path in Path(sys.argv[3]).iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
    )
    masks = dict(zip(predicted.ids, predicted.mask_paths, strict=True))
    rows = []
    for number, (image_id, path, mask) in enumerate(zip(true.ids, true.paths, true.mask_paths, strict=True)):
        if mask is None or masks.get(image_id) is None:
            continue
        image = pixels(open_image(path))
        size = image.shape[:0:-1]
        photo = pixels(open_image(photos[number % len(photos)]).resize(size, Image.Resampling.BICUBIC))
        row = leaks(image, photo, grey(mask), grey(masks[image_id]))
        if row:
            rows.append(row)
    table = np.array(rows)
    print(f"{len(table)} images with a predicted mask of IoU >= {GOOD_IOU}; {len(photos)} photos")
    print("| composite | old background beside the object | new background inside the object |")
    print("|---|---|---|")
    for name, column in (("published", 0), ("clean", 2)):
        print(f"| {name} | {table[:, column].mean():.3f} | {table[:, column + 1].mean():.3f} |")
    units = np.arange(len(table)).astype(str)
    for name, column in (("beside", 0), ("inside", 1)):
        change = paired_difference(table[:, column + 2], table[:, column], units)
        low, high = change.interval
        print(f"clean - published, {name}: {change.difference:+.3f} ({low:+.3f} to {high:+.3f})")


def leaks(image: torch.Tensor, photo: torch.Tensor, true: torch.Tensor, soft: torch.Tensor) -> list[float]:
    """Shares of the old background beside and of the new one inside the object, published then clean."""
    inside, marked = true >= 250, soft >= 128
    known = inside | (true <= 5)
    union = ((inside | marked) & known).sum()
    if not union or (inside & marked & known).sum() / union < GOOD_IOU:
        return []
    near = F.max_pool2d(inside.float()[None], 2 * BAND_PX + 1, 1, BAND_PX)[0].bool()
    deep = -F.max_pool2d(-inside.float()[None], 2 * BAND_PX + 1, 1, BAND_PX)[0]
    beside, border = near & (true <= 5), inside & ~deep.bool()
    found = []
    for made in (composite(image, photo, soft), composite(*_clean(image, photo, soft))):
        found += [share(made, photo, image, beside), share(made, image, photo, border)]
    return found


def _clean(image: torch.Tensor, photo: torch.Tensor, soft: torch.Tensor) -> tuple[torch.Tensor, ...]:
    colors, mask = clean_edges(image, soft)
    return colors, photo, mask


def share(made: torch.Tensor, wanted: torch.Tensor, other: torch.Tensor, where: torch.Tensor) -> float:
    """How far ``made`` is from ``wanted``, as a share of the distance of ``other``, over the pixels ``where``."""
    far = (other.float() - wanted.float()).abs().sum(0)[where[0]].sum()
    return float((made.float() - wanted.float()).abs().sum(0)[where[0]].sum() / far)


def pixels(picture: Image.Image) -> torch.Tensor:
    """(3, H, W) uint8."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


def grey(path: Path) -> torch.Tensor:
    """(1, H, W) uint8."""
    return torch.from_numpy(np.array(Image.open(path).convert("L")))[None]


if __name__ == "__main__":
    main()
