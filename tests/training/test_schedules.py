"""The learning rates of every schedule, against torch's own; warm-up lets the schedule stand still."""

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from likewise.training.experiment import OptimizerSpec, ScheduleSpec
from likewise.training.optimizers import make_optimizer, schedule_factor, set_learning_rates

EPOCHS = 12


def reference(schedule: str, epochs: int = EPOCHS) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    kinds = {
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, factor=1.0),
        "plateau": lambda: lr_scheduler.ConstantLR(optimizer, factor=1.0),
        "step": lambda: lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.3),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
    }
    scheduler, rates = kinds[schedule](), []
    for _ in range(epochs):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


def factors(schedule: str, warmup: int = 0) -> list[float]:
    spec = ScheduleSpec(name=schedule, step_epochs=4, gamma=0.3, warmup_epochs=warmup)  # type: ignore[arg-type]
    return [schedule_factor(spec, epoch, EPOCHS) for epoch in range(EPOCHS)]


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "plateau"])
def test_the_schedule_is_the_one_of_torch(schedule: str) -> None:
    assert factors(schedule) == pytest.approx(reference(schedule))


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "plateau"])
def test_warm_up_lets_it_stand_still_and_it_still_ends_with_the_training(schedule: str) -> None:
    assert factors(schedule, warmup=3) == pytest.approx([1.0] * 3 + reference(schedule, EPOCHS - 3))


def test_a_warm_up_of_the_whole_training_is_no_division_by_zero() -> None:
    assert factors("cosine", warmup=EPOCHS) == [1.0] * EPOCHS


@pytest.mark.parametrize("kind", ["adamw", "adam", "rmsprop", "sgd"])
def test_each_group_has_its_own_rate_and_keeps_it_in_every_epoch(kind: str) -> None:
    spec = OptimizerSpec(
        name=kind,
        lr_backbone=0.1,
        lr_head=0.2,
        lr_loss=0.4,
        weight_decay=0.03,
        momentum=0.7,  # type: ignore[arg-type]
    )
    backbone, head, loss = ([nn.Parameter(torch.zeros(size))] for size in (1, 2, 3))
    optimizer = make_optimizer(spec, backbone, head, loss)
    groups = {group["name"]: group for group in optimizer.param_groups}
    assert {name: (len(group["params"][0]), group["lr"]) for name, group in groups.items()} == {
        "backbone": (1, 0.1), "head": (2, 0.2), "loss": (3, 0.4),
    }  # fmt: skip
    assert all(group["weight_decay"] == 0.03 for group in groups.values())
    assert type(optimizer).__name__.lower() == kind
    assert all(group["momentum"] == 0.7 for group in groups.values() if "momentum" in group)
    assert ("momentum" in groups["head"]) == (kind in {"rmsprop", "sgd"})
    for factor in (0.5, 0.1):
        rates = set_learning_rates(optimizer, factor)
        assert rates == pytest.approx({"backbone": 0.1 * factor, "head": 0.2 * factor, "loss": 0.4 * factor})


def test_groups_without_weights_that_train_are_left_out() -> None:
    frozen = nn.Parameter(torch.zeros(1), requires_grad=False)
    optimizer = make_optimizer(OptimizerSpec(), [frozen], [nn.Parameter(torch.zeros(1))], [])
    assert [group["name"] for group in optimizer.param_groups] == ["head"]
