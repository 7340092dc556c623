"""Devices and processes of a training, and interruptions in words."""

import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.launchers import subprocess_script

from likewise.errors import UNFINISHED, InterruptedWork, WorkError
from likewise.extensions import resume_command
from likewise.training.experiment import TrainerSpec

_OTHER_PROCESS = ("connection", "gloo", "nccl", "peer", "process group", "child process")
_WATCH_S, _NOTICED_S, _ORPHANED_S = 1.0, 5.0, 0.5


@contextmanager
def launched(spec: TrainerSpec, folder: Path, *, frozen_weights: bool) -> Iterator[Fabric]:
    """The processes of a training, each on its device; what ends them becomes an error with a sentence.

    Args:
        spec: Number and kind of the devices, precision.
        folder: Of the Run, named in the sentences.
        frozen_weights: Whether some weights take no part in some steps (warm-up), for which DDP must not wait.

    Raises:
        InterruptedWork: Ctrl-C.
        WorkError: The disk is full, or another process of the training has died.
    """
    resume = resume_command(folder)
    died = f"Training stopped because another of its processes ended; resume with:  {resume}"
    parent = os.getppid()  # of all processes but the first, it is the first
    with _quiet():
        fabric = _fabric(spec, frozen_weights)
        try:
            with _watched(died):
                fabric.launch()
                yield fabric
        except KeyboardInterrupt as error:
            _end_children(fabric)
            if fabric.global_rank != 0:
                raise SystemExit(UNFINISHED) from error  # the first process says it
            raise InterruptedWork(
                f"Interrupted; every finished epoch is kept. Resume with:  {resume}"
            ) from error
        except OSError as error:
            raise WorkError(f"Training stopped ({error}); resume with:  {resume}") from error
        except RuntimeError as error:
            if fabric.world_size < 2 or not any(hint in str(error).lower() for hint in _OTHER_PROCESS):
                raise
            if not _speaks(fabric.global_rank, parent):
                raise SystemExit(UNFINISHED) from error
            raise WorkError(died) from error


def _fabric(spec: TrainerSpec, frozen_weights: bool) -> Fabric:
    strategy: DDPStrategy | str = "auto"
    if spec.devices > 1:
        on_gpu = spec.accelerator != "cpu" and torch.cuda.is_available()
        strategy = DDPStrategy(
            process_group_backend="nccl" if on_gpu else "gloo", find_unused_parameters=frozen_weights
        )
    precision: Any = "bf16-mixed" if spec.precision == "bf16" else "32-true"
    return Fabric(accelerator=spec.accelerator, devices=spec.devices, strategy=strategy, precision=precision)


def _speaks(rank: int, parent: int) -> bool:
    """Whether this process says for all why the training ended: the first does, the second where the first is gone.

    Connections of a killed process are closed before its children get another parent, so the second waits a moment.
    """
    if rank != 1:
        return rank == 0
    end = time.monotonic() + _ORPHANED_S
    while os.getppid() == parent and time.monotonic() < end:
        time.sleep(_ORPHANED_S / 10)
    return os.getppid() != parent


def _end_children(fabric: Fabric) -> None:
    """End the processes that this one started; a signal need not have reached them."""
    for process in getattr(fabric.strategy.launcher, "procs", ()):
        process.kill()


@contextmanager
def _watched(died: str) -> Iterator[None]:
    """End this process with the sentence ``died`` when one that it started has died, unless it notices by itself.

    It does where gloo exchanges gradients; it does not in a long validation, or where NCCL waits. Fabric's own
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
def _quiet() -> Iterator[None]:
    """Silence Fabric's messages during the training; the settings of the process are restored afterwards."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning_fabric.*")
            yield
    finally:
        logger.setLevel(level)
