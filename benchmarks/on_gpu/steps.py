"""Training steps of likewise against a bare loop: same model, loss, optimiser and batches, bf16, channels last.

``resident``: the batches are on the device already, so only the step counts. ``loader``: both sides load the same
photos with the same processes. ``--compile`` compiles both networks (a minute of compiling each, so it runs last).
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from record import Record, start
from shared_photos import catalog_of_photos

from likewise.data import Batch
from likewise.models import build
from likewise.training import Experiment, preparation, train
from likewise.training.dataloaders import TrainingInputs, make_dataloaders
from likewise.training.images import training_images

LEVELS = [-3, -2, "final"]


class Marked:
    """Batches of a loader; notes the clock before two of them, so that the same number of steps is timed.

    Args:
        batches: A loader or a list.
        record: Waits for its device before the clock is read.
        first: The batch before which the time starts.
        last: The batch before which it ends.
    """

    def __init__(self, batches: Any, record: Record, first: int, last: int) -> None:
        self.batches, self.record, self.marks = batches, record, (first, last)
        self.clock: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for number, batch in enumerate(self.batches):
            if number in self.marks:
                self.record.sync()
                self.clock[number] = time.perf_counter()
            yield batch

    @property
    def seconds_per_step(self) -> float:
        """Between the two marks."""
        first, last = self.marks
        return (self.clock[last] - self.clock[first]) / (last - first)


def experiment(record: Record, catalog: Path, avsl: bool, compiled: bool, steps: int) -> Experiment:
    batch = record.size(128, 8)
    model: dict[str, Any] = {
        "backbone": "test_resnet.r160_in1k" if record.rehearse else "resnet50",
        "dim": record.size(512, 16),
        "frozen_batch_norm": "statistics",
    }
    loss: dict[str, Any] = {"name": "proxy_anchor"}
    if avsl:
        head = {"levels": LEVELS, "certainty": "relative", "gamma": 3.0, "pooling": "avg",
                "topk": record.size(128, 4)}  # fmt: skip
        model |= {"head": "avsl", "avsl": head | {"dim": model.pop("dim")}}
        loss = {"name": "avsl_proxy_anchor"}
    return Experiment.parse(
        {
            "data": {"catalog": str(catalog)},
            "model": model,
            "loss": loss,
            "sampler": {"batch_size": batch, "per_class": 4, "iterations": steps},
            "trainer": {
                "max_epochs": 1, "num_workers": record.size(16, 0), "channels_last": True, "compile": compiled,
                "precision": "32" if record.rehearse else "bf16",
                "accelerator": "cpu" if record.rehearse else "gpu",
            },
        }
    )  # fmt: skip


class Sides:
    """Both ways through the same steps; ``resident`` keeps two loaded batches on the device."""

    def __init__(self, record: Record, settings: Experiment, resident: bool) -> None:
        self.record, self.settings = record, settings
        self.steps = int(settings.sampler.iterations or 0)
        self.batches: list[Batch] | None = None
        if resident:
            one, other = self.loaded_batches()
            self.batches = [one if number % 2 else other for number in range(self.steps)]

    def loaded_batches(self) -> list[Batch]:
        """Two batches on the device."""
        loader = iter(self.inputs().train)
        return [next(loader).to(self.record.device) for _ in range(2)]

    def inputs(self) -> TrainingInputs:
        """What ``train`` would load."""
        images = training_images(self.settings)
        model = build(self.settings.model, seed=0)
        return make_dataloaders(self.settings, images, model.preprocessing, rank=0, world_size=1)

    def marked(self, loader: Any) -> Marked:
        """The batches of both sides, with the clock."""
        first, last = (1, self.steps - 2) if self.record.rehearse else (self.steps // 3, self.steps - 3)
        return Marked(self.batches if self.batches is not None else loader, self.record, first, last)

    def likewise(self) -> float:
        """Seconds of a step inside ``train``."""
        marked: list[Marked] = []

        def with_marks(*arguments: Any, **options: Any) -> TrainingInputs:
            inputs = make_dataloaders(*arguments, **options)
            inputs.train = self.marked(inputs.train)  # type: ignore[assignment]
            marked.append(inputs.train)  # type: ignore[arg-type]
            return inputs

        with (
            tempfile.TemporaryDirectory() as folder,
            patch.object(preparation, "make_dataloaders", with_marks),
        ):
            train(self.settings, out=Path(folder) / "run", progress=False)
        return marked[0].seconds_per_step

    def bare(self) -> float:
        """Seconds of a step in a loop as one would write it."""
        settings, device = self.settings, self.record.device
        model = build(settings.model, seed=0)
        inputs = self.inputs()
        module = preparation.make_module(settings, model, inputs.num_classes).to(device)
        optimizer = module.make_optimizer()
        module.network.train()
        network = torch.compile(module.network) if settings.trainer.compile else module.network
        marked = self.marked(inputs.train)
        for loaded in marked:
            batch = loaded.to(device, non_blocking=True)
            images = batch.images.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.trainer.precision == "bf16"):
                loss = module.loss(network(images), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return marked.seconds_per_step


def compare(record: Record, case: str, sides: Sides, rounds: int) -> tuple[float, float]:
    """Lines for both sides; returns the median seconds of a step."""
    times: dict[str, list[float]] = {"likewise": [], "bare loop": []}
    for number in range(rounds):
        if number and record.left() < 0:
            break
        for name in sorted(times, reverse=bool(number % 2)):
            times[name].append(sides.likewise() if name == "likewise" else sides.bare())
    ratios = [bare / own for bare, own in zip(times["bare loop"], times["likewise"], strict=True)]
    batch = sides.settings.sampler.batch_size
    for name, values in times.items():
        middle = sorted(values)[len(values) // 2]
        speed = f"{1 / middle:.2f} steps/s, {batch / middle:,.0f} images/s"
        if name == "bare loop":
            record.line(case, name, speed, ratios=ratios, wanted=">= 0.95")
        else:
            record.line(case, name, speed)
    return min(times["likewise"]), min(times["bare loop"])


def main() -> None:
    compiled = "--compile" in sys.argv and sys.argv.pop(sys.argv.index("--compile")) != ""
    record = start("2 training step, compiled" if compiled else "2 training step")
    with tempfile.TemporaryDirectory() as folder:
        catalog = catalog_of_photos(Path(folder), record.size(6_000, 48), classes=record.size(100, 4))
        file = Path(folder) / "catalog.csv"
        catalog.write(file)
        steps, rounds = record.size(45, 5), record.size(2, 1)
        found = {}
        for avsl in (False,) if compiled else (False, True):
            name = "AVSL" if avsl else "Proxy-Anchor"
            settings = experiment(record, file, avsl, compiled, steps)
            with record.case(f"{name}, batches on the device"):
                sides = Sides(record, settings, resident=True)
                found[name] = compare(record, f"{name}, batches on the device", sides, rounds)
        if len(found) == 2:
            extra = found["AVSL"][0] / found["Proxy-Anchor"][0]
            record.line("AVSL step / plain step", "likewise", f"{extra:.2f} times as long")
        if not compiled:
            settings = experiment(record, file, False, False, steps)
            with record.case("Proxy-Anchor, photos through the loader"):
                sides = Sides(record, settings, resident=False)
                compare(record, "Proxy-Anchor, photos through the loader", sides, rounds=1)


if __name__ == "__main__":
    main()
