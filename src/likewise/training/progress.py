"""Progress bar of a training: one per epoch, with the running loss."""

from contextlib import ExitStack
from typing import Any

import lightning as L

from likewise.progress import Bar, progress_bar
from likewise.training.module import TrainingModule


class EpochBar(L.Callback):
    """Shows each epoch's steps.

    Args:
        steps: Steps in an epoch.
        epochs: Epochs in all.
        enabled: False shows nothing.
    """

    def __init__(self, steps: int, epochs: int, *, enabled: bool) -> None:
        self._steps = steps
        self._epochs = epochs
        self._enabled = enabled
        self._stack = ExitStack()
        self._bar: Bar | None = None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Open the epoch's bar."""
        name = f"epoch {trainer.current_epoch + 1}/{self._epochs}"
        self._bar = self._stack.enter_context(progress_bar(name, self._steps, enabled=self._enabled))

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int  # noqa: ARG002
    ) -> None:  # fmt: skip
        """Count a step."""
        if self._bar is not None and self._enabled:
            self._bar.advance()
            if isinstance(pl_module, TrainingModule) and pl_module.step_losses and batch_idx % 10 == 0:
                self._bar.note(f"loss {float(pl_module.step_losses[-1]):.4g}")

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Close it."""
        self._close()

    def on_exception(self, *_: object) -> None:
        """Close the bar if training stops within an epoch."""
        self._close()

    def _close(self) -> None:
        self._stack.close()
        self._stack, self._bar = ExitStack(), None
