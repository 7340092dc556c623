"""TensorBoard and Weights & Biases get what metrics.csv has."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from likewise import train
from likewise.errors import MissingExtraError
from likewise.training import Experiment

EPOCHS = ["trainer.max_epochs=2"]


def test_tensorboard_has_the_measures_of_each_epoch(small: Experiment, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(small, [*EPOCHS, "trainer.tensorboard=true"], out=tmp_path / "run", progress=False)
    events = accumulator.EventAccumulator(str(run.folder / "tensorboard")).Reload()
    score = [(event.step, event.value) for event in events.Scalars("original/map@r")]
    assert score == [
        (epoch, pytest.approx(value))
        for epoch, value in zip(*run.metrics[["epoch", "original/map@r"]].T.to_numpy(), strict=True)
    ]
    assert [event.step for event in events.Scalars("loss")] == [1, 2]


def test_wandb_gets_the_measures_of_each_epoch(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: dict[int, dict[str, float]] = {}
    started: dict[str, Any] = {}

    class Session:
        def __enter__(self) -> "Session":
            return self

        def __exit__(self, *_: object) -> None:
            started["finished"] = True

        def log(self, measures: dict[str, float], step: int) -> None:
            logged[step] = measures

    fake = SimpleNamespace(init=lambda **options: started.update(options) or Session())
    monkeypatch.setitem(sys.modules, "wandb", fake)
    run = train(small, [*EPOCHS, "trainer.wandb=shop"], out=tmp_path / "run", progress=False)
    assert started == {"project": "shop", "name": small.name, "dir": str(run.folder), "finished": True}
    assert logged[2]["original/map@r"] == pytest.approx(run.metrics["original/map@r"].iloc[-1])
    assert logged[1]["loss"] == pytest.approx(run.metrics["loss"].iloc[1])


@pytest.mark.parametrize(
    ("option", "package", "extra"),
    [("trainer.tensorboard=true", "tensorboard", "tensorboard"), ("trainer.wandb=shop", "wandb", "wandb")],
)
def test_a_missing_tracker_leaves_no_run(
    option: str, package: str, extra: str, small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=rf"likewise\[{extra}\]"):
        train(small, [option], out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
