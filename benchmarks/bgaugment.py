"""What BGAugment costs: images per second of the training loader with new backgrounds against without.

    python benchmarks/bgaugment.py                                            # drawn photos, masks and backgrounds
    python benchmarks/bgaugment.py --catalog FILE --backgrounds FOLDER        # your own; the catalog names masks
    python benchmarks/bgaugment.py --small

p = 0         image and mask are loaded, cropped and flipped together, nothing is replaced
p = 1         every image gets one of 2,048 random crops of photos, once it is loaded (``crops: prepared``)
fresh         every image gets a new random crop of a random photo, while it is loaded (``crops: fresh``, published)
opened        the same loader, but each background is opened, resized to 256 pixels and cropped anew, as the published
              code does; the photos are 1,000 pixels wide, as the published ones are
no masks      image alone, for comparison

Wanted: at least 0.95 of the speed at p = 0. At p = 1 the pixels are blended on the training device; here that is this
process, and its work is part of what is timed, as it is beside loader processes (``--workers``) on a machine without
GPU. Without loader processes (the default) the processor's time counts everything.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from loading import draw_photos
from measuring import interleave, print_table
from PIL import Image, ImageDraw
from torch import Tensor
from torch.utils.data import DataLoader

from likewise import Catalog
from likewise.data import Augmentation, CatalogDataset, Preprocessing, TrainTransform, make_loader
from likewise.data.augmentation import random_box
from likewise.data.background_crops import BackgroundCrops, FreshCrops, PreparedCrops
from likewise.data.backgrounds import BackgroundBank
from likewise.data.replace_background import ReplaceBackground, replace_from_crops

IMAGENET = Preprocessing(resize_px=256, crop_px=227)
BATCH = 32


class OpenedEachTime:
    """Backgrounds as the published code gets them: open, resize the shorter side to 256, random crop, flip."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def draw(self, generator: np.random.Generator) -> Tensor:
        """A random background, uint8 (3, 227, 227)."""
        with Image.open(self._files[int(generator.integers(len(self._files)))]) as photo:
            pixels = photo.convert("RGB")
        shorter = min(pixels.size)
        size = pixels.width * 256 // shorter, pixels.height * 256 // shorter
        pixels = pixels.resize(size, Image.Resampling.BILINEAR)
        options = Augmentation()
        box = random_box(size, options.scale, options.ratio, generator)
        square = pixels.resize((227, 227), Image.Resampling.BILINEAR, box=box)
        if generator.random() < 0.5:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def draw_catalog(folder: Path, images: int) -> Catalog:
    """Drawn photos of 500 px with elliptic soft masks."""
    draw_photos(folder, images)
    rows = []
    for photo in sorted(folder.rglob("*.jpg")):
        mask = Image.new("L", Image.open(photo).size)
        ImageDraw.Draw(mask).ellipse(
            (mask.width // 5, mask.height // 5, mask.width * 4 // 5, mask.height * 4 // 5), 255
        )
        soft = mask.resize((mask.width // 8, mask.height // 8)).resize(mask.size, Image.Resampling.BICUBIC)
        soft.save(photo.with_suffix(".png"))
        name = photo.relative_to(folder)
        rows.append({"path": str(name), "label": name.parts[0], "mask": str(name.with_suffix(".png"))})
    return Catalog.from_table(pd.DataFrame(rows), folder)


def widened(source: Path, target: Path, width: int) -> list[Path]:
    """The photos of a folder, made ``width`` pixels wide."""
    files = []
    for photo in sorted(
        file for file in source.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png")
    ):
        with Image.open(photo) as image:
            size = width, round(image.height * width / image.width)
            files.append(target / f"{len(files)}.jpg")
            image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(files[-1], quality=90)
    return files


def one_pass(
    catalog: Catalog,
    images: int,
    workers: int,
    *,
    masks: bool = True,
    while_loading: BackgroundCrops | None = None,
    loaded: PreparedCrops | None = None,
) -> Callable[[], object]:
    """A pass over shuffled images, with backgrounds given while loading or to the loaded batch, or without."""
    replace = None if while_loading is None else ReplaceBackground(while_loading)
    transform = TrainTransform(IMAGENET, Augmentation(), pair_transform=replace)
    dataset = CatalogDataset(catalog, transform, with_masks=masks)
    # A small catalog is seen several times, each time cut elsewhere.
    rows = np.random.default_rng(0).permutation(np.arange(images) % len(dataset))
    keys = [(int(row), draw) for draw, row in enumerate(rows)]
    batches = [keys[start : start + BATCH] for start in range(0, images, BATCH)]
    loader: DataLoader = make_loader(
        dataset, batch_sampler=batches, num_workers=workers, persistent_workers=True
    )
    generator = np.random.default_rng(0)

    def run() -> None:
        for batch in loader:
            if loaded is not None:
                replace_from_crops(batch.images, batch.masks, loaded, generator)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--catalog", type=Path, help="with masks; drawn photos if left out")
    parser.add_argument("--backgrounds", type=Path, help="folder of photos; drawn ones if left out")
    parser.add_argument("--images", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="96 images, 5 rounds")
    options = parser.parse_args()
    images, rounds = (96, 5) if options.small else (options.images, options.rounds)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folders = {part: Path(name) / part for part in ("photos", "drawn", "wide", "cache")}
        for folder in folders.values():
            folder.mkdir()
        if options.catalog is None:
            catalog = draw_catalog(folders["photos"], images)
        else:
            whole = Catalog.read(options.catalog)
            catalog = Catalog.from_table(
                whole.table.iloc[:: max(1, len(whole) // images)][:images], whole.root
            )
        if options.backgrounds is None:
            draw_photos(folders["drawn"], 40)
        source = options.backgrounds or folders["drawn"]
        wide = widened(source, folders["wide"], 1000)
        bank = BackgroundBank.open(source, resize_px=256, cache=folders["cache"])
        sides = {
            "p = 0": one_pass(catalog, images, options.workers),
            "p = 1": one_pass(catalog, images, options.workers, loaded=PreparedCrops(bank, IMAGENET)),
            "fresh": one_pass(catalog, images, options.workers, while_loading=FreshCrops(bank, IMAGENET)),
            "opened": one_pass(catalog, images, options.workers, while_loading=OpenedEachTime(wide)),
            "no masks": one_pass(catalog, images, options.workers, masks=False),
        }
        timed = interleave(sides, rounds)
    print(
        f"{images} images of {len(catalog)} files, {options.workers} workers. Speed is relative to p = 0.\n"
    )
    print_table(
        ["side", "images/s", "speed", "processor"],
        [
            [side, f"{images / timed.seconds(side):.0f}", f"{timed.ratio('p = 0', side):.3f}",
             f"{timed.ratio('p = 0', side, processor=True):.3f}"]
            for side in sides
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
