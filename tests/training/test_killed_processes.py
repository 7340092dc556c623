"""Training with two processes of which one is killed: one sentence, and --resume reaches the same weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
]
pytest.importorskip("lightning_fabric")

EXPERIMENT = """
seed: 3
data: {{catalog: {catalog}, folds: 2}}
model: {{backbone: test_resnet, pretrained: false, dim: 8, preprocessing: {{resize_px: 40, crop_px: 32}}}}
start: {{head: random}}
loss: {{name: proxy_anchor}}
sampler: {{batch_size: 8, per_class: 2, iterations: 4}}
validation: {{patience: null}}
trainer: {{max_epochs: 6, num_workers: 0, accelerator: cpu, devices: 2}}
"""


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory, stripes_catalog: Path) -> Path:
    file = tmp_path_factory.mktemp("killed") / "e.yaml"
    file.write_text(EXPERIMENT.format(catalog=stripes_catalog), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def undisturbed(experiment: Path) -> bytes:
    """The weights of a training of two processes that nobody disturbed."""
    run = experiment.parent / "undisturbed"
    done = subprocess.run(_command(experiment, "--out", run), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (run / "model.safetensors").read_bytes()


# The first process is at work for long when the other dies, so that no connection tells it.
BUSY = """
import os, sys, time
from likewise.cli import main
from likewise.training import epoch_records
gather = epoch_records.gather_objects
def gather_late(value):
    if os.environ.get("LOCAL_RANK", "0") == "0" and os.path.exists(sys.argv[-1] + "/checkpoints/last.ckpt"):
        open(sys.argv[-1] + ".asleep", "w").close()
        time.sleep(15)
    return gather(value)
epoch_records.gather_objects = gather_late
main()
"""


@pytest.mark.parametrize("killed", ["parent", "child of a busy parent"])
def test_a_killed_process_of_a_training(
    killed: str, experiment: Path, undisturbed: bytes, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    errors = tmp_path / "errors.txt"
    with errors.open("w") as stream:
        command, begun = _command(experiment, "--out", run), run / "checkpoints" / "last.ckpt"
        if killed == "child of a busy parent":
            (tmp_path / "likewise_busy.py").write_text(BUSY)
            command[1:3] = [str(tmp_path / "likewise_busy.py")]
            begun = tmp_path / "run.asleep"
        parent = subprocess.Popen(command, stdout=stream, stderr=stream)
        _wait(begun.is_file)
        # Not earlier: what the parent forks for something else has its words until it is another program.
        child = _wait(lambda: next(iter(_children(parent.pid)), None))
        os.kill(parent.pid if killed == "parent" else child, signal.SIGKILL)
        code = parent.wait(timeout=120)
        _wait(lambda: not Path(f"/proc/{child}").exists())
    text = errors.read_text()
    assert code == (-9 if killed == "parent" else 3), text
    assert "Traceback" not in text
    *epochs, sentence = (line for line in text.splitlines() if line)
    assert sentence == (
        "likewise: Training stopped because another of its processes ended; resume with:  "
        f"likewise train --resume {run}"
    )
    assert all(line.startswith(("start: ", "epoch ")) for line in epochs), text
    done = subprocess.run(_command("--resume", run), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == undisturbed


def _command(*words: object) -> list[str]:
    return [sys.executable, "-m", "likewise", "train", *map(str, words)]


def _children(process: int) -> list[int]:
    return [
        int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if b"\0train\0" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]  # fmt: skip


def _wait(condition, seconds: float = 120):  # type: ignore[no-untyped-def]
    """What ``condition`` gives as soon as that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("first_is_there", [True, False])
@pytest.mark.parametrize("processes", [2, 3, 8])
def test_one_process_speaks_for_all(
    monkeypatch: pytest.MonkeyPatch, processes: int, first_is_there: bool
) -> None:
    from likewise.training.processes import _speaks

    monkeypatch.setattr(os, "getppid", lambda: 77 if first_is_there else 1)
    survivors = range(0 if first_is_there else 1, processes)
    assert [_speaks(rank, parent=77) for rank in survivors] == [True] + [False] * (len(survivors) - 1)
