"""A catalog of many files from a few photos, for measurements that load images."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from likewise import Catalog

PHOTOS = "LIKEWISE_GPU_PHOTOS"  # a folder of .jpg files; without it, smooth noise of the same size is made


def catalog_of_photos(folder: Path, images: int, classes: int) -> Catalog:
    """``images`` links to the photos in turn, all of the split ``train``."""
    given = os.environ.get(PHOTOS)
    photos = sorted(Path(given).glob("*.jpg")) if given else []
    if not photos:
        photos = _noise(folder)
    rows = []
    for number in range(images):
        name = f"{number:06d}.jpg"
        (folder / name).hardlink_to(_beside(photos[number % len(photos)], folder))
        rows.append({"path": name, "label": f"{number % classes:03d}", "split": "train"})
    return Catalog.from_table(pd.DataFrame(rows), folder)


def _beside(photo: Path, folder: Path) -> Path:
    """A copy in ``folder``, since hard links do not cross file systems."""
    copy = folder / f"photo-{photo.name}"
    if not copy.exists():
        copy.write_bytes(photo.read_bytes())
    return copy


def _noise(folder: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    made = []
    for number in range(64):
        small = generator.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        made.append(folder / f"noise{number}.jpg")
        Image.fromarray(small).resize((256, 192), Image.Resampling.BICUBIC).save(made[-1], quality=88)
    return made
