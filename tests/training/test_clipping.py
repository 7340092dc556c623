"""Gradients are clipped in every step, network and loss each for itself."""

import pytest
import torch
from torch import nn

from likewise.models import build
from likewise.training import Experiment
from likewise.training.preparation import make_module


@pytest.mark.parametrize("limit", [0.5, None])
def test_every_step_is_clipped(small: Experiment, limit: float | None) -> None:
    settings = small.model_copy(update={"optimizer": small.optimizer.model_copy(update={"clip_norm": limit})})
    module = make_module(settings, build(settings.model, seed=0), 3)
    parts: list[nn.Module] = [module.network, module.loss]
    for _ in range(3):  # the released code clipped the first step only
        for part in parts:
            for values in part.parameters():
                values.grad = torch.ones_like(values)
        before = [length(part) for part in parts]
        module.clip_gradients()
        expected = before if limit is None else [limit, limit]
        assert [length(part) for part in parts] == pytest.approx(expected, rel=1e-3)


def length(part: nn.Module) -> float:
    return float(torch.cat([v.grad.flatten() for v in part.parameters() if v.grad is not None]).norm())
