"""Optimiser and schedule from their specs; backbone, head and loss are separate parameter groups."""

import math

import torch
from torch import nn
from torch.optim import Optimizer

from likewise.training.experiment import OptimizerSpec, ScheduleSpec


def make_optimizer(
    spec: OptimizerSpec, backbone: list[nn.Parameter], head: list[nn.Parameter], loss: list[nn.Parameter]
) -> Optimizer:
    """The optimiser over the groups ``backbone``, ``head`` and ``loss``; empty groups are left out."""
    named = {
        "backbone": (backbone, spec.lr_backbone),
        "head": (head, spec.lr_head),
        "loss": (loss, spec.lr_loss),
    }
    groups = [
        {"name": name, "params": trainable, "lr": rate, "base_lr": rate}
        for name, (parameters, rate) in named.items()
        if (trainable := [parameter for parameter in parameters if parameter.requires_grad])
    ]
    if spec.name == "adamw":
        return torch.optim.AdamW(groups, weight_decay=spec.weight_decay)
    if spec.name == "adam":
        return torch.optim.Adam(groups, weight_decay=spec.weight_decay)
    if spec.name == "rmsprop":
        return torch.optim.RMSprop(groups, weight_decay=spec.weight_decay, momentum=spec.momentum)
    return torch.optim.SGD(groups, weight_decay=spec.weight_decay, momentum=spec.momentum)


def schedule_factor(spec: ScheduleSpec, epoch: int, max_epochs: int) -> float:
    """Factor of the learning rates in ``epoch`` (from 0); 1 for constant and plateau.

    A function of the epoch alone, so that a resumed training needs no state of it.

    >>> schedule_factor(ScheduleSpec(name="step", step_epochs=5, gamma=0.5, warmup_epochs=1), 6, 20)
    0.5
    """
    trained = max(epoch - spec.warmup_epochs, 0)
    if spec.name == "step":
        return float(spec.gamma ** (trained // spec.step_epochs))
    if spec.name == "cosine":
        length = max(max_epochs - spec.warmup_epochs, 1)
        return 0.5 * (1 + math.cos(math.pi * min(trained / length, 1)))
    return 1.0


def set_learning_rates(optimizer: Optimizer, factor: float) -> dict[str, float]:
    """Set every group to its own rate times ``factor``; the new rates by group."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    return {str(group["name"]): float(group["lr"]) for group in optimizer.param_groups}
