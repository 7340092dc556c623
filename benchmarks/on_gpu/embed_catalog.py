"""Embedding photos of 256 px with ResNet-50: ``model.embed`` against the forward pass alone, and where time goes."""

import tempfile
from functools import partial
from pathlib import Path

import torch
from record import Record, Side, start
from shared_photos import catalog_of_photos

from likewise import Catalog
from likewise.data import CatalogDataset, EvalTransform, make_loader
from likewise.models import ModelSpec, SimilarityModel, build


def embed(model: SimilarityModel, catalog: Catalog, batch: int, workers: int, bf16: bool) -> object:
    return model.embed(catalog, batch, workers, precision="bf16" if bf16 else "float32")


@torch.no_grad()
def forward(model: SimilarityModel, pixels: torch.Tensor, images: int, bf16: bool) -> None:
    """The network alone, on pixels that are on the device."""
    for _ in range(0, images, len(pixels)):
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=bf16):
            model.network(pixels.contiguous(memory_format=torch.channels_last)).float()


def load(model: SimilarityModel, catalog: Catalog, batch: int, workers: int) -> None:
    """Opening, decoding, resizing and stacking alone."""
    dataset = CatalogDataset(catalog, EvalTransform(model.preprocessing))
    for _ in make_loader(
        dataset, batch_size=batch, num_workers=workers, pin_memory=model.device.type == "cuda"
    ):
        pass


def copy(pixels: torch.Tensor, device: torch.device, images: int) -> None:
    """From pinned memory to the device alone."""
    for _ in range(0, images, len(pixels)):
        pixels.to(device, non_blocking=True)


def main() -> None:
    record = start("3 embedding")
    backbone = "test_resnet.r160_in1k" if record.rehearse else "resnet50"
    model = build(ModelSpec(backbone=backbone, dim=128), seed=0).to(record.device)
    with tempfile.TemporaryDirectory() as folder:
        for bf16, images in ((True, record.size(24_576, 32)), (False, record.size(12_288, 16))):
            photos = Path(folder) / str(images)
            photos.mkdir()
            name = f"{'bf16' if bf16 else 'float32'}, {images:,} images"
            with record.case(name):
                measure(record, model, catalog_of_photos(photos, images, classes=10), bf16, name)


def measure(record: Record, model: SimilarityModel, catalog: Catalog, bf16: bool, name: str) -> None:
    batch, workers, images = record.size(256, 8), record.size(16, 0), len(catalog)
    side = model.preprocessing.crop_px
    pixels = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8)
    pinned = pixels.pin_memory() if record.device.type == "cuda" else pixels
    own = f"likewise, {workers} loading processes"
    sides = {
        own: Side(partial(embed, model, catalog, batch, workers, bf16), images),
        "forward alone": Side(
            partial(forward, model, pixels.to(record.device), images, bf16), images, ">= 0.9"
        ),
    }
    if bf16:
        sides["copy alone"] = Side(partial(copy, pinned, record.device, images), images)
        sides["loading alone"] = Side(partial(load, model, catalog, batch, workers), images)
        default = partial(embed, model, catalog, 64, None if workers else 0, bf16)
        sides["likewise, default batch and processes"] = Side(default, images)
    seconds = record.compare(name, sides, "images", rounds=1 if bf16 else 2)
    busy = seconds["forward alone"] / seconds[own]
    record.line(name, "GPU busy (forward alone / embed)", f"{busy:.0%}", wanted=">= 90 %")


if __name__ == "__main__":
    main()
