"""The commands of likewise under faults: each is run as on the command line, and what it writes is the result."""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fault_scenarios import OPTIONS, Scenario, digest, draw, photos, tiny_model
from PIL import Image

from likewise.cli.app import _run
from likewise.data import Catalog
from likewise.errors import WorkError
from likewise.retrieval import Index

EXPERIMENT = """
seed: 3
data: {catalog: c.csv}
model:
  backbone: test_resnet
  dim: 8
  preprocessing: {resize_px: 40, crop_px: 32}
loss: {name: proxy_anchor}
sampler: {batch_size: 8, per_class: 2, iterations: 2}
validation: {patience: null}
trainer: {max_epochs: 2, num_workers: 0, accelerator: cpu}
"""
TIMES = "seconds|images_per|peak|memory"
TIMED = re.compile(rb'"seconds": [\d.]+')


class CrashError(Exception):
    """The command ended with a traceback."""


def run(folder: Path, *words: str) -> str:
    """One command in ``folder``; what it said.

    Raises:
        WorkError: It ended with a sentence and an exit code other than 0 and 1.
        CrashError: It ended with a traceback.
    """
    os.chdir(folder)
    sys.argv = ["likewise", *words]
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = _run()
    text = said.getvalue()
    if "Traceback" in text:
        raise CrashError(text[-3000:])
    if code not in (0, 1):  # 1: an audit found what it looks for
        raise WorkError(text.strip()[-2000:])
    return text


def commands(*lines: str) -> Callable[[Path, Any], None]:
    """Work: these commands, in order."""

    def work(folder: Path, model: object) -> None:
        for line in lines:
            run(folder, *line.split())

    return work


MINUTE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC")  # when a page was made; tries may take minutes


def files(*patterns: str) -> Callable[[Path, Any], str]:
    """Result: the bytes of all files that fit, of which there must be one for each pattern."""

    def result(folder: Path, model: object) -> str:
        found = {pattern: sorted(folder.glob(pattern)) for pattern in patterns}
        assert all(found.values()), found
        return digest(
            [
                (str(path.relative_to(folder)), MINUTE.sub(b"", path.read_bytes()))
                for paths in found.values()
                for path in paths
                if path.is_file()
            ]
        )

    return result


