"""The Run: the folder of one training, and what can be read from it."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from likewise.arguments import checked
from likewise.data import Failure
from likewise.errors import ConfigError, InputError
from likewise.files import discard_folder, unwritable, whole_file
from likewise.models import SimilarityModel, load
from likewise.training.experiment import Experiment
from likewise.training.run_record import FILE as DATA_FILE
from likewise.training.run_record import read_result

_CONDITIONS = ("original/", "replaced/")
_MODEL_FILES = ("model.safetensors", "model.json", "trained_on.json")
_FILES = (*_MODEL_FILES, "experiment.yaml", "metrics.csv", "skipped.csv", "log.txt", "run.json", DATA_FILE,
          "report.html", "curves.svg", "curves.png", "checkpoints/last.ckpt")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """The folder of one training.

    ``experiment.yaml`` contains its settings, ``data.json`` its images, ``model.safetensors`` the model,
    ``metrics.csv`` one row per epoch, ``run.json`` the outcome, ``log.txt`` the log, ``checkpoints/`` resume states.
    If the untrained backbone was better, it is the model, and the trained one is in ``trained/``.
    """

    folder: Path

    @property
    def experiment(self) -> Experiment:
        """The Experiment that was run."""
        return Experiment.read(self.folder / "experiment.yaml")

    @property
    def metrics(self) -> pd.DataFrame:
        """One row per epoch: losses, learning rates, validation metrics, speed."""
        return pd.read_csv(self.folder / "metrics.csv")

    @property
    def checkpoint(self) -> Path:
        """The state to resume from."""
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def backbone(self) -> Path:
        """The untrained backbone, kept until the comparison at the end."""
        return self.folder / "checkpoints" / "backbone"

    @property
    def trained(self) -> Path:
        """The trained model where the backbone is the Run's model."""
        return self.folder / "trained"

    @property
    def log(self) -> Path:
        """The outcome, in words."""
        return self.folder / "log.txt"

    @property
    def skipped(self) -> Path:
        """Images that could not be read, with the reason."""
        return self.folder / "skipped.csv"

    @property
    def result(self) -> dict[str, Any]:
        """The outcome of the training, from ``run.json``; empty before its end."""
        return read_result(self.folder)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the Run's model; "" if there is none yet, or its file is damaged."""
        try:
            return str(json.loads((self.folder / "model.json").read_text(encoding="utf-8"))["fingerprint"])
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    @property
    def finished_an_epoch(self) -> bool:
        """Whether there is something to resume from or to lose."""
        return has_finished_epoch(self.folder)

    def best(self) -> dict[str, float | int]:
        """Number of epochs, and the validation metrics of the epoch whose model was the best."""
        spec, rows = self.experiment.validation, self.metrics.to_dict("records")
        column = f"{spec.select_on}/{spec.metric}"
        result: dict[str, float | int] = {"epochs": int(max(row["epoch"] for row in rows))}
        scored = [row for row in rows if not pd.isna(row.get(column, float("nan")))]
        if scored:
            # The first of equal values, as in training.
            best = {
                str(name): value for name, value in max(scored, key=lambda row: float(row[column])).items()
            }
            result["best_epoch"] = int(best["epoch"])
            result |= {name: float(value) for name, value in best.items() if name.startswith(_CONDITIONS)}
        return result

    def model(self) -> SimilarityModel:
        """The model of the Run: of the best epoch (the last where nothing validates), or the untrained backbone."""
        return load(str(self.folder))

    def trained_model(self) -> SimilarityModel:
        """The trained model, also where the untrained backbone was better."""
        return load(str(self.trained if (self.trained / "model.json").is_file() else self.folder))

    def put_aside(self) -> None:
        """Copy the trained model to ``trained/``, before the backbone replaces it."""
        if (self.trained / "model.json").is_file():
            return
        self.trained.mkdir(exist_ok=True)
        for name in ("model.safetensors", "trained_on.json", "model.json"):  # the last one makes it a model
            if (self.folder / name).is_file():
                with whole_file(self.trained / name) as temporary:
                    shutil.copyfile(self.folder / name, temporary)

    def take_back(self) -> None:
        """Make the trained model the Run's model again, before the training goes on."""
        if not (self.trained / "model.json").is_file():
            return
        for name in _MODEL_FILES:
            if (self.trained / name).is_file():
                with whole_file(self.folder / name) as temporary:
                    shutil.copyfile(self.trained / name, temporary)
        discard_folder(self.trained)

    @checked
    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Replace ``metrics.csv``, whole or not at all."""
        with whole_file(self.folder / "metrics.csv") as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)

    @checked
    def write_skipped(self, failures: Iterable[Failure]) -> None:
        """Replace ``skipped.csv``; nothing is written when every image could be read."""
        rows = [{"path": failure.id, "reason": failure.reason} for failure in failures]
        if rows:
            with whole_file(self.skipped) as temporary:
                pd.DataFrame(rows).to_csv(temporary, index=False)

    @classmethod
    @checked
    def create(cls, folder: Path, experiment: Experiment) -> "Run":
        """Make the folder of a new training; what a training without a finished epoch left there is replaced.

        Raises:
            ConfigError: The folder contains a run already.
            InputError: It cannot be written.
        """
        check_free(folder)
        try:
            (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error, "name another folder with --out") from error
        remove_files(folder, [name for name in _FILES if (folder / name).exists()])
        experiment.write(folder / "experiment.yaml")
        return cls(folder)

    @classmethod
    @checked
    def open(cls, folder: Path) -> "Run":
        """An existing run.

        Raises:
            ConfigError: The folder is not a run.
        """
        if not (folder / "experiment.yaml").is_file():
            raise ConfigError(f"{folder} is not a run: it has no experiment.yaml.")
        return cls(folder)


def default_folder(name: str, seed: int) -> Path:
    """Folder of the Run of an Experiment of this name where none is named."""
    return Path("runs") / f"{name.replace('/', '-')}-seed{seed}"


def has_finished_epoch(folder: Path) -> bool:
    """Whether a training in ``folder`` has ended an epoch: a checkpoint, or a row of metrics beyond the start."""
    if not (folder / "experiment.yaml").is_file():
        return False
    if (folder / "checkpoints" / "last.ckpt").is_file() or (folder / "run.json").is_file():
        return True
    try:
        return bool((pd.read_csv(folder / "metrics.csv")["epoch"] > 0).any())
    except (OSError, ValueError, KeyError):
        return False


def check_free(folder: Path) -> None:
    """Refuse a folder in which a training has ended an epoch.

    Raises:
        ConfigError: There is one.
        InputError: It is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name another folder with --out.")
    if has_finished_epoch(folder):
        raise ConfigError(
            f"{folder} contains a run already: continue it with --resume {folder}, or name another with --out."
        )


def discard(folder: Path) -> None:
    """Remove what a training that ended no epoch has written; other files in the folder stay."""
    remove_files(folder, [name for name in _FILES if (folder / name).exists()])
    sweep_temporary(folder)
    shutil.rmtree(folder / "checkpoints" / "backbone", ignore_errors=True)
    for path in (folder / "checkpoints", folder):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def sweep_temporary(folder: Path) -> None:
    """Remove temporary files that a killed training left; the caller has the lock of the folder."""
    for name in _FILES:
        path = folder / name
        for leftover in path.parent.glob(f".{path.stem}-*{path.suffix}"):
            leftover.unlink(missing_ok=True)
    for leftover in (folder / "checkpoints").glob(".backbone-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def remove_files(folder: Path, names: Sequence[str]) -> None:
    """Remove these files of a folder."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
