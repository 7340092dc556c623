"""After each epoch: measure, keep the best model, write metrics, save what a resume needs, decide to stop."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
import torch

from likewise.data import Failure
from likewise.errors import WorkError
from likewise.results.metric_words import metric_name, percent
from likewise.training.distributed import gather_objects
from likewise.training.early_stopping import Standing, standing
from likewise.training.experiment import Experiment
from likewise.training.module import TrainingModule
from likewise.training.optimizers import schedule_factor, set_learning_rates
from likewise.training.run_folder import Run
from likewise.training.validation import Validation


class EpochCallback(L.Callback):
    """Owns all state of a training that is neither a weight nor the optimiser's.

    The order of writing makes a kill at any moment harmless: the best model, then the metrics, then the
    checkpoint. Epochs repeated after a resume are bit-identical.

    Args:
        experiment: Experiment that is run.
        run: Its folder.
        validations: Measurements after each epoch, by condition.
        say: Called with one sentence per epoch.
        before_epoch: Called with the number of each epoch before it starts.
        baseline: The selecting metric of the untrained backbone, to show beside that of each epoch.

    Attributes:
        rows: One mapping per epoch, as in ``metrics.csv``; epoch 0 is the untrained model.
    """

    def __init__(
        self,
        experiment: Experiment,
        run: Run,
        validations: Mapping[str, Validation],
        say: Callable[[str], None],
        before_epoch: Callable[[int], None],
        *,
        baseline: float | None = None,
    ) -> None:
        self._experiment = experiment
        self._run = run
        self._validations = validations
        self._say = say
        self._before_epoch = before_epoch
        self._baseline = baseline
        self._started = time.monotonic()
        self.rows: list[dict[str, float]] = []

    @property
    def selecting(self) -> str:
        """Column of the selecting metric."""
        return f"{self._experiment.validation.select_on}/{self._experiment.validation.metric}"

    @property
    def standing(self) -> Standing:
        """Best epoch, patience and reduction after the validations so far."""
        scores = [(int(row["epoch"]), row[self.selecting]) for row in self.rows if self.selecting in row]
        return standing(scores, self._experiment.validation, self._experiment.schedule)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure the untrained model. A resumed run that had already stopped early stays stopped."""
        trainer.should_stop = self.standing.stop
        module = _ours(pl_module)
        if not self.rows and self._experiment.validation.at_start and self._validations:
            self.rows.append({"epoch": 0, **self._measure(module)})
            self._keep(trainer, module)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Set the learning rates, and pass the epoch to sampler and augmentation."""
        spec, limit = self._experiment.schedule, self._experiment.trainer.max_epochs
        factor = schedule_factor(spec, trainer.current_epoch, limit) * self.standing.factor
        set_learning_rates(trainer.optimizers[0], factor)
        self._before_epoch(trainer.current_epoch)
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Validate if due, save the best model and the records, and stop when patience has run out."""
        module, epoch = _ours(pl_module), trainer.current_epoch + 1
        if module.step_losses and not torch.stack(module.step_losses).isfinite().all():
            raise WorkError(
                f"The loss is no longer a number in epoch {epoch}; the run is kept as it was after epoch {epoch - 1}. "
                "Start a new one with lower learning rates or with -o optimizer.clip_norm=10."
            )
        row = {"epoch": epoch, **self._training_row(trainer, module)}
        spec = self._experiment.validation
        if self._validations and (epoch % spec.every == 0 or epoch == self._experiment.trainer.max_epochs):
            row |= self._measure(module)
        self.rows.append(row)
        self._keep(trainer, module)
        if self.standing.stop:
            trainer.should_stop = True
        trainer.save_checkpoint(self._run.checkpoint)

    def state_dict(self) -> dict[str, Any]:
        """State needed to resume a training without differences."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of the checkpoint."""
        self.rows = list(state_dict["rows"])

    def _measure(self, module: TrainingModule) -> dict[str, float]:
        scores: dict[str, float] = {}
        for condition, validation in self._validations.items():
            measured = validation.measure(module)
            scores |= {f"{condition}/{metric}": value for metric, value in measured.items()}
        return scores

    def _keep(self, trainer: L.Trainer, module: TrainingModule) -> None:
        """Save the model where its epoch is the best so far or nothing is validated, then write the records."""
        row = self.rows[-1]
        if module.global_rank == 0 and (not self._validations or self._is_best(row)):
            module.model.save(self._run.folder, overwrite=True)
        self._record(trainer, module, row)

    def _is_best(self, row: Mapping[str, float]) -> bool:
        return self.selecting in row and self.standing.best_epoch == row["epoch"]

    def _training_row(self, trainer: L.Trainer, module: TrainingModule) -> dict[str, float]:
        seconds = time.monotonic() - self._started
        losses = torch.stack(module.step_losses) if module.step_losses else torch.zeros(0)
        rates = {f"lr/{group['name']}": float(group["lr"]) for group in trainer.optimizers[0].param_groups}
        return {
            "loss": float(losses.mean()) if len(losses) else float("nan"),
            **rates,
            "images_per_s": sum(gather_objects(module.images)) / max(seconds, 1e-9),
            "skipped_images": float(len(_failures(module))),
        }

    def _record(self, trainer: L.Trainer, module: TrainingModule, row: dict[str, float]) -> None:
        failures = _failures(module)
        if module.global_rank != 0:
            return
        self._run.write_metrics(self.rows)
        self._run.write_skipped(failures.values())
        for logger in trainer.loggers:
            logger.log_metrics(
                {key: value for key, value in row.items() if key != "epoch"}, int(row["epoch"])
            )
        self._say(self._line(row))

    def _line(self, row: dict[str, float]) -> str:
        """One epoch in words: for instance "epoch 3/8: loss 0.21, validation MAP@R 74.2 % (backbone 69.0 %)"."""
        epoch, parts = int(row["epoch"]), []
        if "loss" in row:
            parts.append(f"loss {row['loss']:.4g}")
        if self.selecting in row:
            name = metric_name(self._experiment.validation.metric)
            beside = "" if self._baseline is None else f" (backbone {percent(self._baseline)})"
            replaced = (
                " on replaced backgrounds" if self._experiment.validation.select_on == "replaced" else ""
            )
            best = ", best so far" if self._is_best(row) else ""
            parts.append(f"validation {name} {percent(row[self.selecting])}{replaced}{beside}{best}")
        if "images_per_s" in row:
            parts.append(f"{row['images_per_s']:.3g} images/s")
        start = "start" if epoch == 0 else f"epoch {epoch}/{self._experiment.trainer.max_epochs}"
        return f"{start}: {', '.join(parts)}"


def _failures(module: TrainingModule) -> dict[str, Failure]:
    """Images that could not be read, by any process; the same on every process."""
    by_name: dict[str, Failure] = {}
    for failures in gather_objects(module.failures):
        for name, failure in failures.items():
            by_name.setdefault(name, failure)
    return by_name


def _ours(module: L.LightningModule) -> TrainingModule:
    if not isinstance(module, TrainingModule):
        raise TypeError(f"EpochCallback belongs to a TrainingModule, not {type(module).__name__}")
    return module
