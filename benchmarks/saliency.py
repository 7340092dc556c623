"""SmoothGrad of likewise against the published loop, against captum, and against bare forward and backward passes.

    python benchmarks/saliency.py [--backbone resnet18] [--images 8] [--rounds 5]
    python benchmarks/saliency.py --small

All sides make 25 noisy copies of each image and differentiate the distance to a black image's embedding.

likewise      ``likewise.explain.attribute``, maps in 0..1 included
published     one image at a time, its 25 copies in one batch, ``backward`` through a network whose weights ask for
              gradients too, mean over channels, absolute value, sum, 99th percentile
captum        ``NoiseTunnel(Saliency)``, the same number of rows in a batch as likewise, weights frozen
bare          forward and backward of as many rows at the best batch size, no noise, no maps: the limit

Memory is the peak above model and images, in fresh processes, for one image and for four times as many images as
in the table: likewise's must depend on the batch alone.
"""

import argparse
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import NoiseTunnel, Saliency
from measuring import interleave, peak_above, print_table

from likewise.explain import attribute
from likewise.models import ModelSpec, SimilarityModel, build

SAMPLES, SPREAD = 25, 0.15


@dataclass(frozen=True)
class Case:
    """A model, images uint8 (N, 3, H, W), and rows of one batch."""

    model: SimilarityModel
    images: torch.Tensor
    batch: int
    device: str

    def distances(self, rows: torch.Tensor) -> torch.Tensor:
        """Distance of network inputs to the embedding of a black image."""
        side = self.images.shape[-1]
        with torch.no_grad():
            black = self.model.network(torch.zeros(1, 3, side, side, dtype=torch.uint8, device=self.device))
        return 1 - (self.model.network.embedder(rows) * black).sum(1)

    def inputs(self, images: torch.Tensor) -> torch.Tensor:
        """The images as the network sees them."""
        return self.model.network.normalization(images.to(self.device)).float()


def make_case(backbone: str, images: int, batch: int, device: str) -> Case:
    model = build(ModelSpec(backbone=backbone, dim=128), seed=0).to(device)
    model.network.eval()
    side = model.preprocessing.crop_px
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((images, 3, 14, 14), generator=generator)
    pixels = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1) * 255
    return Case(model, pixels.to(torch.uint8), batch, device)


def likewise_maps(case: Case) -> object:
    return attribute(case.model, case.images, batch_size=case.batch)


def published_loop(case: Case) -> object:
    for parameter in case.model.network.parameters():
        parameter.requires_grad_(True)
    maps = []
    for image in case.images:
        row = case.inputs(image[None])
        copies = row.repeat(SAMPLES, 1, 1, 1)
        copies = copies + torch.randn_like(copies) * SPREAD * (row.max() - row.min())
        copies.requires_grad_(True)
        case.distances(copies).mean().backward()
        raw = copies.grad.mean(1).abs().sum(0).cpu().numpy()
        low, high = raw.min(), np.percentile(raw, 99)
        maps.append(np.clip((raw - low) / (high - low), 0, 1))
    case.model.network.zero_grad(set_to_none=True)
    return maps


def captum_maps(case: Case) -> object:
    _freeze(case)
    tunnel = NoiseTunnel(Saliency(case.distances))
    together = max(1, case.batch // SAMPLES)
    maps = []
    for start in range(0, len(case.images), together):
        rows = case.inputs(case.images[start : start + together])
        deviation = SPREAD * float((rows.amax((1, 2, 3)) - rows.amin((1, 2, 3))).mean())
        found = tunnel.attribute(
            rows,
            nt_samples=SAMPLES,
            nt_samples_batch_size=min(SAMPLES, case.batch),
            stdevs=deviation,
            abs=False,
        )
        raw = found.mean(1).abs().flatten(1)
        high = torch.quantile(raw, 0.99, dim=1, keepdim=True)
        maps.append((raw / high).clamp(0, 1).cpu())
    return maps


def bare(case: Case, batch: int) -> None:
    _freeze(case)
    rows = case.inputs(case.images[:1]).repeat(batch, 1, 1, 1).requires_grad_(True)
    left = len(case.images) * SAMPLES
    while left > 0:
        part = rows[: min(batch, left)]
        torch.autograd.grad(case.distances(part).sum(), part)
        left -= batch


def _freeze(case: Case) -> None:
    for parameter in case.model.network.parameters():
        parameter.requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32, help="rows in one pass of likewise and captum")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--small", action="store_true", help="2 images, 3 rounds")
    options = parser.parse_args()
    images, rounds = (2, 3) if options.small else (options.images, options.rounds)
    arguments = options.backbone, images, options.batch, options.device
    case = make_case(*arguments)
    sizes = (8, 16, 32) if options.small else (8, 16, 32, 64)
    tried = interleave({str(size): lambda size=size: bare(case, size) for size in sizes}, 2)
    best = min(sizes, key=lambda size: tried.seconds(str(size)))
    name = f"bare passes, batch {best}"
    sides = {
        "likewise": lambda: likewise_maps(case),
        "published loop": lambda: published_loop(case),
        "captum NoiseTunnel": lambda: captum_maps(case),
        name: lambda: bare(case, best),
    }
    timed = interleave(sides, rounds)
    print(
        f"{options.backbone}, {case.images.shape[-1]} px, {torch.get_num_threads()} threads. Wanted: bare >= 0.9\n"
    )
    print_table(
        ["side", "images/s", "its time / likewise's", "processor"],
        [
            [side, f"{images / timed.seconds(side):.2f}", f"{timed.ratio(side, 'likewise'):.2f}",
             f"{timed.ratio(side, 'likewise', processor=True):.2f}"]
            for side in sides
        ],
    )  # fmt: skip
    print()
    many = (options.backbone, 4 * images, options.batch, options.device)
    one = (options.backbone, 1, options.batch, options.device)
    print_table(
        ["peak memory above the model, MB", "1 image", f"{4 * images} images"],
        [[side.__name__, *(f"{peak_above(make_case, side, *count):.0f}" for count in (one, many))]
         for side in (likewise_maps, published_loop, captum_maps)],
    )  # fmt: skip


if __name__ == "__main__":
    main()
