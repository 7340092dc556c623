"""Progress bar of a training: one per epoch, with the running loss."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor

from likewise.progress import progress_bar

_NOTED_STEPS = 10


@contextmanager
def epoch_bar(name: str, steps: int, *, enabled: bool) -> Iterator[Callable[[int, Tensor | None], None]]:
    """Show the steps of an epoch; what is returned is called after each with its number and its loss.

    Args:
        name: What is shown before the bar.
        steps: Steps of the epoch.
        enabled: False shows nothing.
    """
    with progress_bar(name, steps, enabled=enabled) as bar:

        def show(step: int, loss: Tensor | None) -> None:
            if not enabled:
                return
            bar.advance()
            if loss is not None and step % _NOTED_STEPS == 0:  # reading it waits for the device
                bar.note(f"loss {float(loss):.4g}")

        yield show
