"""One training step with an AVSL head against the plain Proxy-Anchor step with the same backbone.

    python benchmarks/avsl_step.py                       # tf_efficientnet_lite0, 160 px
    python benchmarks/avsl_step.py --backbone resnet50 --size 224
    python benchmarks/avsl_step.py --small

Both take the same images (noise, already in memory), classes, dimension and optimiser: forward pass, loss, backward
pass, step. The third side has the AVSL head and no loss on the whole distance, which shows what the top-down distance
to all proxies costs. Rounds of all sides alternate; ratios are of the processor's time, those on the clock beside them.
Memory is the peak of one step above model, optimiser state and batch, each side in a fresh process.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from measuring import interleave, peak_above, print_table

from likewise.models import build
from likewise.training import Experiment
from likewise.training.preparation import make_module

LEVELS = {"tf_efficientnet_lite0": [-2, -1, "final"], "resnet50": [-3, -2, "final"]}
AVSL, BARE = "AVSL", "Proxy-Anchor"
SIDES = (BARE, AVSL, "AVSL, level losses only")


def experiment(side: str, backbone: str, size: int) -> Experiment:
    """The recipe of the catalog presets, without images."""
    model: dict[str, Any] = {
        "backbone": backbone,
        "dim": 512,
        "frozen_batch_norm": "all",
        "preprocessing": {"resize_px": size, "crop_px": size},
    }
    loss: dict[str, Any] = {"name": "proxy_anchor"}
    if side != BARE:
        levels = LEVELS.get(backbone, [-3, -2, "final"])
        head = {"levels": levels, "certainty": "relative", "gamma": 3.0, "pooling": "avg", "topk": 128}
        model |= {"head": "avsl", "avsl": head}
        loss = {"name": "avsl_proxy_anchor", "params": {"final_weight": 1.0 if side == AVSL else 0.0}}
    return Experiment.parse(
        {"model": model, "loss": loss, "trainer": {"max_epochs": 1, "accelerator": "cpu"}}
    )


def make_step(side: str, backbone: str, size: int, batch: int, classes: int) -> Callable[[], None]:
    """A step that can be repeated; one has been done."""
    settings = experiment(side, backbone, size)
    module = make_module(settings, build(settings.model, seed=0), classes)
    optimizer = module.make_optimizer()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, size, size, generator=generator)
    labels = torch.randint(0, classes, (batch // 4,), generator=generator).repeat(4)
    module.network.train()

    def step() -> None:
        loss = module.loss(module.network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    return step


def run(step: Callable[[], None]) -> None:
    """For the measurement of memory."""
    step()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--backbone", default="tf_efficientnet_lite0", help="any timm name; resnet50 as published"
    )
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="96 px, 16 images, 3 rounds")
    given = parser.parse_args()
    size, batch, rounds = (96, 16, 3) if given.small else (given.size, given.batch, given.rounds)
    steps = {side: make_step(side, given.backbone, size, batch, given.classes) for side in SIDES}
    timed = interleave({side: partial(run, step) for side, step in steps.items()}, rounds)
    print(
        f"{given.backbone}, {size} px, {batch} images, {given.classes} classes; {torch.get_num_threads()} threads\n"
    )
    rows = []
    for side in SIDES:
        ratios = timed.ratios(side, BARE, processor=True)
        peak = peak_above(make_step, run, side, given.backbone, size, batch, given.classes)
        rows.append([
            side, f"{timed.ratio(side, BARE, processor=True):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{timed.ratio(side, BARE):.2f}", f"{timed.seconds(side):.2f}", f"{peak:.0f}",
        ])  # fmt: skip
    print_table(["step", f"time / {BARE}", "lowest to highest", "on the clock", "s a step", "peak MB"], rows)


if __name__ == "__main__":
    main()
