"""ViT-S/14 at 224 px: embedding against the bare and the compiled network, and the seconds of explaining a pair."""

from functools import partial

import numpy as np
import torch
from PIL import Image
from record import Record, Side, start

from likewise.data import Preprocessing
from likewise.models import ModelSpec, SimilarityModel, build


def model_of(record: Record, backbone: str, pooling: str) -> SimilarityModel:
    side = record.size(224, 56)
    seen = Preprocessing(resize_px=side, crop_px=side)
    return build(
        ModelSpec.model_validate(
            {"backbone": backbone, "dim": None, "pooling": pooling, "preprocessing": seen}
        ),
        seed=0,
    ).to(record.device)


@torch.no_grad()
def forward(network: object, pixels: torch.Tensor, images: int) -> None:
    for _ in range(0, images, len(pixels)):
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
            network(pixels).float()  # type: ignore[operator]


def embed(model: SimilarityModel, pixels: torch.Tensor, batch: int) -> object:
    return model.embed(pixels, batch, precision="bf16")


def main() -> None:
    record = start("7 transformer, explaining")
    name = "vit_small_patch14_dinov2"
    with record.case("ViT-S/14, bf16"):
        embedding(record, model_of(record, name, "native"))
    for backbone in (name, "resnet50"):
        with record.case(f"explain a pair, {backbone}"):
            explain(record, backbone)
    with record.case("ViT-S/14, bf16, compiled"):  # last: compiling takes long
        model = model_of(record, name, "native")
        side, batch, images = model.preprocessing.crop_px, record.size(256, 4), record.size(8_192, 8)
        resident = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, device=record.device)
        sides = {
            "forward alone": Side(partial(forward, model.network, resident, images), images),
            "the same, compiled": Side(
                partial(forward, torch.compile(model.network), resident, images), images
            ),
        }
        record.compare("ViT-S/14, bf16: compiled / not", sides, "images", rounds=record.size(3, 1))


def embedding(record: Record, model: SimilarityModel) -> None:
    batch, images = record.size(256, 4), record.size(8_192, 8)
    side = model.preprocessing.crop_px
    pixels = torch.randint(0, 256, (images, 3, side, side), dtype=torch.uint8)
    resident = pixels[:batch].to(record.device)
    sides = {
        "likewise, pixels in memory": Side(partial(embed, model, pixels, batch), images),
        "forward alone": Side(partial(forward, model.network, resident, images), images, ">= 0.9"),
    }
    record.compare("ViT-S/14, bf16", sides, "images", rounds=record.size(3, 1))


def explain(record: Record, backbone: str) -> None:
    pooling = "native" if backbone.startswith("vit") else "avg"
    model = model_of(record, "test_resnet.r160_in1k" if record.rehearse else backbone, pooling)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    a, b = (Image.fromarray(values) for values in pixels)
    model.explain(a, b)
    seconds = sorted(record.seconds(lambda: model.explain(a, b)) for _ in range(record.size(5, 1)))
    middle = seconds[len(seconds) // 2]
    record.line(f"explain a pair, {backbone}", "likewise", f"{middle:.3f} s a pair")


if __name__ == "__main__":
    main()
