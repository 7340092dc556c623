"""SmoothGrad maps of ResNet-50 at 224 px, 25 noisy copies: likewise, the published loop, captum, bare passes."""

from functools import partial
from typing import Any

import numpy as np
import torch
from captum.attr import NoiseTunnel, Saliency
from record import Record, Side, start

from likewise.data import Preprocessing
from likewise.explain import attribute
from likewise.models import ModelSpec, SimilarityModel, build

SAMPLES, SPREAD = 25, 0.15


class Case:
    """A model, images uint8 (N, 3, H, W) and the precision of all sides."""

    def __init__(self, record: Record, amp: bool) -> None:
        backbone = "test_resnet.r160_in1k" if record.rehearse else "resnet50"
        seen = Preprocessing(resize_px=64, crop_px=64) if record.rehearse else None
        spec = ModelSpec(backbone=backbone, dim=128, preprocessing=seen)
        self.model: SimilarityModel = build(spec, seed=0).to(record.device)
        self.model.network.eval()
        for parameter in self.model.network.parameters():
            parameter.requires_grad_(False)
        side = self.model.preprocessing.crop_px
        generator = torch.Generator().manual_seed(0)
        coarse = torch.rand((record.size(40, 1), 3, 14, 14), generator=generator)
        smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)
        self.images = (smooth * 255).to(torch.uint8)
        self.device, self.amp = record.device, amp
        with torch.no_grad():
            self.black = self.model.network(torch.zeros_like(self.images[:1]).to(record.device))

    def distances(self, rows: torch.Tensor) -> torch.Tensor:
        """Distance of network inputs to the embedding of a black image."""
        network: Any = self.model.network
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            embedded = network.embedder(rows)
        return 1 - (embedded.float() * self.black).sum(1)

    def inputs(self, images: torch.Tensor) -> torch.Tensor:
        """The images as the network sees them."""
        network: Any = self.model.network
        return network.normalization(images.to(self.device)).float()


def likewise_maps(case: Case, batch: int) -> object:
    return attribute(case.model, case.images, batch_size=batch, precision="bf16" if case.amp else "float32")


def published(case: Case, images: int, together: int) -> None:
    """One image at a time, ``together`` of its noisy copies in a pass; the map as in the released code."""
    for image in case.images[:images]:
        row = case.inputs(image[None])
        raw = torch.zeros(row.shape[-2:])
        for first in range(0, SAMPLES, together):
            copies = row.repeat(min(together, SAMPLES - first), 1, 1, 1)
            copies = copies + torch.randn_like(copies) * SPREAD * (row.max() - row.min())
            copies.requires_grad_(True)
            case.distances(copies).mean().backward()
            raw += copies.grad.mean(1).abs().sum(0).cpu()
        low, high = float(raw.min()), np.percentile(raw.numpy(), 99)
        np.clip((raw.numpy() - low) / (high - low), 0, 1)


def captum_maps(case: Case, batch: int) -> None:
    tunnel = NoiseTunnel(Saliency(case.distances))
    together = max(1, batch // SAMPLES)
    for begin in range(0, len(case.images), together):
        rows = case.inputs(case.images[begin : begin + together])
        deviation = SPREAD * float((rows.amax((1, 2, 3)) - rows.amin((1, 2, 3))).mean())
        found = tunnel.attribute(
            rows, nt_samples=SAMPLES, nt_samples_batch_size=SAMPLES, stdevs=deviation, abs=False
        )
        raw = found.mean(1).abs().flatten(1)
        (raw / torch.quantile(raw, 0.99, dim=1, keepdim=True)).clamp(0, 1).cpu()


def bare(case: Case, batch: int, layout: torch.memory_format) -> None:
    """Forward and backward of as many rows: no noise, no maps."""
    rows = case.inputs(case.images[:1]).repeat(batch, 1, 1, 1).contiguous(memory_format=layout)
    rows.requires_grad_(True)
    left = len(case.images) * SAMPLES
    while left > 0:
        part = rows[: min(batch, left)]
        torch.autograd.grad(case.distances(part).sum(), part)
        left -= batch


def main() -> None:
    record = start("1 SmoothGrad")
    for amp in (True, False):
        name = "bf16" if amp else "float32"
        with record.case(name):
            measure(record, Case(record, amp), name)


def measure(record: Record, case: Case, name: str) -> None:
    batches = (4, 8) if record.rehearse else (50, 100, 200)
    layouts = {"": torch.contiguous_format, ", channels last": torch.channels_last}
    tried = {}
    for batch in batches:
        for words, layout in layouts.items():
            bare(case, batch, layout)
            tried[batch, words] = record.seconds(partial(bare, case, batch, layout))
    best = min(tried, key=lambda key: tried[key])
    own = {}
    for batch in batches:
        likewise_maps(case, batch)
        own[batch] = record.seconds(partial(likewise_maps, case, batch))
    batch = min(own, key=lambda key: own[key])
    count, few = len(case.images), record.size(3, 1)
    sides = {
        f"likewise, batch {batch}": Side(partial(likewise_maps, case, batch), count),
        "published, one noisy copy at a time": Side(partial(published, case, few, 1), few, ">= 5"),
        "published, the 25 copies of one image": Side(
            partial(published, case, 3 * few, SAMPLES), min(3 * few, count)
        ),
        f"captum, batch {batch}": Side(partial(captum_maps, case, batch), count, ">= 2"),
        f"bare passes, batch {best[0]}{best[1]}": Side(
            partial(bare, case, best[0], layouts[best[1]]), count, ">= 0.9"
        ),
        "likewise, batch 32 (the default)": Side(partial(likewise_maps, case, 32), count),
    }
    record.compare(name, sides, "images", rounds=record.size(5, 1))


if __name__ == "__main__":
    main()
