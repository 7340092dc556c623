"""The evidence of a pair against bare forward and backward passes, and against a saliency map of the same distance.

    python benchmarks/evidence.py [--backbone resnet18] [--rounds 5]
    python benchmarks/evidence.py --small

likewise      ``likewise.explain.evidence.traced_evidence`` of two images with 8 partly hidden copies each: 18 rows
saliency      ``likewise.explain.attribute`` of both images, 15 noisy copies, the distance to the other image: 30 rows
bare          forward and backward to the pixels of 18 rows, in passes of as many rows: what evidence needs at most

Evidence goes back only to a late feature map, so that it can be faster than the bare passes.
"""

import argparse

import torch
from measuring import interleave, print_table
from saliency import make_case

from likewise.explain import SaliencySettings, attribute
from likewise.explain.evidence import HIDING_MASKS, traced_evidence
from likewise.models import SimilarityModel

SALIENCY_SAMPLES = 15


def saliency(model: SimilarityModel, pixels: torch.Tensor) -> None:
    """One map of each image."""
    targets = model.embed(pixels.flip(0), num_workers=0).vectors
    attribute(model, pixels, settings=SaliencySettings(samples=SALIENCY_SAMPLES), targets=targets)


def bare(model: SimilarityModel, pixels: torch.Tensor) -> None:
    """As many rows there and back, in passes as likewise makes them."""
    for parameter in model.network.parameters():
        parameter.requires_grad_(False)
    rows = model.network.normalization(pixels.to(model.device))
    for side in (0, 1):
        copies = rows[side : side + 1].repeat(1 + HIDING_MASKS, 1, 1, 1)
        for part in torch.tensor_split(copies.requires_grad_(True), 2):
            torch.autograd.grad(model.network.embedder(part).sum(), part)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--small", action="store_true", help="2 rounds")
    options = parser.parse_args()
    case = make_case(options.backbone, 2, 1, options.device)
    model, pixels = case.model, case.images
    sides = {
        "likewise": lambda: traced_evidence(model, pixels),
        "saliency": lambda: saliency(model, pixels),
        "bare": lambda: bare(model, pixels),
    }
    timed = interleave(sides, 2 if options.small else options.rounds)
    print(
        f"{options.backbone}, {pixels.shape[-1]} px, {torch.get_num_threads()} threads. Wanted: bare >= 0.9\n"
    )
    print_table(
        ["side", "ms a pair", "its time / likewise's", "processor"],
        [
            [side, f"{timed.seconds(side) * 1e3:.0f}", f"{timed.ratio(side, 'likewise'):.2f}",
             f"{timed.ratio(side, 'likewise', processor=True):.2f}"]
            for side in sides
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
