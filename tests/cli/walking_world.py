"""A small world in which every command works, and how each command is called there."""
# ruff: noqa: E501 - one line per row of a table

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from likewise.data import Catalog, Preprocessing
from likewise.explain import SaliencySettings, make_store
from likewise.models import ModelSpec, build
from likewise.models.model_reference import ModelReference
from likewise.retrieval import Index

# Files whose ending promises what they do not hold.
WRONG_FILES = (
    "note.csv", "note.json", "note.npz", "note.onnx", "note.parquet", "note.png", "note.pt", "note.safetensors",
    "note.txt", "note.xlsx", "note.yaml",
)  # fmt: skip

# For each command, words with which it works in the world, in little time.
WORKS: dict[str, list[str]] = {
    "demo": ["photos", "--out", "demo-out"],
    "doctor": [],
    "help": ["index", "build"],
    "search": ["x.index", "photos/a/0.png"],
    "models list": [],
    "models info": ["run"],
    "embed": ["run", "catalog.csv", "--out", "e.npz"],
    "export": ["run", "--out", "model.onnx"],
    "eval": ["run", "catalog.csv"],
    "calibrate": ["run", "catalog.csv", "--split", "test", "--false-match-rate", "0.9", "--out",
                  "threshold.json"],
    "explain": ["run", "photos/a/0.png", "photos/a/1.png", "--out", "why.png", "--hiding-masks", "1", "--no-check"],
    "saliency": ["run", "catalog.csv", "--out", "new-maps", "--samples", "1"],
    "train": ["catalog/multi_similarity"],
    "fit whitening": ["run", "catalog.csv", "--out", "whitened", "--dim", "4"],
    "presets": ["catalog/multi_similarity"],
    "report": ["result", "--out", "page.html"],
    "data prepare": ["folder", "photos", "--out", "prepared.csv"],
    "check": ["run", "catalog.csv", "--only", "geometry.rank"],
    "data check": ["catalog.csv"],
    "data duplicates": ["catalog.csv", "likewise:small"],
    "data suspects": ["catalog.csv", "likewise:small"],
    "data map": ["catalog.csv", "likewise:small", "--out", "map.html"],
    "data fold": ["catalog.csv", "--folds", "2", "--out", "folds"],
    "data render": ["cars", "--out", "scenes", "--count", "1", "--size", "32"],
    "data published-cars": ["published", "--out", "cars.csv"],
    "masks make": ["catalog.csv", "--model", "note.onnx", "--out", "masked.csv"],
    "masks score": ["catalog.csv", "catalog.csv"],
    "index build": ["run", "catalog.csv", "--out", "new.index"],
    "index add": ["x.index", "catalog.csv"],
    "index sync": ["x.index", "catalog.csv"],
    "index remove": ["x.index", "a/0.png"],
    "index approximate": ["x.index"],
    "index info": ["x.index"],
    "serve": ["x.index", "--port", "0"],
    "keys new": ["shop"],
    "keys list": [],
    "keys revoke": ["shop"],
    "import background-bias": ["note.pt", "--out", "imported"],
    "import avsl": ["note.pt", "--out", "imported"],
    "import reality-check": ["photos", "--out", "imported"],
    "audit background": ["run", "catalog.csv", "--backgrounds", "backgrounds", "--repeats", "1", "--attention-images", "0"],
    "audit agreement": ["run", "other", "catalog.csv", "--samples", "1", "--no-random-weights",
                        "--no-noise-floor"],
    "audit properties": ["run", "catalog.csv", "--permutations", "19"],
    "audit run": ["run", "catalog.csv", "properties", "-o", "permutations=19"],
    "audit robustness": ["run", "catalog.csv", "--images", "4", "--change", "blur"],
    "audit faithfulness": ["run", "catalog.csv", "--pairs", "5", "--random-choices", "1", "--hiding-masks", "0", "--samples", "1"],
}  # fmt: skip
# Commands whose input (a benchmark, a checkpoint, Blender, a segmentation network, hours) no test has.
CANNOT_WORK_HERE = {
    "serve", "keys revoke", "demo", "train", "data render", "data published-cars", "masks make", "import background-bias", "import avsl",
    "import reality-check", "index approximate",
}  # fmt: skip


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command below a group, by its words."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from leaves(below, (*words, name))
    else:
        yield " ".join(words), command


def make_world(folder: Path) -> Path:
    """Two models, 12 photos of three classes with masks and properties, an index, maps, a report, and wrong files."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, seed in (("run", 0), ("other", 1)):
        preprocessing = Preprocessing(resize_px=32, crop_px=32)
        spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=preprocessing)
        build(spec, seed=seed).save(folder / name)
    mask = np.zeros((36, 36), np.uint8)
    mask[10:26, 10:26] = 255
    rows = []
    for number in range(24):
        label = "abc"[number % 3]
        file = folder / "photos" / label / f"{number // 3}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (36, 36, 3)).astype(np.uint8)).save(file)
        rows.append({"path": f"photos/{label}/{number // 3}.png", "label": label, "mask": "mask.png", "hue": number,
                     "split": "train" if number < 12 else "test"})  # fmt: skip
    Image.fromarray(mask).save(folder / "mask.png")
    Catalog.from_table(pd.DataFrame(rows), folder).write(folder / "catalog.csv")
    (folder / "backgrounds").mkdir()
    shutil.copy(folder / "photos" / "a" / "0.png", folder / "backgrounds")
    for name in WRONG_FILES:
        (folder / name).write_text("This is text, whatever the name says.\n")
    (folder / "empty.png").touch()
    (folder / "a-folder").mkdir()
    (folder / "a-folder" / "inside.txt").write_text("x")
    from likewise import load

    model, catalog = load(folder / "run"), Catalog.read(folder / "photos")
    uri = str(folder / "x.index")
    Index.create(uri, model, catalog, reference=ModelReference.to(str(folder / "run"), uri))
    settings = SaliencySettings(samples=1)
    make_store(model, catalog, folder / "maps", settings=settings, progress=False)
    from likewise.report import Report, Verdict, save_report

    save_report(Report("A result", verdicts=[Verdict("Good.")]), folder / "result")
    (folder / "pp.json").write_text(json.dumps({"resize_px": 32, "crop_px": 32}))
    return folder
