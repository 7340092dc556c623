"""Agreement of 14 models over 5,000 saliency maps of 227 x 227: against reading the stores, and its memory.

    python benchmarks/agreement.py            # 3.6 GB of maps in a temporary folder
    python benchmarks/agreement.py --small    # 200 maps a model

The maps are made up: smooth blobs, a part of them shared between the models. "reading" only reads every map once and
adds it up; the share of the time that agreement spends on that is how near it is to the bound of the store. What it
computes beside it are 91 correlations and 91 Jensen-Shannon divergences of 51,529 pixels an image. A divergence
cannot be had without adding the two maps, taking the logarithm, multiplying and summing: "four passes" does only that,
in the processor's cache, and is the other bound. The plain way is NumPy and scipy, pair by pair. Memory is the peak
above an empty start, in a fresh process.
"""

import argparse
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from measuring import peak_above, print_table
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import jensenshannon

from likewise.audit import agreement_of_stores
from likewise.explain import SaliencySettings, SaliencyStore
from likewise.files import write_json

MODELS, SIDE, SHARD = 14, 227, 512
PAIRS = MODELS * (MODELS - 1) // 2


def write_stores(folder: Path, images: int) -> None:
    """Stores as ``likewise saliency`` writes them; few different maps, shifted."""
    generator = np.random.default_rng(0)
    noise = generator.random((MODELS + 1, SIDE, SIDE))
    blobs = np.stack([gaussian_filter(one, 6, mode="wrap") for one in noise])
    low, high = blobs.min((1, 2), keepdims=True), blobs.max((1, 2), keepdims=True)
    blobs = (blobs - low) / (high - low)
    for model in range(MODELS):
        place = folder / f"model-{model:02d}"
        place.mkdir()
        mixed = np.round(255 * (0.6 * blobs[-1] + 0.4 * blobs[model]) ** 3).astype(np.uint8)
        names, counts = [], []
        for start in range(0, images, SHARD):
            count = min(SHARD, images - start)
            shifts = range(start, start + count)
            names.append(f"{len(names):05d}.npy")
            counts.append(count)
            np.save(place / names[-1], np.stack([np.roll(mixed, 7 * shift, (0, 1)) for shift in shifts]))
        write_json(place / "saliency.json", {
            "form": 1, "model": place.name, "model_fingerprint": place.name, "kind": "uint8", "shape": [SIDE, SIDE],
            "settings": SaliencySettings(samples=50).model_dump(), "catalog_fingerprint": "",
            "preprocessing": {"resize_px": 256, "crop_px": SIDE},
            "ids": [f"{number}.png" for number in range(images)], "shards": names, "counts": counts,
        })  # fmt: skip


def open_stores(folder: Path) -> dict[str, SaliencyStore]:
    return {place.name: SaliencyStore.open(place) for place in sorted(folder.iterdir())}


def compare(stores: dict[str, SaliencyStore]) -> None:
    agreement_of_stores(stores)


def read(stores: dict[str, SaliencyStore]) -> float:
    """Every map once, as bytes, in the order in which the agreement reads them."""
    total = 0.0
    images = len(next(iter(stores.values())))
    for start in range(0, images, 2):
        for store in stores.values():
            total += float(store.read(start, min(start + 2, images)).sum())
    return total


def four_passes(images: int) -> None:
    """What a divergence needs at least, for each pair of two images at a time."""
    first, second = torch.rand(2, 2, SIDE * SIDE).clamp_min_(1e-6)
    both, logs = torch.empty_like(first), torch.empty_like(first)
    for _ in range(images // 2 * PAIRS):
        torch.add(first, second, out=both)
        torch.log(both, out=logs)
        logs.mul_(both).sum(1)


def plain(stores: dict[str, SaliencyStore], images: int) -> None:
    """NumPy and scipy, a pair and an image at a time."""
    maps = {name: store.read(0, images).reshape(images, -1) for name, store in stores.items()}
    for a, b in combinations(maps, 2):
        for first, second in zip(maps[a], maps[b], strict=True):
            np.corrcoef(first, second)
            jensenshannon(first, second)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="200 maps a model")
    parser.add_argument("--images", type=int)
    arguments = parser.parse_args()
    images = arguments.images or (200 if arguments.small else 5000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_stores(folder, images)
        few = min(images, 10)
        work = {
            "agreement": lambda: compare(open_stores(folder)),
            "reading": lambda: read(open_stores(folder)),
            "four passes": lambda: four_passes(images),
            f"plain (scipy), of {few} images": lambda: plain(open_stores(folder), few),
        }
        seconds = {}
        for title, run in work.items():
            started = time.perf_counter()
            run()
            seconds[title] = time.perf_counter() - started
        memory = peak_above(str, compare_in, str(folder))
    *_, slow = work
    seconds[slow] *= images / few
    print(f"{MODELS} models, {images:,} maps of {SIDE} x {SIDE}; peak memory {memory:.0f} MB")
    print_table(
        ["", "time, of the agreement's"],
        [[title, f"{value / seconds['agreement']:.3f}"] for title, value in seconds.items()],
    )


def compare_in(folder: str) -> None:
    """For the fresh process, which can only be given functions of a module."""
    compare(open_stores(Path(folder)))


if __name__ == "__main__":
    main()
