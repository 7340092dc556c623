"""Keep the checkpoint, stop, lower the learning rates: every branch, from scores written by hand, and against torch."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from likewise.errors import InputError
from likewise.training import loop
from likewise.training.early_stopping import Standing, standing
from likewise.training.epoch_records import EpochRecords
from likewise.training.experiment import Experiment, ScheduleSpec, ValidationSpec
from likewise.training.module import TrainingModule
from likewise.training.run_folder import Run

NAN = float("nan")


def after(
    *scores: float, start: int = 0, every: int = 1, patience: int | None = None, **schedule: Any
) -> Standing:
    epochs = range(start, start + every * len(scores), every)
    return standing(
        zip(epochs, scores, strict=True), ValidationSpec(patience=patience), ScheduleSpec(**schedule)
    )


@pytest.mark.parametrize(("scores", "best", "epoch", "waited"), [
    ([], None, 0, 0),
    ([0.3], 0.3, 0, 0),
    ([0.3, 0.5, 0.4], 0.5, 1, 1),
    ([0.5, 0.4, 0.3], 0.5, 0, 2),
    ([0.3, 0.4, 0.5], 0.5, 2, 0),
    ([0.5, 0.5, 0.5], 0.5, 0, 2),
    ([0.5, 0.2, 0.6, 0.1], 0.6, 2, 1),
    ([0.0, 0.0], 0.0, 0, 1),
    ([NAN, 0.2, NAN], 0.2, 1, 1),
])  # fmt: skip
def test_the_highest_score_is_the_best_and_the_first_of_equals(
    scores: list[float], best: float | None, epoch: int, waited: int
) -> None:
    assert after(*scores) == Standing(best, epoch, waited)


def test_without_a_start_the_first_validation_is_the_best_so_far() -> None:
    assert after(0.4, 0.3, start=2, every=2) == Standing(0.4, 2, 1)


@pytest.mark.parametrize(("scores", "stop"), [
    ([0.5, 0.4], False),
    ([0.5, 0.4, 0.4], True),
    ([0.5, 0.4, 0.6], False),
    ([0.5, 0.4, 0.6, 0.5], False),
    ([0.5, 0.4, 0.6, 0.5, 0.5], True),
    ([0.5, 0.5, 0.5], True),
])  # fmt: skip
def test_training_stops_after_two_validations_without_improvement(scores: list[float], stop: bool) -> None:
    assert after(*scores, patience=2).stop is stop
    assert not after(*scores).stop


def test_validations_of_the_warm_up_use_up_no_patience() -> None:
    assert not after(0.5, 0.4, 0.4, 0.4, patience=2, warmup_epochs=2).stop
    assert after(0.5, 0.4, 0.4, 0.4, 0.4, patience=2, warmup_epochs=2).stop
    assert after(0.5, 0.4, 0.6, warmup_epochs=2).best_epoch == 2


@pytest.mark.parametrize(("scores", "factor"), [
    ([0.5, 0.4], 1.0),
    ([0.5, 0.4, 0.4], 0.5),
    ([0.5, 0.4, 0.4, 0.4], 0.5),
    ([0.5, 0.4, 0.4, 0.4, 0.4], 0.25),
    ([0.5, 0.4, 0.4, 0.6, 0.5], 0.5),
    ([0.5, 0.4, 0.6, 0.5], 1.0),
])  # fmt: skip
def test_the_rates_are_lowered_where_the_scores_stand_still(scores: list[float], factor: float) -> None:
    assert after(*scores, name="plateau", plateau_patience=1).factor == factor
    assert after(*scores, name="step", plateau_patience=1).factor == 1


@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=30),
    st.integers(0, 4),
    st.sampled_from([0.1, 0.5, 0.9]),
)
def test_plateau_is_the_one_of_torch(scores: list[float], patience: int, gamma: float) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = ReduceLROnPlateau(optimizer, mode="max", factor=gamma, patience=patience, threshold=0, eps=0)
    for score in scores:
        reference.step(score)
    found = after(*scores, name="plateau", plateau_patience=patience, gamma=gamma)
    assert found.factor == pytest.approx(optimizer.param_groups[0]["lr"])
    assert found.best == reference.best


class _Recorded(TrainingModule):
    """A module that trains nothing and says at which epoch it was saved."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.step_losses, self.failures, self.images = [torch.ones(())], {}, 1
        self.saved: list[int] = []
        self.epoch = 0
        self.model: Any = SimpleNamespace(save=lambda folder, overwrite: self.saved.append(self.epoch))
        self.weight = nn.Parameter(torch.zeros(()))

    def make_optimizer(self) -> Optimizer:
        return torch.optim.SGD([{"name": "head", "params": [self.weight], "lr": 1.0, "base_lr": 1.0}])

    def start_epoch(self, epoch: int, rank: int) -> None:
        self.epoch = epoch + 1


