"""What is measured, saved and written after each epoch, and by which process."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from likewise.data import Failure
from likewise.errors import WorkError
from likewise.training import Experiment, epoch_records
from likewise.training.epoch_records import EpochRecords
from likewise.training.experiment import ScheduleSpec, ValidationSpec
from likewise.training.run_folder import Run


def records_of(
    small: Experiment, folder: Path, *, measured: bool = True, rank: int = 0, epochs: int = 5, **spec: Any
) -> tuple[EpochRecords, Any, list[Any]]:
    calls: list[Any] = []
    validations: Any = {
        name: SimpleNamespace(
            measure=lambda module, name=name: calls.append(name) or {"map@r": 0.5, "recall@1": 0.25}
        )
        for name in (("original", "replaced") if measured else ())
    }
    records = EpochRecords(
        ValidationSpec(**spec), ScheduleSpec(), Run.create(folder, small), validations, max_epochs=epochs,
        say=calls.append, rank=rank,
        track=[lambda measures, epoch: calls.append((epoch, sorted(measures)))],
    )  # fmt: skip
    fake: Any = SimpleNamespace(
        step_losses=[torch.tensor(2.0)], images=8, failures={"a": Failure("a", "x")}, model=SimpleNamespace(
            save=lambda folder, overwrite: calls.append(("saved", overwrite))
        ),
    )  # fmt: skip
    return records, fake, calls


OPTIMIZER: Any = SimpleNamespace(param_groups=[{"name": "head", "lr": 0.3}])


def test_the_start_is_measured_once_where_it_is_to_be(small: Experiment, tmp_path: Path) -> None:
    records, fake, calls = records_of(small, tmp_path / "a")
    records.start(fake)
    records.start(fake)
    assert records.rows == [{"epoch": 0, "original/map@r": 0.5, "original/recall@1": 0.25, "replaced/map@r": 0.5,
                             "replaced/recall@1": 0.25}]  # fmt: skip
    assert calls[:3] == ["original", "replaced", ("saved", True)]
    assert calls[3] == (0, ["original/map@r", "original/recall@1", "replaced/map@r", "replaced/recall@1"])
    for name, options in (("b", {"measured": False}), ("c", {"at_start": False})):
        records, fake, calls = records_of(small, tmp_path / name, **options)  # type: ignore[arg-type]
        records.start(fake)
        assert records.rows == [] and calls == []


def test_epochs_are_measured_every_so_often_and_at_the_end(small: Experiment, tmp_path: Path) -> None:
    records, fake, calls = records_of(small, tmp_path / "a", every=2)
    for epoch in range(1, 6):
        records.end_epoch(fake, OPTIMIZER, epoch, 2.0)
    assert [int(row["epoch"]) for row in records.rows if "original/map@r" in row] == [2, 4, 5]
    assert records.rows[0] == {
        "epoch": 1,
        "loss": 2.0,
        "lr/head": 0.3,
        "images_per_s": 4.0,
        "skipped_images": 1.0,
    }
    assert calls.count(("saved", True)) == 1, "the first of equals is the best"
    run = Run(tmp_path / "a")
    assert list(run.metrics["epoch"]) == [1, 2, 3, 4, 5] and run.skipped.read_text() == "path,reason\na,x\n"


def test_without_validation_every_epoch_is_saved(small: Experiment, tmp_path: Path) -> None:
    records, fake, calls = records_of(small, tmp_path / "a", measured=False)
    for epoch in (1, 2):
        records.end_epoch(fake, OPTIMIZER, epoch, 2.0)
    assert calls.count(("saved", True)) == 2 and "epoch 2/5: loss 2, 4 images/s" in calls


def test_other_processes_measure_and_write_nothing(small: Experiment, tmp_path: Path) -> None:
    records, fake, calls = records_of(small, tmp_path / "a", rank=1)
    records.end_epoch(fake, OPTIMIZER, 1, 2.0)
    assert calls == ["original", "replaced"] and len(records.rows) == 1
    assert not (tmp_path / "a" / "metrics.csv").exists()


def test_a_loss_that_is_no_number_ends_the_training(small: Experiment, tmp_path: Path) -> None:
    records, fake, _ = records_of(small, tmp_path / "a")
    fake.step_losses = [torch.tensor(1.0), torch.tensor(float("nan")), torch.tensor(2.0)]
    with pytest.raises(WorkError) as stopped:
        records.end_epoch(fake, OPTIMIZER, 4, 2.0)
    assert str(stopped.value) == (
        "The loss is no longer a number in epoch 4; the run is kept as it was after epoch 3. Start a new one with "
        "lower "
        "learning rates or with -o optimizer.clip_norm=10."
    )
    assert records.rows == []


def test_failures_of_all_processes_are_joined(small: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again, other = Failure("a", "x"), Failure("a", "y"), Failure("b", "z")
    monkeypatch.setattr(epoch_records, "gather_objects", lambda value: [value, {"a": again, "b": other}])
    fake: Any = SimpleNamespace(failures={"a": first})
    assert epoch_records._failures(fake) == {"a": first, "b": other}


def test_rates_follow_the_schedule_and_the_plateau(small: Experiment, tmp_path: Path) -> None:
    records, _, _ = records_of(small, tmp_path / "a", epochs=4)
    records._schedule = ScheduleSpec(name="cosine", warmup_epochs=2)
    assert [records.rate_factor(epoch) for epoch in range(4)] == pytest.approx([1, 1, 1, 0.5])
    records._schedule = ScheduleSpec(name="plateau", plateau_patience=0, gamma=0.25)
    records.rows = [{"epoch": epoch, "original/map@r": 0.5} for epoch in range(3)]
    assert records.rate_factor(3) == pytest.approx(0.0625) and records.standing.waited == 2
