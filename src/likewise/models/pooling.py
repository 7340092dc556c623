"""Pooling: a feature map ``(B, C, h, w)`` becomes one vector ``(B, C)``."""

import torch
from torch import Tensor, nn

from likewise.arguments import checked
from likewise.errors import ConfigError, choices


class AveragePooling(nn.Module):
    """Mean over all positions."""

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C)``."""
        return maps.mean(dim=(2, 3))


class MaxPooling(nn.Module):
    """Largest value over all positions."""

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C)``."""
        return maps.amax(dim=(2, 3))


class AverageMaxPooling(nn.Module):
    """Mean plus maximum. Source: released code of Kim et al. 2020 (Proxy-Anchor), Zhang et al. 2022."""

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C)``."""
        return maps.mean(dim=(2, 3)) + maps.amax(dim=(2, 3))


class GeneralizedMeanPooling(nn.Module):
    """``(mean of x^p)^(1/p)`` with a learnt exponent: 1 is the mean, infinity the maximum.

    Values below ``floor`` (negative ones too, as a vision transformer has them) are raised to it first.

    Source: Radenovic et al. 2018, equation 2.
    """

    def __init__(self, exponent: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor(float(exponent)))
        self.floor = floor

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C)``; powers are taken in float32."""
        values = maps.float().clamp(min=self.floor)
        # Any constant factor cancels; this one keeps large exponents from overflowing.
        scale = values.detach().amax(dim=(2, 3), keepdim=True)
        powers = (values / scale).pow(self.exponent)
        return (scale[..., 0, 0] * powers.mean(dim=(2, 3)).pow(1 / self.exponent)).to(maps.dtype)


POOLINGS: dict[str, type[nn.Module]] = {
    "avg": AveragePooling,
    "max": MaxPooling,
    "avg+max": AverageMaxPooling,
    "gem": GeneralizedMeanPooling,
}


@checked
def create_pooling(name: str) -> nn.Module:
    """The pooling called ``name``.

    Raises:
        ConfigError: There is no such pooling.
    """
    if name not in POOLINGS:
        raise ConfigError(f"There is no pooling {name!r}: {choices(name, POOLINGS)}")
    return POOLINGS[name]()