def run_epochs(
    small: Experiment, folder: Run, scores: list[float], **validation: Any
) -> tuple[EpochRecords, _Recorded, list[str], list[float]]:
    """The loop without batches, whose validations give ``scores``; the first is the untrained model's."""
    remaining, said, rates = iter(scores), list[str](), list[float]()
    measured: Any = SimpleNamespace(measure=lambda module: {"map@r": next(remaining)})
    spec, schedule = ValidationSpec(**validation), ScheduleSpec(name="plateau", plateau_patience=0)
    records = EpochRecords(
        spec, schedule, folder, {"original": measured}, max_epochs=len(scores) - 1, say=said.append,
        track=[lambda measures, epoch: rates.append(measures["lr/head"]) if epoch else None],
    )  # fmt: skip
    module = _Recorded()
    inputs: Any = SimpleNamespace(train=[], before_epoch=lambda epoch: None)
    loop.run_epochs(
        Fabric(accelerator="cpu", devices=1), module, inputs, records, folder.checkpoint, progress=False,
    )  # fmt: skip
    return records, module, said, rates


def test_the_model_is_saved_at_each_best_epoch_and_at_no_other(small: Experiment, tmp_path: Any) -> None:
    run = Run.create(tmp_path / "run", small)
    records, module, said, rates = run_epochs(small, run, [0.3, 0.5, 0.4, 0.6, 0.1])
    assert module.saved == [0, 1, 3] and records.standing.best_epoch == 3
    assert ["best so far" in line for line in said] == [True, True, False, True, False]
    assert rates == [1.0, 1.0, 0.5, 0.5]
    assert list(run.metrics["original/map@r"]) == [0.3, 0.5, 0.4, 0.6, 0.1]


def test_the_training_ends_where_patience_does_and_its_state_is_that_table(
    small: Experiment, tmp_path: Any
) -> None:
    run = Run.create(tmp_path / "run", small)
    records, module, _, _ = run_epochs(small, run, [0.3, 0.5, 0.4, 0.4, 0.9], patience=2)
    assert module.saved == [0, 1] and len(records.rows) == 4 and records.standing.stop
    resumed, module, said, _ = run_epochs(small, run, [0.9] * 5, patience=2)
    assert resumed.standing == records.standing and resumed.rows == records.rows
    assert module.saved == [] and said == []


def test_a_damaged_checkpoint_is_refused_by_name(small: Experiment, tmp_path: Any) -> None:
    run = Run.create(tmp_path / "run", small)
    run_epochs(small, run, [0.3, 0.5])
    content = run.checkpoint.read_bytes()
    for damaged in (content[:100], b"", content[: len(content) // 2]):
        run.checkpoint.write_bytes(damaged)
        with pytest.raises(InputError, match=r"last\.ckpt: it is damaged or was written by another version"):
            run_epochs(small, run, [0.3, 0.5])
    torch.save({"state_dict": {}, "pytorch-lightning_version": "2.6"}, run.checkpoint)
    with pytest.raises(InputError, match=r"last\.ckpt"):
        run_epochs(small, run, [0.3, 0.5])
