"""Measure whether training helps on small catalogs: the commands of the README on subsets of two photo sets.

Each subset has 3, 6, 12, 26 or 60 classes of 20 photos, in one folder per class. It is prepared and trained as in the
README, with the settings of the preset. The table compares the backbone with the model of the Run on classes used
neither for training nor for validation (on the validation classes if there are no others, marked with *).

Subsets of up to 26 classes contain only classes of the test half, on which no default was selected. Subsets of 60
classes contain classes of both halves.

    python experiments/small_catalogs.py --data FOLDER --out FOLDER [--only grocery-12] [--table]

The folder given with ``--data`` contains ``grocery/``, ``caltech101/`` (unpacked, each with its catalog.csv) and
``weights/tf_efficientnet_lite0.safetensors``. If interrupted, rerun the same command: finished subsets are kept.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from likewise import Catalog
from likewise.results import Column, Table

SETS, CLASSES, PHOTOS = ("grocery", "caltech101"), (3, 6, 12, 26, 60), 20


def cut(data: Path, name: str, classes: int, out: Path) -> Path:
    """A folder with one folder of 20 photos per class; the same classes at every call."""
    folder = out / "photos" / f"{name}-{classes}"
    if (folder.parent / f"{folder.name}.done").exists():
        return folder
    catalog = Catalog.read(data / name / "catalog.csv")
    halves = ["test"] if classes <= max(CLASSES[:-1]) else ["train", "test"]
    catalog = catalog.select(split=halves)
    labels = np.random.default_rng(0).permutation(sorted(set(catalog.labels)))[:classes]
    for label in sorted(labels):
        rows = np.flatnonzero(catalog.labels == label)[:PHOTOS]
        target = folder / str(label)
        target.mkdir(parents=True, exist_ok=True)
        for number, path in enumerate(np.asarray(catalog.paths, dtype=object)[rows]):
            shutil.copyfile(path, target / f"{number:03d}{Path(path).suffix}")
    (folder.parent / f"{folder.name}.done").touch()
    return folder


def likewise(*arguments: object) -> None:
    """Run a command of likewise; its progress goes to stderr."""
    subprocess.run([sys.executable, "-m", "likewise", *map(str, arguments)], check=True, stdout=sys.stderr)


def measure(data: Path, name: str, classes: int, out: Path) -> None:
    """Prepare and train one cut, and keep what it came to."""
    result, run = out / "results" / f"{name}-{classes}.json", out / "runs" / f"{name}-{classes}"
    if result.is_file():
        return
    folder = cut(data, name, classes, out)
    catalog = folder / "catalog.parquet"
    start = time.monotonic()
    likewise("data", "prepare", "folder", folder, "--out", catalog)
    if (run / "checkpoints" / "last.ckpt").is_file():
        likewise("train", "--resume", run)
    else:
        weights = data / "weights" / "tf_efficientnet_lite0.safetensors"
        likewise(
            "train", "catalog/multi_similarity", "-o", f"data.catalog={catalog}", "-o",
            "model.backbone=tf_efficientnet_lite0", "-o", f"model.weights={weights}", "-o", "trainer.num_workers=0",
            "--out", run,
        )  # fmt: skip
    record = json.loads((run / "run.json").read_text())
    record |= {"set": name, "classes": classes, "photos": classes * PHOTOS}
    record["minutes"] = (time.monotonic() - start) / 60
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(record, indent=2))


def table(out: Path) -> Table:
    """Every finished cut, one row each."""
    columns: list[Column | str] = [
        "photos of", "classes", "photos", "minutes", "kept", "backbone MAP@R", "result MAP@R", "trained MAP@R",
        "result - backbone (95 %)", "trained - backbone (95 %)", "recall@1 backbone", "result",
    ]  # fmt: skip
    rows = []
    for name in SETS:
        for classes in CLASSES:
            file = out / "results" / f"{name}-{classes}.json"
            if not file.is_file():
                continue
            record = json.loads(file.read_text())
            found = {(one["classes_are"], one["metric"]): one for one in record["scores"]}
            place = "unseen" if ("unseen", "map@r") in found else "validation"
            scored, first = found[place, "map@r"], found[place, "recall@1"]
            kept = record["kept"]
            gain = f"{scored['difference']:+.3f} ({scored['low']:+.3f} to {scored['high']:+.3f})"
            rows.append(
                [
                    name + ("" if place == "unseen" else " *"), str(classes), str(record["photos"]),
                    f"{record['minutes']:.0f}", kept, f"{scored['backbone']:.3f}", f"{scored[kept]:.3f}",
                    f"{scored['trained']:.3f}", gain if kept == "trained" else "0", gain,
                    f"{first['backbone']:.3f}", f"{first[kept]:.3f}",
                ]
            )  # fmt: skip
    return Table(columns, rows)


def main() -> None:
    """Run the missing measurements, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, help="Folder of the photo sets and weights. Default: LIKEWISE_DATA."
    )
    parser.add_argument("--out", type=Path, required=True, help="Folder for photos, runs and results.")
    parser.add_argument("--only", help="A single subset, for instance grocery-12.")
    parser.add_argument("--table", action="store_true", help="Print the table of finished subsets and exit.")
    arguments = parser.parse_args()
    data = arguments.data or os.environ.get("LIKEWISE_DATA")
    if not (data or arguments.table):
        parser.error("give --data FOLDER, or set LIKEWISE_DATA")
    if not arguments.table:
        for classes in CLASSES:
            for name in SETS:
                if arguments.only in (None, f"{name}-{classes}"):
                    measure(Path(data), name, classes, arguments.out)
    sys.stdout.write(table(arguments.out).to("markdown"))


if __name__ == "__main__":
    main()
