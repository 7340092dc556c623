"""Fixtures of the explanation tests."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from likewise.data import Preprocessing
from likewise.models import ModelSpec, SimilarityModel, build


@pytest.fixture(scope="session")
def golden_net(golden) -> Callable[[str], nn.Module]:
    """The two small networks of saliency.npz (`a`, `b`), built from its weights."""
    values = golden("saliency.npz")
    return lambda name: _net_of(values, name)


def _net_of(values: "np.lib.npyio.NpzFile", name: str) -> nn.Module:
    def layer(position: int) -> tuple[torch.Tensor, torch.Tensor]:
        key = f"net_{name}_{position}"
        return torch.from_numpy(values[f"{key}.weight"]), torch.from_numpy(values[f"{key}.bias"])

    modules: list[nn.Module] = []
    for position in (0, 2):
        weight, _ = layer(position)
        modules += [nn.Conv2d(weight.shape[1], weight.shape[0], 3, 2, 1), nn.SiLU()]
    weight, _ = layer(6)
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(weight.shape[1], weight.shape[0])]
    network = nn.Sequential(*modules)
    with torch.no_grad():
        for position in (0, 2, 6):
            network[position].weight.copy_(layer(position)[0])
            network[position].bias.copy_(layer(position)[1])
    return network.eval()


@pytest.fixture(scope="session")
def tiny_model() -> SimilarityModel:
    """An untrained ResNet of two small stages, input 48 pixels; no file, no network."""
    preprocessing = Preprocessing(resize_px=56, crop_px=48)
    return build(ModelSpec(backbone="resnet10t", dim=16, preprocessing=preprocessing), seed=0)
