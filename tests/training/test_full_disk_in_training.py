"""A disk that fills up during a training: said in a sentence, and what lies in the Run is whole."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors.torch import load_file

from likewise.errors import WorkError
from likewise.training import Experiment, train


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """The system refuses to make any file longer than ``size`` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_ends_a_training_with_a_sentence_and_nothing_half_written(
    small: Experiment, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with files_up_to(20_000), pytest.raises(WorkError, match="File too large") as caught:
        train(small, out=folder, progress=False)
    assert caught.value.exit_code == 3
    assert not [path.name for path in folder.rglob("*") if path.name.startswith(".")]  # no temporary files
    assert not list(folder.rglob("*.safetensors")) and not list((folder / "checkpoints").glob("*.ckpt"))
    resumed = train(resume=folder, progress=False)  # there is room again
    assert load_file(resumed.folder / "model.safetensors")
    assert len(resumed.metrics) == small.trainer.max_epochs + 1
