"""After each epoch: measure, keep the best model, write metrics, decide to stop."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from likewise.data import Failure
from likewise.errors import WorkError
from likewise.results.metric_words import metric_name, percent
from likewise.training.distributed import gather_objects
from likewise.training.early_stopping import Standing, standing
from likewise.training.experiment import ScheduleSpec, ValidationSpec
from likewise.training.module import TrainingModule
from likewise.training.optimizers import schedule_factor
from likewise.training.run_folder import Run
from likewise.training.trackers import Track
from likewise.training.validation import Validation


class EpochRecords:
    """What happened in each epoch, in memory and in the Run's folder.

    Args:
        spec: Measures, and which of them selects the best epoch.
        schedule: Of the learning rates; a plateau lowers them.
        run: Where the best model and the records are written, by the first process.
        validations: Measurements after each epoch, by condition.
        max_epochs: Epochs of the whole training.
        say: Called with one sentence per epoch.
        rank: Number of this process.
        track: Each is called with the measures of an epoch and its number.
        baseline: The selecting metric of the untrained backbone, to show beside that of each epoch.

    Attributes:
        max_epochs: Epochs of the whole training.
        rows: One mapping per epoch, as in ``metrics.csv``; epoch 0 is the untrained model.
    """

    def __init__(
        self,
        spec: ValidationSpec,
        schedule: ScheduleSpec,
        run: Run,
        validations: Mapping[str, Validation],
        *,
        max_epochs: int,
        say: Callable[[str], None],
        rank: int = 0,
        track: Sequence[Track] = (),
        baseline: float | None = None,
    ) -> None:
        self._spec = spec
        self._schedule = schedule
        self._run = run
        self._validations = validations
        self.max_epochs = max_epochs
        self._say = say
        self._rank = rank
        self._track = track
        self._baseline = baseline
        self.rows: list[dict[str, float]] = []

    @property
    def selecting(self) -> str:
        """Column of the selecting metric."""
        return f"{self._spec.select_on}/{self._spec.metric}"

    @property
    def standing(self) -> Standing:
        """Best epoch, patience and reduction after the validations so far."""
        scores = [(int(row["epoch"]), row[self.selecting]) for row in self.rows if self.selecting in row]
        return standing(scores, self._spec, self._schedule)

    def rate_factor(self, epoch: int) -> float:
        """Factor of the learning rates in ``epoch`` (from 0): that of the schedule, lowered on plateaus."""
        return schedule_factor(self._schedule, epoch, self.max_epochs) * self.standing.factor

    def start(self, module: TrainingModule) -> None:
        """Measure the untrained model, unless a run goes on."""
        if not self.rows and self._spec.at_start and self._validations:
            self._add({"epoch": 0, **self._measure(module)}, module)

    def end_epoch(self, module: TrainingModule, optimizer: Optimizer, epoch: int, seconds: float) -> None:
        """Validate if due, and write the best model before the records: a kill at any moment then loses nothing.

        Args:
            module: What was trained.
            optimizer: Has the learning rates of the epoch.
            epoch: Its number, from 1.
            seconds: How long its steps took.

        Raises:
            WorkError: The loss is no longer a number.
        """
        if module.step_losses and not torch.stack(module.step_losses).isfinite().all():
            raise WorkError(
                f"The loss is no longer a number in epoch {epoch}; the run is kept as it was after epoch {epoch - 1}. "
                "Start a new one with lower learning rates or with -o optimizer.clip_norm=10."
            )
        row = {"epoch": epoch, **_training_row(module, optimizer, seconds)}
        if self._validations and (epoch % self._spec.every == 0 or epoch == self.max_epochs):
            row |= self._measure(module)
        self._add(row, module)

    def _measure(self, module: TrainingModule) -> dict[str, float]:
        scores: dict[str, float] = {}
        for condition, validation in self._validations.items():
            measured = validation.measure(module)
            scores |= {f"{condition}/{metric}": value for metric, value in measured.items()}
        return scores

    def _add(self, row: dict[str, float], module: TrainingModule) -> None:
        """Save the model where its epoch is the best so far or nothing is validated, then write the records."""
        self.rows.append(row)
        failures = _failures(module)
        if self._rank != 0:
            return
        if not self._validations or self._is_best(row):
            module.model.save(self._run.folder, overwrite=True)
        self._run.write_metrics(self.rows)
        self._run.write_skipped(failures.values())
        for track in self._track:
            track({key: value for key, value in row.items() if key != "epoch"}, int(row["epoch"]))
        self._say(self._line(row))

    def _is_best(self, row: Mapping[str, float]) -> bool:
        return self.selecting in row and self.standing.best_epoch == row["epoch"]

    def _line(self, row: dict[str, float]) -> str:
        """One epoch in words: for instance "epoch 3/8: loss 0.21, validation MAP@R 74.2 % (backbone 69.0 %)"."""
        epoch, parts = int(row["epoch"]), []
        if "loss" in row:
            parts.append(f"loss {row['loss']:.4g}")
        if self.selecting in row:
            name = metric_name(self._spec.metric)
            beside = "" if self._baseline is None else f" (backbone {percent(self._baseline)})"
            replaced = " on replaced backgrounds" if self._spec.select_on == "replaced" else ""
            best = ", best so far" if self._is_best(row) else ""
            parts.append(f"validation {name} {percent(row[self.selecting])}{replaced}{beside}{best}")
        if "images_per_s" in row:
            parts.append(f"{row['images_per_s']:.3g} images/s")
        start = "start" if epoch == 0 else f"epoch {epoch}/{self.max_epochs}"
        return f"{start}: {', '.join(parts)}"


def _training_row(module: TrainingModule, optimizer: Optimizer, seconds: float) -> dict[str, Any]:
    losses = torch.stack(module.step_losses) if module.step_losses else torch.zeros(0)
    rates = {f"lr/{group['name']}": float(group["lr"]) for group in optimizer.param_groups}
    return {
        "loss": float(losses.mean()) if len(losses) else float("nan"),
        **rates,
        "images_per_s": sum(gather_objects(module.images)) / max(seconds, 1e-9),
        "skipped_images": float(len(_failures(module))),
    }


def _failures(module: TrainingModule) -> dict[str, Failure]:
    """Images that could not be read, by any process; the same on every process."""
    by_name: dict[str, Failure] = {}
    for failures in gather_objects(module.failures):
        for name, failure in failures.items():
            by_name.setdefault(name, failure)
    return by_name
