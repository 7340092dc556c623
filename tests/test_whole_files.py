"""Every file that is promised whole or not at all: a write that fails at its end leaves the earlier file as it was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog, Failure
from likewise.errors import WorkError
from likewise.images import save_image
from likewise.models import Embeddings
from likewise.models.trained_on import TrainedOn
from likewise.report import Report, Section, Table, Verdict, save_report
from likewise.retrieval import Threshold
from likewise.retrieval.threshold import ErrorRate
from likewise.training import Experiment, Run
from likewise.training.run_record import RunData, write_result


def catalog(version: int, file: Path) -> None:
    Catalog.from_table(pd.DataFrame({"path": [f"{version}.png"], "label": ["a"]}), file.parent).write(file)


def embeddings(version: int, file: Path) -> None:
    Embeddings(np.full((1, 2), version, np.float32), ["a"], None, "print").save(file)


def report(version: int, file: Path) -> None:
    section = Section(f"Part {version}", table=Table(["x"], [[version]]))
    Report("Title", verdicts=[Verdict(f"Version {version}.", "info")], sections=[section]).save(file)


def kept_report(version: int, file: Path) -> None:
    save_report(Report("Title", verdicts=[Verdict(f"Version {version}.", "info")]), file.parent)


def table(version: int, file: Path) -> None:
    Table(["x"], [[version]]).save(file)


def image(version: int, file: Path) -> None:
    save_image(Image.new("RGB", (4, 4), (version, 0, 0)), file)


def threshold(version: int, file: Path) -> None:
    rate = ErrorRate(rate=0.001, low=0.0, high=0.01, pairs=1000)
    Threshold(
        distance=version / 10, distance_name="cosine", wanted_false_match_rate=0.01, false_match=rate,
        false_non_match=rate, equal_error_rate=0.01, equal_error_distance=0.2, level=0.95, classes=5, images=50,
        fingerprint="print",
    ).save(file)  # fmt: skip


def trained_on(version: int, file: Path) -> None:
    TrainedOn(catalog="c", fingerprint=str(version), classes=("a",), images=("a.png",)).write(file.parent)


def run_data(version: int, file: Path) -> None:
    known = TrainedOn(catalog="c", fingerprint=str(version), classes=("a",), images=("a.png",))
    RunData(trained_on=known, validated_on=(), bytes=(1,)).write(file.parent)


def experiment(version: int, file: Path) -> None:
    values = {
        "seed": version,
        "data": {"catalog": "c.csv"},
        "model": {"backbone": "resnet18"},
        "loss": {"name": "triplet"},
    }
    Experiment.model_validate(values).write(file)


WRITERS: dict[str, tuple[str, Callable[[int, Path], None]]] = {
    **{f"catalog {ending}": (f"c.{ending}", catalog) for ending in ("csv", "parquet")},
    **{f"embeddings {ending}": (f"e.{ending}", embeddings) for ending in ("npz", "parquet")},
    **{f"report {ending}": (f"r.{ending}", report) for ending in ("html", "md", "txt")},
    **{f"table {ending}": (f"t.{ending}", table) for ending in ("txt", "md", "csv", "tex")},
    **{f"image {ending}": (f"i.{ending}", image) for ending in ("png", "jpg")},
    "kept report": ("report.json", kept_report),
    "threshold": ("threshold.json", threshold),
    "classes of a model": ("trained_on.json", trained_on),
    "images of a Run": ("data.json", run_data),
    "experiment": ("experiment.yaml", experiment),
    "epochs": ("metrics.csv", lambda version, file: Run(file.parent).write_metrics([{"epoch": version}])),
    "skipped images": (
        "skipped.csv", lambda version, file: Run(file.parent).write_skipped([Failure(f"{version}.png", "cut")]),
    ),
    "result of a Run": ("run.json", lambda version, file: write_result(file.parent, {"best_epoch": version})),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITERS)
def test_a_write_that_fails_at_its_end_changes_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, write = WRITERS[kind]
    write(1, tmp_path / name)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert name in before

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(WorkError, match="No space left"):
            write(2, tmp_path / name)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    write(2, tmp_path / name)
    assert (tmp_path / name).read_bytes() != before[name], "the two versions differ"
