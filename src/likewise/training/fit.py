"""``train``: run an Experiment from its first epoch, or go on where one stopped."""

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy, Strategy
from lightning.pytorch.trainer.states import TrainerStatus

from likewise.errors import ConfigError, InterruptedWork, MissingExtraError, WorkError
from likewise.files import whole_file
from likewise.losses import create
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.seeds import derived_seed
from likewise.training.backgrounds import BatchBackgrounds
from likewise.training.composition import resolve
from likewise.training.experiment import Experiment
from likewise.training.inputs import Inputs, make_inputs, training_catalog
from likewise.training.keeper import Keeper
from likewise.training.module import TrainingModule
from likewise.training.progress import EpochBar
from likewise.training.run_folder import Run
from likewise.training.start import start_from_images


def train(
    experiment: str | Path | Experiment | None = None,
    overrides: Iterable[str] = (),
    *,
    out: Path | str | None = None,
    resume: Path | str | None = None,
    progress: bool = True,
) -> Run:
    """Train a similarity model.

    Args:
        experiment: A preset's name, a YAML file or an Experiment; left out when resuming.
        overrides: ``key=value`` laid over it, e.g. ``optimizer.lr_head=1e-3``. When resuming only ``trainer.``
            keys can be changed, since all others would make it another experiment.
        out: Folder of the Run; ``runs/NAME-seedSEED`` when left out.
        resume: Folder of a Run that was interrupted; training goes on after its last whole epoch and reaches,
            on the same machine, the same weights as if it had never stopped.
        progress: Show a bar on stderr.

    Returns:
        The finished Run.

    Raises:
        ConfigError: The experiment is not valid, or does not fit its data.
        InterruptedWork: Ctrl-C; the message says how to resume.
        WorkError: The loss is no longer a number, or writing failed.
    """
    if resume is not None:
        run, settings = _reopen(Path(resume), experiment, overrides)
    elif experiment is None:
        raise ConfigError("Nothing to train: name a preset or a YAML file, or --resume RUN.")
    else:
        run, settings = None, resolve(experiment, overrides)
    _check(settings)
    train_images, val_images = training_catalog(settings.data)
    model = build(_spec(settings, run), seed=settings.seed)
    inputs = make_inputs(
        settings, train_images, val_images, model.preprocessing,
        rank=_rank(), world_size=settings.trainer.devices,
    )  # fmt: skip
    model.spec = settings.model
    module = make_module(settings, model, inputs.num_classes, inputs.backgrounds)
    if run is None:
        # Only now: what was wrong so far must not leave half a Run behind. The other processes of a training are
        # started by the first, which has made the folder by then.
        folder = Path(out) if out is not None else _default_folder(settings)
        run = Run.create(folder, settings) if _rank() == 0 else Run.open(folder)
    _fit(module, inputs, run, run.checkpoint if run.checkpoint.is_file() else None, progress)
    return run


def _spec(settings: Experiment, run: Run | None) -> ModelSpec:
    """The model to build; where a checkpoint has its weights, those it first started from are not needed."""
    if run is None or not run.checkpoint.is_file():
        return settings.model
    return settings.model.model_copy(update={"weights": None, "pretrained": False})


def make_module(
    experiment: Experiment,
    model: SimilarityModel,
    num_classes: int,
    backgrounds: BatchBackgrounds | None = None,
) -> TrainingModule:
    """The training module of an untrained model; sets the distance the loss will train."""
    head: Any = model.network.embedder.head if experiment.model.head == "avsl" else None  # type: ignore[union-attr]
    seed = derived_seed(experiment.seed, "loss")
    loss = create(experiment.loss, num_classes, model.dim, seed, head)
    model.distance = experiment.loss.distance
    model.name = experiment.name
    if experiment.trainer.channels_last:
        model.network.to(memory_format=torch.channels_last)
    return TrainingModule(experiment, model, loss, backgrounds)


def _fit(module: TrainingModule, inputs: Inputs, run: Run, checkpoint: Path | None, progress: bool) -> None:
    settings = module.experiment
    if checkpoint is None:
        start_from_images(settings.start, module.model, module.loss, inputs.plain, seed=settings.seed)
    keeper = Keeper(settings, run, inputs.validations, _logger(run), inputs.before_epoch)
    bar = EpochBar(len(inputs.train), settings.trainer.max_epochs, enabled=progress and _rank() == 0)
    with _quiet():
        trainer = L.Trainer(
            accelerator=settings.trainer.accelerator,
            devices=settings.trainer.devices,
            strategy=_strategy(settings),
            precision="bf16-mixed" if settings.trainer.precision == "bf16" else "32-true",
            max_epochs=settings.trainer.max_epochs,
            callbacks=[bar, keeper],
            logger=_loggers(settings, run),
            plugins=[_WholeCheckpoints()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            default_root_dir=run.folder,
        )
        with _interruptible(run, trainer):
            trainer.fit(module, inputs.train, ckpt_path=checkpoint, weights_only=True)
    if keeper.best_epoch == 0 and inputs.validations and module.global_rank == 0:
        _logger(run)(
            "no epoch was better than the untrained model; that one is kept. Try lower learning rates."
        )


def _reopen(folder: Path, experiment: Any, overrides: Iterable[str]) -> tuple[Run, Experiment]:
    overrides = list(overrides)
    other = next((text for text in overrides if not text.startswith("trainer.")), None)
    if experiment is not None or other is not None:
        raise ConfigError(
            f"--resume takes the experiment from {folder}; {other or experiment} would make it another one: "
            "leave it out, or start a new run with --out."
        )
    run = Run.open(folder)
    return run, resolve(run.experiment, overrides)


def _check(settings: Experiment) -> None:
    if settings.trainer.accelerator == "gpu" and not torch.cuda.is_available():
        raise ConfigError("trainer.accelerator is 'gpu', but torch sees no GPU: use 'auto' or 'cpu'.")
    if settings.loss.kind == "ranking" and settings.sampler.per_class == 1:
        raise ConfigError(
            f"Loss '{settings.loss.name}' compares images of one class, but sampler.per_class is 1: "
            "set it to 2 or more."
        )
    if settings.validation.select_on == "replaced" and settings.validation.backgrounds is None:
        raise ConfigError(
            "validation.select_on is 'replaced', but validation.backgrounds is not set: name the folder of photos."
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
            torch.save(checkpoint, temporary)


def _default_folder(settings: Experiment) -> Path:
    return Path("runs") / f"{settings.name.replace('/', '-')}-seed{settings.seed}"


def _rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def _logger(run: Run) -> Callable[[str], None]:
    def say(text: str) -> None:
        if _rank() == 0:
            with run.log.open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    return say


@contextmanager
def _interruptible(run: Run, trainer: L.Trainer) -> Iterator[None]:
    """Lightning answers Ctrl-C by leaving the process and deafening it; here it becomes an error in words."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if trainer.state.status is not TrainerStatus.INTERRUPTED:
            raise
        raise InterruptedWork(
            f"Interrupted; every finished epoch is kept. Go on with:  likewise train --resume {run.folder}"
        ) from stop
    except OSError as error:
        raise WorkError(
            f"Training stopped ({error}); go on with:  likewise train --resume {run.folder}"
        ) from error
    finally:
        if signal.getsignal(signal.SIGINT) is not before and before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice while it works for us; the process's own settings come back afterwards."""
    import logging

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
