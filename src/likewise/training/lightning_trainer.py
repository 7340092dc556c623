"""The Lightning trainer of an Experiment: strategy, loggers, whole checkpoints, and interruptions in words."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from subprocess import Popen
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy, Strategy
from lightning.pytorch.strategies.launchers import subprocess_script
from lightning.pytorch.trainer.states import TrainerStatus

from likewise.errors import UNFINISHED, InterruptedWork, MissingExtraError, WorkError
from likewise.files import whole_file
from likewise.training.experiment import Experiment
from likewise.training.run_folder import Run

_OTHER_PROCESS = ("connection", "gloo", "nccl", "peer", "process group", "child process")
_WATCH_S, _NOTICED_S = 1.0, 5.0


def make_trainer(settings: Experiment, run: Run, callbacks: Sequence[L.Callback]) -> L.Trainer:
    """The trainer; only ``callbacks`` write and display."""
    return L.Trainer(
        accelerator=settings.trainer.accelerator,
        devices=settings.trainer.devices,
        strategy=_strategy(settings),
        precision="bf16-mixed" if settings.trainer.precision == "bf16" else "32-true",
        max_epochs=settings.trainer.max_epochs,
        callbacks=list(callbacks),
        logger=_loggers(settings, run),
        plugins=[_WholeCheckpoints()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        default_root_dir=run.folder,
    )


def _strategy(settings: Experiment) -> Strategy | str:
    if settings.trainer.devices == 1:
        return "auto"
    on_gpu = settings.trainer.accelerator != "cpu" and torch.cuda.is_available()
    # In warm-up the backbone's weights take no part in the graph; DDP must not wait for them.
    unused = settings.schedule.warmup_epochs > 0
    return DDPStrategy(process_group_backend="nccl" if on_gpu else "gloo", find_unused_parameters=unused)


def _loggers(settings: Experiment, run: Run) -> list[Any]:
    loggers: list[Any] = []
    if settings.trainer.tensorboard:
        try:
            from lightning.pytorch.loggers import TensorBoardLogger

            loggers.append(TensorBoardLogger(str(run.folder), name="tensorboard", version=""))
        except ImportError as error:
            raise MissingExtraError("trainer.tensorboard", "tensorboard") from error
    if settings.trainer.wandb is not None:
        try:
            from lightning.pytorch.loggers import WandbLogger

            loggers.append(
                WandbLogger(project=settings.trainer.wandb, name=settings.name, save_dir=run.folder)
            )
        except ImportError as error:
            raise MissingExtraError("trainer.wandb", "wandb") from error
    return loggers


class _WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that appear whole or not at all."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        with whole_file(path) as temporary:
            try:
                torch.save(checkpoint, temporary)
            except RuntimeError as error:  # what torch raises for a disk error
                raise OSError(str(error).splitlines()[0]) from error


@contextmanager
def interruptible(run: Run, trainer: L.Trainer) -> Iterator[None]:
    """Lightning ends the process at Ctrl-C and ignores further signals; here Ctrl-C becomes an error with a sentence.

    Raises:
        InterruptedWork: Ctrl-C.
        WorkError: The disk is full, or another process of the training has died.
    """
    before = signal.getsignal(signal.SIGINT)
    resume = f"likewise train --resume {run.folder}"
    died = f"Training stopped because another of its processes ended; resume with:  {resume}"
    parent = os.getppid()  # of all processes but the first, it is the first
    try:
        with _watched(died):
            yield
    except SystemExit as stop:
        if trainer.state.status is not TrainerStatus.INTERRUPTED:
            raise
        raise InterruptedWork(f"Interrupted; every finished epoch is kept. Resume with:  {resume}") from stop
    except OSError as error:
        raise WorkError(f"Training stopped ({error}); resume with:  {resume}") from error
    except RuntimeError as error:
        if trainer.world_size < 2 or not any(hint in str(error).lower() for hint in _OTHER_PROCESS):
            raise
        if not _speaks(trainer.global_rank, parent):
            raise SystemExit(UNFINISHED) from error
        raise WorkError(died) from error
    finally:
        if signal.getsignal(signal.SIGINT) is not before and before is not None:
            signal.signal(signal.SIGINT, before)


def _speaks(rank: int, parent: int) -> bool:
    """Whether this process says for all why the training ended: the first does, the second where the first is gone."""
    return rank == 0 or (rank == 1 and os.getppid() != parent)


@contextmanager
def _watched(died: str) -> Iterator[None]:
    """End this process with the sentence ``died`` when one that it started has died, unless it notices by itself.

    It does where gloo exchanges gradients; it does not in a long validation, or where NCCL waits. Lightning's own
    observer, which is replaced, kills this process without a message.
    """
    launcher: Any = subprocess_script
    observer, finished = launcher._launch_process_observer, threading.Event()

    def watch(processes: list[Popen[bytes]]) -> None:
        while all(process.poll() in (None, 0) for process in processes):
            if finished.wait(_WATCH_S):
                return
        if finished.wait(_NOTICED_S):
            return
        for process in processes:
            process.kill()
        sys.stderr.write(f"likewise: {died}\n")
        sys.stderr.flush()
        os._exit(UNFINISHED)

    launcher._launch_process_observer = lambda processes: threading.Thread(
        target=watch, args=(processes,), daemon=True
    ).start()
    try:
        yield
    finally:
        finished.set()
        launcher._launch_process_observer = observer


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's advice during the training; the settings of the process are restored afterwards."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning")
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning.*")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
