"""What ends a training in one of its processes, and how rows and values come together, without starting any."""

import logging
import os
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.launchers import subprocess_script

from likewise.errors import UNFINISHED, InterruptedWork, WorkError
from likewise.training import distributed, processes
from likewise.training.experiment import TrainerSpec

RESUME = "likewise train --resume run"


class _Process:
    def __init__(self, code: int | None = None) -> None:
        self.code, self.killed = code, False

    def poll(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def fabric(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Fabric of two processes that launches nothing."""
    launcher = SimpleNamespace(procs=[_Process(), _Process()])
    made = SimpleNamespace(
        global_rank=0, world_size=2, strategy=SimpleNamespace(launcher=launcher), launches=0
    )
    made.launch = lambda: setattr(made, "launches", made.launches + 1)
    monkeypatch.setattr(processes, "_fabric", lambda spec, frozen_weights: made)
    return made


def ended_by(error: BaseException) -> None:
    with processes.launched(TrainerSpec(), Path("run"), frozen_weights=False):
        raise error


def test_ctrl_c_is_said_by_the_first_process_which_ends_the_others(fabric: Any) -> None:
    with pytest.raises(InterruptedWork) as caught:
        ended_by(KeyboardInterrupt())
    assert str(caught.value) == f"Interrupted; every finished epoch is kept. Resume with:  {RESUME}"
    assert all(process.killed for process in fabric.strategy.launcher.procs) and fabric.launches == 1
    fabric.global_rank = 1
    with pytest.raises(SystemExit) as silent:
        ended_by(KeyboardInterrupt())
    assert silent.value.code == UNFINISHED


def test_a_single_process_without_a_launcher_is_interrupted_too(fabric: Any) -> None:
    fabric.strategy.launcher = None
    with pytest.raises(InterruptedWork):
        ended_by(KeyboardInterrupt())


def test_a_full_disk_is_named(fabric: Any) -> None:
    with pytest.raises(WorkError) as caught:
        ended_by(OSError("No space left"))
    assert str(caught.value) == f"Training stopped (No space left); resume with:  {RESUME}"


@pytest.mark.parametrize(
    "words", ["Connection closed", "Gloo", "NCCL", "reset by peer", "process group", "child process 3 died"]
)
def test_another_process_that_died_is_one_sentence_of_the_first(fabric: Any, words: str) -> None:
    with pytest.raises(WorkError) as caught:
        ended_by(RuntimeError(words))
    assert str(caught.value) == (
        f"Training stopped because another of its processes ended; resume with:  {RESUME}"
    )
    fabric.global_rank = 2
    with pytest.raises(SystemExit) as silent:
        ended_by(RuntimeError(words))
    assert silent.value.code == UNFINISHED


@pytest.mark.parametrize(("world_size", "words"), [(1, "Connection closed"), (2, "shapes differ")])
def test_other_errors_stay_what_they_are(fabric: Any, world_size: int, words: str) -> None:
    fabric.world_size = world_size
    with pytest.raises(RuntimeError, match=words):
        ended_by(RuntimeError(words))


def test_settings_of_the_process_come_back(fabric: Any) -> None:
    logger, observer = logging.getLogger("lightning_fabric"), subprocess_script._launch_process_observer
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        with processes.launched(TrainerSpec(), Path("run"), frozen_weights=False) as launched:
            assert launched is fabric and logger.level == logging.ERROR
            assert subprocess_script._launch_process_observer is not observer
            with warnings.catch_warnings(record=True) as caught:
                warnings.warn_explicit("x", UserWarning, "f.py", 1, module="lightning_fabric.utilities")
            assert not caught
        assert logger.level == logging.INFO and subprocess_script._launch_process_observer is observer
    finally:
        logger.setLevel(level)


@pytest.mark.parametrize(("codes", "ends"), [([None, 1], True), ([0, None], False), ([0, -9], True)])
def test_a_process_that_died_unnoticed_ends_the_training(
    codes: list[int | None], ends: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "_WATCH_S", 0.001)
    monkeypatch.setattr(processes, "_NOTICED_S", 0.001)
    exits: list[int] = []
    ended = threading.Event()
    monkeypatch.setattr(os, "_exit", lambda code: (exits.append(code), ended.set()))
    started = [_Process(code) for code in codes]
    with processes._watched("It died."):
        subprocess_script._launch_process_observer(started)  # type: ignore[arg-type]
        ended.wait(5 if ends else 0.05)
    assert exits == ([UNFINISHED] if ends else [])
    assert capsys.readouterr().err == ("likewise: It died.\n" if ends else "")
    assert all(process.killed is ends for process in started)


def test_a_training_that_notices_by_itself_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_NOTICED_S", 30.0)
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail("ended twice"))
    started, before = [_Process(1)], threading.active_count()
    with processes._watched("It died."):
        subprocess_script._launch_process_observer(started)  # type: ignore[arg-type]
    for thread in threading.enumerate()[before:]:
        thread.join(5)
    assert threading.active_count() == before and not started[0].killed


@pytest.mark.parametrize(
    ("spec", "frozen", "gpu", "backend", "precision"),
    [
        ({}, True, True, None, "32-true"), ({"devices": 2}, True, False, "gloo", "32-true"),
        ({"devices": 3, "precision": "bf16"}, False, True, "nccl", "bf16-mixed"),
        ({"devices": 2, "accelerator": "cpu"}, False, True, "gloo", "32-true"),
    ],
)  # fmt: skip
def test_devices_and_strategy(
    spec: dict[str, Any],
    frozen: bool,
    gpu: bool,
    backend: str | None,
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[str, Any] = {}
    monkeypatch.setattr(processes, "Fabric", lambda **given: options.update(given))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    processes._fabric(TrainerSpec.model_validate(spec), frozen)
    strategy = options.pop("strategy")
    assert options == {
        "accelerator": spec.get("accelerator", "auto"), "devices": spec.get("devices", 1), "precision": precision,
    }  # fmt: skip
    if backend is None:
        assert strategy == "auto"
    else:
        assert isinstance(strategy, DDPStrategy) and strategy._process_group_backend == backend
        assert strategy._ddp_kwargs == {"find_unused_parameters": frozen}


def test_the_second_process_speaks_as_soon_as_the_first_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = iter([77, 77, 1, 1, 1])
    slept: list[float] = []
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    monkeypatch.setattr(processes, "_ORPHANED_S", 5.0)
    monkeypatch.setattr(processes.time, "sleep", slept.append)
    assert processes._speaks(1, parent=77) and slept == [0.5, 0.5]


class _World:
    """torch.distributed of two processes, of which this is the second; the first has ``other``."""

    def __init__(self, other: torch.Tensor) -> None:
        self.other = other

    def get_world_size(self) -> int:
        return 2

    def get_rank(self) -> int:
        return 1

    def all_gather(self, parts: list[torch.Tensor], value: torch.Tensor) -> None:
        sizes = value.numel() == 1 and value.dtype == torch.int64
        other = torch.tensor([len(self.other)]) if sizes else self.other
        for part, content in zip(parts, (other, value), strict=True):
            assert part.shape == value.shape
            part.copy_(torch.cat([content, content.new_zeros(len(value) - len(content), *content.shape[1:])]))

    def all_reduce(self, summed: torch.Tensor) -> None:
        summed.mul_(10)

    def all_gather_object(self, values: list[Any], value: Any) -> None:
        values[:] = ["first", value]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "dist", _World(torch.tensor([[7.0, 8.0]])))
    monkeypatch.setattr(distributed, "active", lambda: True)


@pytest.mark.usefixtures("world")
def test_rows_of_a_shorter_process_are_gathered_without_its_padding() -> None:
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    gathered = distributed.gather_rows({"rows": rows, "words": "kept"})
    assert gathered["words"] == "kept" and gathered["rows"].tolist() == [[7, 8], [1, 2], [3, 4], [5, 6]]
    gathered["rows"].backward(torch.arange(8.0).reshape(4, 2))
    assert rows.grad is not None and rows.grad.tolist() == [[20, 30], [40, 50], [60, 70]], "summed over all"
    whole = distributed.gather_rows(torch.tensor([[1, 2], [3, 4]]))
    assert whole.dtype == torch.int64 and not whole.requires_grad


@pytest.mark.usefixtures("world")
def test_objects_of_all_processes_in_the_order_of_their_ranks() -> None:
    assert distributed.gather_objects("second") == ["first", "second"]


def test_one_process_gathers_nothing() -> None:
    rows = torch.ones(2, 2)
    assert not distributed.active() and distributed.gather_rows(rows) is rows
    assert distributed.gather_objects("only") == ["only"]
