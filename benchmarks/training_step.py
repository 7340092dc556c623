"""One training step of likewise against a bare PyTorch loop over the same loader, model and loss.

Run:  python benchmarks/training_step.py [--backbone resnet18] [--images 256] [--size 112] [--rounds 5]

Both sides train on the same drawn images with the same optimiser. Rounds alternate, so that a machine whose speed
drifts slows both; the table gives the median of the ratios. Wanted: at least 0.95.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measuring import interleave_timed, print_table, spread, timed
from PIL import Image

from likewise import Catalog
from likewise.models import build
from likewise.training import Experiment, train
from likewise.training.dataloaders import make_dataloaders
from likewise.training.images import training_images
from likewise.training.preparation import make_module


def catalog_of_noise(folder: Path, images: int, side: int) -> Path:
    generator = np.random.default_rng(0)
    rows = []
    for number in range(images):
        small = generator.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        name = f"{number}.jpg"
        Image.fromarray(small).resize((side * 3 // 2, side), Image.Resampling.BICUBIC).save(folder / name)
        rows.append({"path": name, "label": f"{number % 16:02d}", "split": "train"})
    Catalog.from_table(pd.DataFrame(rows), folder).write(folder / "catalog.csv")
    return folder / "catalog.csv"


def experiment_on(catalog: Path, arguments: argparse.Namespace) -> Experiment:
    return Experiment.parse(
        {
            "data": {"catalog": str(catalog)},
            "model": {"backbone": arguments.backbone, "dim": 128, "frozen_batch_norm": "statistics"},
            "train_crop_px": arguments.size,
            "loss": {"name": "proxy_anchor"},
            "sampler": {"batch_size": 32, "per_class": 4, "iterations": arguments.images // 32},
            "trainer": {"max_epochs": 1, "num_workers": 0, "accelerator": arguments.accelerator},
        }
    )


def bare_epoch(experiment: Experiment, device: str) -> tuple[float, float]:
    model = build(experiment.model, seed=0)
    model.to(device)
    images = training_images(experiment)
    inputs = make_dataloaders(experiment, images, model.preprocessing, rank=0, world_size=1)
    module = make_module(experiment, model, inputs.num_classes).to(device)
    optimizer = module.make_optimizer()
    module.network.train()

    def steps() -> None:
        for loaded in inputs.train:
            batch = loaded.to(device, non_blocking=True)
            loss = module.loss(module.network(batch.images), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()

    return timed(steps)


def likewise_epoch(experiment: Experiment, images: int, folder: Path) -> tuple[float, float]:
    """The clock alone: the run keeps the speed of its steps, without what it does before and after them."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        run = train(experiment, out=Path(name) / "run", progress=False)
        return images / float(run.metrics["images_per_s"].iloc[-1]), float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accelerator", default="cpu", choices=["cpu", "gpu"])
    arguments = parser.parse_args()
    device = "cuda" if arguments.accelerator == "gpu" else "cpu"
    images = arguments.images // 32 * 32
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        experiment = experiment_on(catalog_of_noise(folder, arguments.images, 256), arguments)
        sides = {
            "likewise": partial(likewise_epoch, experiment, images, folder),
            "bare loop": partial(bare_epoch, experiment, device),
        }
        rounds = interleave_timed(sides, arguments.rounds)
    speeds = {name: images / rounds.seconds(name) for name in sides}
    print(f"likewise {speeds['likewise']:.1f} images/s, bare loop {speeds['bare loop']:.1f}")
    print_table(
        [
            f"training step, {arguments.backbone}, {arguments.size} px",
            "median",
            "lowest",
            "highest",
            "wanted",
        ],
        [["likewise / bare loop", *spread(rounds.ratios("bare loop", "likewise")), ">= 0.95"]],
    )


if __name__ == "__main__":
    main()
