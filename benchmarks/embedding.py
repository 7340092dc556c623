"""``model.embed`` against a bare PyTorch loop over the same loader and network.

Run:  python benchmarks/embedding.py [--backbone resnet18] [--images 192] [--rounds 7] [--device cpu]

The bare loop does what a script does: no failures, no ids, no fingerprint, no order to keep. Rounds alternate, so
that a machine whose speed drifts slows both; the table gives the median of the ratios, of wall time and, on the CPU
with one thread, of processor time, which other programs on the machine hardly change. Wanted: at least 0.95.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from measuring import interleave, print_table, spread
from PIL import Image

from likewise import Catalog
from likewise.data import CatalogDataset, EvalTransform, make_loader
from likewise.models import ModelSpec, SimilarityModel, build


def catalog_of_noise(folder: Path, images: int) -> Catalog:
    generator = np.random.default_rng(0)
    files = []
    for number in range(images):
        small = generator.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        files.append(folder / f"{number}.jpg")
        Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(files[-1])
    return Catalog.from_images(files, labels=[str(number % 10) for number in range(images)])


def bare_loop(model: SimilarityModel, catalog: Catalog, batch_size: int, workers: int) -> None:
    loader = make_loader(
        CatalogDataset(catalog, EvalTransform(model.preprocessing)),
        batch_size=batch_size,
        num_workers=workers,
        pin_memory=model.device.type == "cuda",
    )
    with torch.no_grad():
        rows = [model.network(batch.images.to(model.device, non_blocking=True)) for batch in loader]
    torch.cat(rows).cpu().numpy()


def embed(model: SimilarityModel, catalog: Catalog, batch_size: int, workers: int) -> None:
    model.embed(catalog, batch_size=batch_size, num_workers=workers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch, on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = build(ModelSpec(backbone=arguments.backbone, dim=128)).to(arguments.device)
    options = (arguments.batch_size, arguments.workers)
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalog_of_noise(Path(folder), arguments.images)
        sides = {
            "embed": partial(embed, model, catalog, *options),
            "bare loop": partial(bare_loop, model, catalog, *options),
        }
        rounds = interleave(sides, arguments.rounds)
    speeds = {name: len(catalog) / rounds.seconds(name) for name in sides}
    print(f"embed {speeds['embed']:.1f} images/s, bare loop {speeds['bare loop']:.1f}")
    title = f"embed / bare loop, {arguments.backbone}, {arguments.device}"
    print_table(
        [title, "median", "lowest", "highest", "wanted"],
        [
            [name, *spread(rounds.ratios("bare loop", "embed", processor)), ">= 0.95"]
            for name, processor in (("wall time", False), ("processor time", True))
        ],
    )


if __name__ == "__main__":
    main()