def world(folder: Path, model: Any) -> None:
    """A model, a catalog of 24 images of eight classes with masks and a property, and photos of backgrounds."""
    rows = []
    for number in range(24):
        name = f"{number:02d}"
        draw(folder / "images" / f"{name}.png", number)
        mask = np.zeros((40, 48), np.uint8)
        mask[8:30, 10 + number % 3 : 34] = 255
        (folder / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
        rows.append(
            {
                "path": f"images/{name}.png",
                "label": f"class {number % 8}",
                "mask": f"masks/{name}.png",
                "split": "val" if number % 8 > 4 else "train",
                "size": number // 4,
            }
        )
    pd.DataFrame(rows).to_csv(folder / "c.csv", index=False)
    pd.DataFrame(rows).drop(columns="split").to_csv(folder / "held_out.csv", index=False)
    for number in range(3):
        draw(folder / "backgrounds" / f"{number}.png", 100 + number)
    model.save(folder / "model")
    (folder / "e.yaml").write_text(EXPERIMENT, encoding="utf-8")


def exported(folder: Path, model: object) -> str:
    """What the TorchScript file makes of a picture; its bytes hold names that differ each time."""
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    return digest(torch.jit.load(folder / "m.pt")(images).tolist())


def two_models(folder: Path, model: Any) -> None:
    """As :func:`world`, with a second model."""
    world(folder, model)
    tiny_model(seed=2).save(folder / "other")


def kept_results(folder: Path, model: Any) -> None:
    """As :func:`world`, with two results that ``likewise report`` can draw."""
    world(folder, model)
    for name in ("first", "second"):
        run(folder, "eval", "model", "held_out.csv", "--workers", "0", "--out", name)


def searchable(folder: Path, model: Any) -> None:
    """As :func:`world`, with an index."""
    world(folder, model)
    Index.create(folder / "x.index", model, Catalog.read(folder / "held_out.csv"), options=OPTIONS)


def train(folder: Path, model: object) -> None:
    """``likewise train``; where it asks for --resume, that."""
    try:
        run(folder, "train", "e.yaml", "--out", "run")
    except WorkError as error:
        if "contains a run already: continue it with --resume run" not in str(error):
            raise
        run(folder, "train", "--resume", "run")


def trained(folder: Path, model: object) -> str:
    """The weights bit for bit, and what was measured of every epoch."""
    metrics = pd.read_csv(folder / "run" / "metrics.csv")
    timed = metrics.columns[metrics.columns.str.contains(TIMES)]
    weights = [(folder / "run" / name).read_bytes() for name in ("model.safetensors", "trained_on.json")]
    assert (folder / "run" / "report.html").is_file()
    return digest([metrics.drop(columns=timed).to_csv(), *weights])


def swept(folder: Path, model: object) -> str:
    """The weights of all trainings."""
    return digest(
        [
            (str(path.parent.relative_to(folder)), path.read_bytes())
            for path in sorted((folder / "sweep").rglob("model.safetensors"))
        ]
    )


def sweep(folder: Path, model: object) -> None:
    """``likewise train --sweep`` over two losses and one fold; stopped, its --resume."""
    words = [
        "train",
        "catalog/*",
        "--sweep",
        "losses",
        "--loss=triplet",
        "--loss=contrastive",
        "--fold=0",
        "--out",
        "sweep",
    ]
    for setting in (
        "data.catalog=c.csv",
        "model.backbone=test_resnet",
        "model.pretrained=false",
        "model.dim=8",
        "trainer.max_epochs=1",
        "trainer.num_workers=0",
        "trainer.accelerator=cpu",
        "sampler.iterations=2",
        "sampler.batch_size=8",
        "sampler.per_class=2",
        "data.folds=2",
    ):
        words += ["-o", setting]
    try:
        run(folder, *words)
    except WorkError as error:
        if "--resume" not in str(error):
            raise
        run(folder, "train", "--resume", "sweep")


def copies(folder: Path, model: Any) -> None:
    """As :func:`world`, with copies of two images."""
    world(folder, model)
    table = pd.read_csv(folder / "held_out.csv")
    for number in (0, 1):
        (folder / "images" / f"copy{number}.png").write_bytes(
            (folder / "images" / f"0{number}.png").read_bytes()
        )
    more = table.iloc[:2].assign(path=["images/copy0.png", "images/copy1.png"])
    pd.concat([table, more]).to_csv(folder / "held_out.csv", index=False)


def found_copies(folder: Path, model: object) -> str:
    """The catalog without them, the page, and what the state holds."""
    with np.load(folder / "s.npz") as stored:
        state = {name: stored[name].tolist() for name in stored.files}
    return digest([state, files("clean.csv", "d.html")(folder, model)])


def checked(folder: Path, model: object) -> str:
    """The stored check without durations; the other forms are there."""
    assert all((folder / name).is_file() for name in ("check.md", "check.xml", "check.svg"))
    return digest(TIMED.sub(b"", MINUTE.sub(b"", (folder / "kept" / "report.json").read_bytes())))


def whiten(folder: Path, model: object) -> None:
    """``likewise fit whitening``, or nothing where it was stopped behind its last step."""
    try:
        run(folder, "fit", "whitening", *MODEL.split(), "--out", "white")
    except WorkError as error:
        if "contains a model already" not in str(error):
            raise


@dataclass(frozen=True)
class Command(Scenario):
    """A scenario with what is imported before the tries are forked."""

    imports: tuple[str, ...] = ()


MODEL = "model held_out.csv"
PAGES = (
    "likewise.report",
    "likewise.audit",
    "likewise.training",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_agg",
    "likewise.retrieval",
)
TRAINING = (
    *PAGES,
    "lightning_fabric",
    "likewise.losses",
    "likewise.training.loop",
    "pytorch_metric_learning.losses",
)

COMMANDS: dict[str, Scenario] = {
    "data prepare folder": Command(
        photos, commands("data prepare folder photos --out c.parquet"), files("c.parquet")
    ),
    "data prepare table": Command(
        world, commands("data prepare table held_out.csv --out t.csv --split none"), files("t.csv")
    ),
    "data fold": Command(world, commands("data fold c.csv --folds 2 --out folds"), files("folds/*.csv")),
    "calibrate": Command(
        world,
        commands(f"calibrate {MODEL} --workers 0 --false-match-rate 0.2"),
        files("model/threshold.json"),
    ),
    "eval": Command(
        world,
        commands(
            *(f"eval {MODEL} --workers 0 --out {name}" for name in ("e.json", "e.csv", "e.html", "kept"))
        ),
        files("e.json", "e.csv", "e.html", "kept/report.json"),
        PAGES,
    ),
    "report": Command(
        kept_results, commands("report first second --out page.html"), files("page.html"), PAGES
    ),
    "search": Command(
        searchable,
        commands(
            "search x.index images/00.png --model model --sheet s.png",
            "search x.index images/00.png --model model --sheet s.html",
        ),
        files("s.png", "s.html"),
        PAGES,
    ),
    "explain": Command(
        world,
        commands("explain model images/00.png images/08.png --hiding-masks 1 --out why.png"),
        files("why.png"),
    ),
    "masks score": Command(
        world, commands("masks score held_out.csv held_out.csv --sheet worst.png"), files("worst.png")
    ),
    "export onnx": Command(
        world,
        commands("export model --out m.onnx"),
        files("m.onnx"),
        ("onnx", "onnxscript", "onnxruntime", "torch.onnx._internal.exporter._core"),
    ),
    "export torchscript": Command(world, commands("export model --to torchscript --out m.pt"), exported),
    "audit background": Command(
        world,
        commands(
            f"audit background {MODEL} --backgrounds backgrounds --repeats 2 --attention-images 2 --method gradient "
            "--out b.html --tables tables"
        ),
        files("b.html", "tables/*"),
        (*PAGES, "captum.attr"),
    ),
    "audit properties": Command(
        world,
        commands(f"audit properties {MODEL} --permutations 19 --out p.html --tables tables"),
        files("p.html", "tables/*"),
        PAGES,
    ),
    "audit agreement": Command(
        two_models,
        commands(
            "audit agreement model other held_out.csv --saliency-dir maps --samples 1 --images 6 --out a.html"
        ),
        files("a.html", "maps/*/*.npy"),
        PAGES,
    ),
    "audit faithfulness": Command(
        world,
        commands(
            f"audit faithfulness {MODEL} --pairs 5 --random-choices 1 --hiding-masks 1 --samples 1 --out kept"
        ),
        files("kept/report.json"),
        PAGES,
    ),
    "audit robustness": Command(
        world,
        commands(f"audit robustness {MODEL} --images 5 --change noise --out r.html --tables tables"),
        files("r.html", "tables/*"),
        PAGES,
    ),
    "check": Command(
        world,
        commands(
            f"check {MODEL} --only retrieval.scores --only data.duplicates --out kept --summary check.md "
            "--junit check.xml --badge check.svg"
        ),
        checked,
        (*PAGES, "likewise.checks"),
    ),
    "data duplicates": Command(
        copies,
        commands("data duplicates held_out.csv --state s.npz --out clean.csv --sheet d.html"),
        found_copies,
        (*PAGES, "likewise.curation"),
    ),
    "data suspects": Command(
        world,
        commands("data suspects held_out.csv model --out clean.csv --sheet d.html"),
        files("clean.csv", "d.html"),
        (*PAGES, "likewise.curation"),
    ),
    "data map": Command(
        world,
        commands("data map held_out.csv model --out m.html"),
        files("m.html"),
        (*PAGES, "likewise.curation"),
    ),
    "fit whitening": Command(world, whiten, files("white/*", "white/base/*"), PAGES),
    "train": Command(world, train, trained, TRAINING),
    "train sweep": Command(world, sweep, swept, TRAINING),
}
