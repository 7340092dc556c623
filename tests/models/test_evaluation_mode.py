"""Networks are switched to evaluation only where something has to be switched, and every module once."""

import torch
from torch import nn

from likewise.data import Preprocessing
from likewise.models import ModelSpec, build
from likewise.models.evaluating import evaluating, modules


class Counted(nn.Module):
    """Counts how often it is switched."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Linear(2, 2)
        self.first, self.second, self.none = nn.Sequential(shared, nn.Dropout()), shared, None
        self.switches = 0

    def train(self, mode: bool = True) -> "Counted":
        self.switches += 1
        return super().train(mode)


def test_each_module_is_listed_once_as_torch_lists_them() -> None:
    for network in (Counted(), nn.Linear(1, 1), build(ModelSpec(backbone="test_resnet", dim=8)).network):
        listed = list(modules(network))
        assert len(listed) == len(set(listed)) and set(listed) == set(network.modules())


def test_only_what_trains_is_switched_and_restored() -> None:
    network = Counted()
    network.eval()
    network.switches = 0
    with evaluating(network):
        assert not network.training
    assert network.switches == 0 and not any(module.training for module in network.modules())
    network.first[1].train()  # a part alone
    with evaluating(network):
        assert not any(module.training for module in network.modules())
    assert [module for module in network.modules() if module.training] == [network.first[1]]


def test_the_device_is_that_of_the_weights_then_of_the_buffers_then_the_cpu() -> None:
    model = build(
        ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=36, crop_px=32))
    )
    assert model.device == torch.device("cpu")
    buffers = nn.Module()
    buffers.register_buffer("mean", torch.zeros(1, device="meta"))
    model.network = buffers
    assert model.device == torch.device("meta")
    model.network = nn.Module()
    assert model.device == torch.device("cpu")
