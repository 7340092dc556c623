"""Images per second of likewise's loader against torchvision's ImageFolder with the usual transforms.

Both give normalised float batches on the device: the peer in its workers (RandomResizedCrop, flip,
ToTensor, Normalize), likewise 8-bit batches that the device normalises. Rounds of both alternate, so that
a busy machine slows both; the table shows medians.

    python benchmarks/loading.py                          # photo-like JPEGs of 500 px, drawn here
    python benchmarks/loading.py --photos FOLDER          # your own, one folder a class
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from measuring import interleave, print_table
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from likewise.data import Augmentation, CatalogDataset, Preprocessing, TrainTransform, make_loader
from likewise.data.benchmarks import build_folder

BATCH = 32
SIDE_PX = 227
SCALE, RATIO = (0.16, 1.0), (0.75, 1.33)
IMAGENET = Preprocessing(resize_px=256, crop_px=SIDE_PX)


def draw_photos(folder: Path, count: int) -> None:
    """Photo-like JPEGs: noise at several scales over gradients, 500 px, about 50 kB each."""
    generator = np.random.default_rng(0)
    for number in range(count):
        width, height = (500, 375) if number % 3 else (375, 500)
        picture = np.zeros((height, width, 3), np.float32)
        for cells, amplitude in ((3, 60), (16, 40), (64, 25), (160, 12)):
            shape = (max(2, height * cells // 500), max(2, width * cells // 500))
            for channel in range(3):
                noise = Image.fromarray(generator.standard_normal(shape).astype(np.float32))
                picture[..., channel] += amplitude * np.asarray(
                    noise.resize((width, height), Image.Resampling.BICUBIC)
                )
        target = folder / f"class{number % 8}" / f"{number:04d}.jpg"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray(np.clip(picture + 127, 0, 255).astype(np.uint8)).save(target, quality=90)


def peer(folder: Path, workers: int, resize_first: bool) -> Callable[[torch.device], int]:
    """One pass of torchvision's loader."""
    steps = [v2.Resize(256)] if resize_first else []
    steps += [
        v2.RandomResizedCrop(SIDE_PX, scale=SCALE, ratio=RATIO, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]),
        v2.Normalize(IMAGENET.mean, IMAGENET.std),
    ]
    loader = DataLoader(
        ImageFolder(folder, v2.Compose(steps)),
        BATCH,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )

    def run(device: torch.device) -> int:
        return sum(len(images.to(device)) for images, _ in loader)

    return run


def ours(folder: Path, workers: int, resize_first: bool) -> Callable[[torch.device], int]:
    """One pass of likewise's loader, normalised on the device."""
    augmentation = Augmentation(scale=SCALE, ratio=RATIO, resize_first=resize_first)
    dataset = CatalogDataset(build_folder(folder), TrainTransform(IMAGENET, augmentation))
    order = np.random.default_rng(0).permutation(len(dataset))
    batches = [
        [(int(row), 0) for row in order[start : start + BATCH]] for start in range(0, len(order), BATCH)
    ]
    loader = make_loader(dataset, batch_sampler=batches, num_workers=workers, persistent_workers=True)

    def run(device: torch.device) -> int:
        return sum(len(IMAGENET.normalize(batch.to(device).images)) for batch in loader)

    return run


def one_pass(run: Callable[[torch.device], int], device: torch.device) -> int:
    """Number of images of one pass, all of them on the device."""
    count = run(device)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="folder of class folders; drawn ones if left out")
    parser.add_argument("--images", type=int, default=640, help="how many to draw")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.photos or Path(temporary)
        if options.photos is None:
            draw_photos(folder, options.images)
        rows = []
        for resize_first in (False, True):
            passes = {
                name: partial(one_pass, make(folder, options.workers, resize_first), device)
                for name, make in (("torchvision", peer), ("likewise", ours))
            }
            images = passes["likewise"]()
            rounds = interleave(passes, options.rounds)  # the first starts the workers
            speeds = [f"{images / rounds.seconds(name):.0f}" for name in passes]
            name = "resize 256, then random crop" if resize_first else "random crop"
            rows.append([name, *speeds, f"{rounds.ratio('torchvision', 'likewise'):.2f}"])
    print(f"images/s, {options.workers} workers")
    print_table(["crop", *passes, "ratio"], rows)


if __name__ == "__main__":
    main()
