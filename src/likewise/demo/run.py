"""Run the demo: catalog, two trainings, search, background test, explanation; then one page."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likewise.data import Catalog
from likewise.data.background_folder import write_backgrounds
from likewise.demo.inputs import demo_catalog, has_masks, write_inputs
from likewise.demo.page import demo_report
from likewise.demo.scores import Scores, measure
from likewise.files import write_json
from likewise.report import Report
from likewise.training import Run, resolve, train

Say = Callable[[str], None]

# A small network from random weights: it learns the samples in a minute and needs no download.
SMALL_NETWORK: dict[str, Any] = {
    "model.backbone": "test_resnet", "model.dim": 64, "model.frozen_batch_norm": "none",
    "model.preprocessing": {"resize_px": 96, "crop_px": 96, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    "data.fold": None, "sampler.batch_size": 48, "sampler.iterations": 12, "schedule.warmup_epochs": 0,
    "augmentation.scale": [0.4, 1.0], "optimizer.lr_backbone": 2e-3, "optimizer.lr_head": 2e-3,
    "start.head": "random", "model.pretrained": False, "trainer.accelerator": "cpu",
}  # fmt: skip
BGAUGMENT: dict[str, Any] = {"replace_background": {"source": "batch", "probability": 0.7}}


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves.

    Attributes:
        page: The HTML page.
        report: What stands on it.
        scores: Metrics of each model under each condition.
    """

    page: Path
    report: Report
    scores: list[Scores]


def run_demo(
    data: Path | None, out: Path, *, epochs: int = 14, seed: int = 0, say: Say = print
) -> DemoResult:
    """Run every step; finished trainings in ``out`` are not repeated.

    Args:
        data: A catalog file or a folder of photos by class; None takes the rendered samples.
        out: Folder for everything the demo makes.
        epochs: Of each training.
        seed: Of everything random.
        say: Told what happens.

    Raises:
        InputError: The data is not there, or ``out`` cannot be written.
        CatalogError: Too few classes.
    """
    say("1/5  The catalog")
    source = demo_catalog(data)
    catalog = Catalog.read(write_inputs(source, out))
    masks = has_masks(catalog)
    backgrounds = (
        write_backgrounds(catalog.select(split="train"), out / "backgrounds", seed=seed) if masks else None
    )
    changes: dict[str, Any] = {"trainer.max_epochs": epochs, "seed": seed}
    runs = {"base": _train(out / "runs" / "base", catalog, changes, say)}
    if masks:
        changes |= BGAUGMENT
        runs["BGAugment"] = _train(out / "runs" / "bgaugment", catalog, changes, say)
    say("4/5  Search and evaluation on classes that training has not seen")
    test = catalog.select(split="test")
    scores = [measure(name, run.model(), test, backgrounds, seed) for name, run in runs.items()]
    say("5/5  The page")
    report = demo_report(catalog, runs, scores, out)
    page = out / "index.html"
    report.save(page)
    write_json(out / "scores.json", [score.as_json() for score in scores])
    return DemoResult(page, report, scores)


def _train(folder: Path, catalog: Catalog, changes: dict[str, Any], say: Say) -> Run:
    name, number = folder.name, "3/5" if "replace_background" in changes else "2/5"
    if (folder / "model.safetensors").is_file() and (folder / "done").is_file():
        say(f"{number}  Training '{name}': already done")
        return Run.open(folder)
    say(f"{number}  Training '{name}' on {len(catalog.select(split='train'))} images")
    fixed = {"name": f"demo/{name}", "data.catalog": str(catalog.root / "catalog.parquet")}
    values = SMALL_NETWORK | fixed | changes
    settings = resolve(
        "catalog/multi_similarity", [f"{key}={json.dumps(value)}" for key, value in values.items()]
    )
    run = train(None if folder.exists() else settings, out=folder, resume=folder if folder.exists() else None)
    (folder / "done").touch()
    return run
