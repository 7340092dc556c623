r"""Does the audit's measure rise with a background bias that is known?

    likewise data render products --preset samples --background-correlation 0.5 --out prod-0.5/catalog.parquet
    likewise data render products --preset samples --no-hold-out --class PRODUCT ... --count 252 \
        --background-correlation 0.5 --test-background-correlation 0.5 --out biased-0.5/catalog.parquet
    python experiments/background_correlation.py 0=prod-0/catalog.parquet 0.5=prod-0.5/catalog.parquet \
        0.9=samples 1=prod-1/catalog.parquet --bgaugment 0.9 --backgrounds photos --out correlation \
        --tests 0=biased-0/catalog.parquet 0.5=biased-0.5/catalog.parquet ...

Trains a small network from random weights on rendered products whose background predicts the class with a known
correlation, over several seeds, and audits every model twice on products it has not seen: on images whose backgrounds
tell nothing, and, with --tests, on images with the correlation it was trained with, as a shop's own photos would have.
Finished trainings and audits are not repeated. Prints Markdown tables: mean over seeds and half the 95 % t-interval.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from summary import mean_and_interval

import likewise
from likewise.files import write_json
from likewise.scenes.sample_set import SAMPLES_FILE
from likewise.training import Run, resolve, train

EPOCHS = 14
# Half a million weights from random numbers, so that what is learnt comes from these images alone.
SMALL_NETWORK: dict[str, Any] = {
    "model.backbone": "test_resnet", "model.dim": 64, "model.frozen_batch_norm": "none",
    "model.preprocessing": {"resize_px": 96, "crop_px": 96, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    "data.fold": None, "sampler.batch_size": 48, "sampler.iterations": 12, "schedule.warmup_epochs": 0,
    "augmentation.scale": [0.4, 1.0], "optimizer.lr_backbone": 2e-3, "optimizer.lr_head": 2e-3,
    "start.head": "random", "model.pretrained": False, "trainer.accelerator": "cpu",
}  # fmt: skip
BGAUGMENT: dict[str, Any] = {"replace_background": {"source": "batch", "probability": 0.7}}
Read = Callable[[dict[str, Any]], float]
Audits = dict[tuple[str, str], list[dict[str, Any]]]
ROWS: dict[str, Read] = {
    "MAP@R original": lambda a: a["conditions"]["original"]["map@r"]["mean"],
    "replaced": lambda a: a["conditions"]["replaced"]["map@r"]["mean"],
    "change": lambda a: a["relative_change"],
    "object only": lambda a: a["conditions"]["object_only"]["map@r"]["mean"],
    "background only": lambda a: a["conditions"]["background_only"]["map@r"]["mean"],
    "first neighbour changes": lambda a: a["neighbors"]["first_changed"],
    "same picture found again": lambda a: a["neighbors"]["finds_itself"],
    "attention score": lambda a: a["attention"]["mean"],
}


def main() -> None:
    """Train and audit what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", help="CORRELATION=CATALOG; CATALOG may be 'samples'")
    parser.add_argument("--backgrounds", type=Path, required=True, help="folder of photos without an object")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--bgaugment", default="", help="correlations that are also trained with BGAugment")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tests", nargs="*", default=[], help="CORRELATION=CATALOG of other products")
    given = parser.parse_args()
    seeds = [int(seed) for seed in given.seeds.split(",")]
    sets = dict(text.split("=", 1) for text in given.sets)
    tests = dict(text.split("=", 1) for text in given.tests)
    given.out.mkdir(parents=True, exist_ok=True)
    neutral: Audits = {}
    alike: Audits = {}
    for seed in seeds:
        for correlation, catalog in sets.items():
            for arm in ("base", "bgaugment") if correlation in given.bgaugment.split(",") else ("base",):
                name = f"{correlation}-{arm}-{seed}"
                run = partial(trained, given.out / "runs" / name, catalog, arm, seed)
                test = likewise.Catalog.read(file_of(catalog)).select(split="test")
                found = audited(given, given.out / f"{name}.json", run, test)
                neutral.setdefault((correlation, arm), []).append(found)
                if correlation in tests:
                    test = likewise.Catalog.read(file_of(tests[correlation]))
                    found = audited(given, given.out / f"{name}-alike.json", run, test)
                    alike.setdefault((correlation, arm), []).append(found)
    print_audits("Test images whose backgrounds tell nothing", neutral)
    if alike:
        print_audits("Test images with the correlation of the training", alike)


def print_audits(title: str, audits: Audits) -> None:
    """A Markdown table."""
    print(f"\n{title}\n")
    print("| correlation in training | training |", " | ".join(ROWS), "|")
    print("|---" * (len(ROWS) + 2) + "|")
    for (correlation, arm), results in sorted(audits.items()):
        cells = [mean_and_interval([read(result) for result in results]) for read in ROWS.values()]
        print(f"| {correlation} | {arm} |", " | ".join(cells), "|")


def audited(
    given: argparse.Namespace, result: Path, run: Callable[[], Run], test: likewise.Catalog
) -> dict[str, Any]:
    """The audit of one training, made when it is not there yet."""
    if not result.is_file():
        audit = likewise.audit.background(
            run().model(),
            test,
            given.backgrounds,
            given.repeats,
            attention_images=len(test),
            examples=0,
            num_workers=0,
        )
        write_json(result, audit.to_dict())
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def trained(folder: Path, catalog: str, arm: str, seed: int) -> Run:
    """The finished Run of one training, gone on with where it was interrupted."""
    if (folder / "done").is_file():
        return Run.open(folder)
    values = SMALL_NETWORK | {"trainer.max_epochs": EPOCHS, "trainer.num_workers": 0}
    values |= {"data.catalog": str(file_of(catalog)), "seed": seed}
    if arm == "bgaugment":
        values |= BGAUGMENT
    settings = resolve(
        "catalog/multi_similarity", [f"{key}={json.dumps(value)}" for key, value in values.items()]
    )
    run = train(None, resume=folder) if folder.exists() else train(settings, out=folder)
    (folder / "done").touch()
    return run


def file_of(catalog: str) -> Path:
    """The shipped samples, or a catalog file."""
    return SAMPLES_FILE if catalog == "samples" else Path(catalog)


if __name__ == "__main__":
    main()
