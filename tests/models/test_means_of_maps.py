"""When the vector of a timm network counts as the mean of its last map; the question leaves no trace."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from likewise.models.timm_backbone import _pools_by_the_mean


class Net(nn.Module):
    """Maps of 3 channels; ``more`` is what the pooling adds to the mean of the axes."""

    def __init__(
        self, axes: tuple[int, ...] = (2, 3), more: float = 0, side: int = 6, **about: object
    ) -> None:
        super().__init__()
        self.axes, self.more, self.sides = axes, more, list[tuple[int, ...]]()
        self.pretrained_cfg = {"input_size": (3, 6, side)}
        vars(self).update(about)

    def forward_features(self, images: Tensor) -> Tensor:
        assert not self.training and not torch.is_grad_enabled()
        self.sides.append(tuple(images.shape))
        return images if self.axes == (2, 3) else images.permute(0, 2, 3, 1)

    def forward_head(self, features: Tensor, pre_logits: bool) -> Tensor:
        assert pre_logits
        return features.mean(self.axes) + self.more


class Tokens(Net):
    def forward_features(self, images: Tensor) -> Tensor:
        return super().forward_features(images).flatten(2).mT


class Parts(Net):
    def forward_features(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward_features(images), images


@pytest.mark.parametrize(
    ("network", "expected", "side"),
    [
        (Net(), True, (6, 6)),
        (Net(axes=(1, 2)), True, (6, 6)),
        (Net(more=1e-3), False, (6, 6)),
        (Net(more=1e-6), True, (6, 6)),
        (Net(side=8), True, (6, 8)),
        (Net(patch_embed=SimpleNamespace(img_size=(4, 5))), True, (4, 5)),
        (Net(patch_embed=SimpleNamespace(img_size=None)), True, (6, 6)),
        (Net(num_prefix_tokens=0), True, (6, 6)),
        (Net(num_prefix_tokens=1), False, None),
        (Tokens(), False, (6, 6)),
        (Parts(), False, (6, 6)),
    ],
)
def test_only_the_mean_of_a_map_is_one(network: Net, expected: bool, side: tuple[int, int] | None) -> None:
    before = torch.get_rng_state()
    for mode in (True, False):
        network.train(mode)
        assert _pools_by_the_mean(network) is expected
        assert network.training is mode
    assert network.sides == ([] if side is None else [(1, 3, *side)] * 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_mode_comes_back_after_an_error() -> None:
    network = Net(axes=(1, 2, 7)).train()
    with pytest.raises(IndexError):
        _pools_by_the_mean(network)
    assert network.training
