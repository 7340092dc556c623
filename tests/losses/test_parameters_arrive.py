"""Each parameter of a loss or a miner changes what is built from it: none is read and then forgotten."""

import typing
from typing import Any

import pytest
import torch
from pydantic_core import PydanticUndefined
from pytorch_metric_learning.distances import LpDistance
from torch import Tensor, nn

from likewise.losses.entry import LossParams
from likewise.losses.miners import MINERS, MinerParams
from likewise.losses.registry import LOSSES

CLASSES, DIM = 3, 4
PLAIN = {name: params for name, params in LOSSES.items() if not params.needs_head}
ROWS = [(name, field) for name, params in PLAIN.items() for field in params.model_fields]
MINER_ROWS = [(name, field) for name, params in MINERS.items() for field in params.model_fields]


def numbers(built: Any, depth: int = 0) -> Any:
    """The numbers and words of an object and of what it consists of."""
    if isinstance(built, Tensor):
        return built.tolist()
    if isinstance(built, nn.Module) or (hasattr(built, "__dict__") and depth < 4):
        return {
            key: numbers(value, depth + 1)
            for key, value in vars(built).items()
            if not key.startswith("_") or key in ("_modules", "_parameters", "_buffers")
        }
    if isinstance(built, dict):
        return {key: numbers(value, depth + 1) for key, value in built.items()}
    return built if isinstance(built, int | float | str | bool) else type(built).__name__


def changed(params: type[LossParams | MinerParams], field: str) -> Any:
    """The parameters with one other value."""
    about = params.model_fields[field]
    default = about.default
    assert default is not PydanticUndefined
    words = [
        word
        for part in (about.annotation, *typing.get_args(about.annotation))
        for word in typing.get_args(part)
    ]
    others = [word for word in words if isinstance(word, str) and word != default]
    value: Any = (
        not default if isinstance(default, bool)
        else others[0] if others and isinstance(default, str)
        else 2 if isinstance(default, str)
        else default + 1 if isinstance(default, int)
        else default + 0.0625
    )  # fmt: skip
    return params.model_validate({field: value})


@pytest.mark.parametrize(("name", "field"), ROWS)
def test_each_parameter_of_a_loss_is_built_in(name: str, field: str) -> None:
    params: Any = PLAIN[name]
    built = []
    for values in (params(), params(), changed(params, field)):
        torch.manual_seed(0)
        built.append(numbers(values.build(CLASSES, DIM)))
    assert built[0] == built[1] != built[2]


@pytest.mark.parametrize(("name", "field"), MINER_ROWS)
def test_each_parameter_of_a_miner_is_built_in(name: str, field: str) -> None:
    params: Any = MINERS[name]
    assert numbers(changed(params, field).build(LpDistance())) != numbers(params().build(LpDistance()))
