"""The Run: the folder of one training, and what can be read from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from likewise.data import Failure
from likewise.errors import ConfigError, InputError
from likewise.files import whole_file
from likewise.models import SimilarityModel, load
from likewise.training.experiment import Experiment

_CONDITIONS = ("original/", "replaced/")


@dataclass(frozen=True)
class Run:
    """``experiment.yaml``, ``model.safetensors`` (the best), ``metrics.csv``, ``checkpoints/``, ``log.txt``."""

    folder: Path

    @property
    def experiment(self) -> Experiment:
        """The Experiment that was run."""
        return Experiment.read(self.folder / "experiment.yaml")

    @property
    def metrics(self) -> pd.DataFrame:
        """One row an epoch: losses, learning rates, validation metrics, speed."""
        return pd.read_csv(self.folder / "metrics.csv")

    @property
    def checkpoint(self) -> Path:
        """The state to resume from."""
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def log(self) -> Path:
        """What happened, in words."""
        return self.folder / "log.txt"

    @property
    def skipped(self) -> Path:
        """Images that could not be read, with the reason."""
        return self.folder / "skipped.csv"

    def best(self) -> dict[str, float | int]:
        """Number of epochs, and the validation metrics of the epoch whose model was kept."""
        spec, rows = self.experiment.validation, self.metrics.to_dict("records")
        column = f"{spec.select_on}/{spec.metric}"
        result: dict[str, float | int] = {"epochs": int(max(row["epoch"] for row in rows))}
        scored = [row for row in rows if not pd.isna(row.get(column, float("nan")))]
        if scored:
            kept = max(
                scored, key=lambda row: float(row[column])
            )  # the first of equals, as the training kept it
            scores = {
                str(name): float(value) for name, value in kept.items() if str(name).startswith(_CONDITIONS)
            }
            result |= {"best_epoch": int(kept["epoch"]), **scores}
        return result

    def model(self) -> SimilarityModel:
        """The model of the best validation (or of the last epoch where nothing validates)."""
        return load(str(self.folder))

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Replace ``metrics.csv``, whole or not at all."""
        with whole_file(self.folder / "metrics.csv") as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)

    def write_skipped(self, failures: Iterable[Failure]) -> None:
        """Replace ``skipped.csv``; nothing is written when every image could be read."""
        rows = [{"path": failure.id, "reason": failure.reason} for failure in failures]
        if rows:
            with whole_file(self.skipped) as temporary:
                pd.DataFrame(rows).to_csv(temporary, index=False)

    @classmethod
    def create(cls, folder: Path, experiment: Experiment) -> "Run":
        """Make the folder of a new training.

        Raises:
            ConfigError: The folder holds a run already.
            InputError: It cannot be written.
        """
        if (folder / "experiment.yaml").exists():
            raise ConfigError(
                f"{folder} holds a run already: continue it with --resume {folder}, or name another with --out."
            )
        try:
            (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"Cannot make {folder}: {error.strerror}; name another folder with --out."
            ) from error
        experiment.write(folder / "experiment.yaml")
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """An existing run.

        Raises:
            ConfigError: The folder is no run.
        """
        if not (folder / "experiment.yaml").is_file():
            raise ConfigError(f"{folder} is not a run: it has no experiment.yaml.")
        return cls(folder)
