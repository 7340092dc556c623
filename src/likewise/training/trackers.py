"""Experiment trackers beside ``metrics.csv``: TensorBoard and Weights & Biases."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from likewise.errors import MissingExtraError
from likewise.training.experiment import TrainerSpec

Track = Callable[[Mapping[str, float], int], None]


@contextmanager
def trackers(spec: TrainerSpec, name: str, folder: Path, *, enabled: bool) -> Iterator[list[Track]]:
    """Functions that take the measures of an epoch and its number; closed at the end.

    Args:
        spec: Which trackers are on.
        name: Name of the run in Weights & Biases.
        folder: Of the Run; TensorBoard's events are written to ``tensorboard/`` in it.
        enabled: False opens none; only the first process of a training tracks.

    Raises:
        MissingExtraError: The package of a tracker is not installed.
    """
    with ExitStack() as stack:
        active: list[Track] = []
        if spec.tensorboard and enabled:
            active.append(stack.enter_context(_tensorboard(folder / "tensorboard")))
        if spec.wandb is not None and enabled:
            active.append(stack.enter_context(_wandb(spec.wandb, name, folder)))
        yield active


@contextmanager
def _tensorboard(folder: Path) -> Iterator[Track]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("trainer.tensorboard", "tensorboard") from error
    writer = SummaryWriter(str(folder))

    def track(measures: Mapping[str, float], epoch: int) -> None:
        for key, value in measures.items():
            writer.add_scalar(key, value, epoch)
        writer.flush()

    try:
        yield track
    finally:
        writer.close()


@contextmanager
def _wandb(project: str, name: str, folder: Path) -> Iterator[Track]:
    try:
        import wandb
    except ImportError as error:
        raise MissingExtraError("trainer.wandb", "wandb") from error
    with wandb.init(project=project, name=name, dir=str(folder)) as run:
        yield lambda measures, epoch: run.log(dict(measures), step=epoch)
