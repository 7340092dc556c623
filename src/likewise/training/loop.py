"""The loop of a training: epochs, steps, and the checkpoint after each epoch.

A plain loop over Fabric, which brings devices, precision and DistributedDataParallel. Lightning's Trainer, with
callbacks for early stopping and the best model, is not used: a kill at any moment is harmless only if model, records
and checkpoint are written in one order, and here that order can be read.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from likewise.errors import InputError
from likewise.files import whole_file
from likewise.training.dataloaders import TrainingInputs
from likewise.training.epoch_records import EpochRecords
from likewise.training.module import TrainingModule
from likewise.training.optimizers import set_learning_rates
from likewise.training.progress import epoch_bar


@contextmanager
def settings_of_training(device: torch.device) -> Iterator[None]:
    """Gradients are on, whatever the caller has set, and the caller's random state comes back afterwards.

    Each epoch sets the seed of the whole process.
    """
    on_cuda = device.type == "cuda" or torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count()) if on_cuda else ()
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        yield


def run_epochs(
    fabric: Fabric,
    module: TrainingModule,
    inputs: TrainingInputs,
    records: EpochRecords,
    checkpoint: Path,
    *,
    progress: bool,
) -> None:
    """Train until the last epoch or until patience runs out; epochs repeated after a resume are bit-identical.

    Args:
        fabric: Devices and processes.
        module: What is trained.
        inputs: Its images.
        records: Records of the epochs, which say how the learning rates go on and when to stop.
        checkpoint: Written after each epoch; training goes on from it where it is there.
        progress: Show a bar for each epoch.

    Raises:
        InputError: The checkpoint cannot be read.
        WorkError: The loss is no longer a number.
    """
    optimizer = module.make_optimizer()
    parallel, stepper = fabric.setup(module, optimizer)
    epoch = _restore(checkpoint, module, optimizer, records, fabric.device) if checkpoint.is_file() else 0
    records.start(module)
    while epoch < records.max_epochs and not records.standing.stop:
        set_learning_rates(optimizer, records.rate_factor(epoch))
        inputs.before_epoch(epoch)
        started = time.monotonic()
        module.start_epoch(epoch, fabric.global_rank)
        with epoch_bar(
            f"epoch {epoch + 1}/{records.max_epochs}", len(inputs.train), enabled=progress
        ) as show:
            for step, batch in enumerate(inputs.train):
                on_device = batch.to(fabric.device, non_blocking=True)
                images = module.prepared(on_device, epoch, step, fabric.global_rank)
                if images is not None:
                    loss = parallel(images, on_device.labels)
                    stepper.zero_grad()
                    fabric.backward(loss)
                    module.clip_gradients()
                    stepper.step()
                show(step, module.step_losses[-1] if module.step_losses else None)
        epoch += 1
        records.end_epoch(module, optimizer, epoch, time.monotonic() - started)
        if fabric.global_rank == 0:
            _save(checkpoint, module, optimizer, records, epoch)
        fabric.barrier()


def _save(
    checkpoint: Path, module: TrainingModule, optimizer: Optimizer, records: EpochRecords, epoch: int
) -> None:
    state = {
        "epoch": epoch,
        "weights": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rows": records.rows,
    }
    with whole_file(checkpoint) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # what torch raises for a disk error
            raise OSError(str(error).splitlines()[0]) from error


def _restore(
    checkpoint: Path,
    module: TrainingModule,
    optimizer: Optimizer,
    records: EpochRecords,
    device: torch.device,
) -> int:
    """Put the state of the checkpoint in place; returns how many epochs it has."""
    try:
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        module.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        records.rows, epoch = list(state["rows"]), int(state["epoch"])
    except Exception as error:  # a damaged file can make torch raise anything
        raise InputError(
            f"Cannot resume from {checkpoint}: it is damaged or was written by another version of likewise. "
            "Start a new run with --out."
        ) from error
    return epoch
