"""The first layer of every network: pixels become the numbers the backbone was trained on."""

import torch
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing, normalize
from likewise.errors import ConfigError

_NUMBERS = ("channel_order", "value_range", "mean", "std")


def require_assignable(model: str, loaded: Preprocessing, changed: Preprocessing, *, projected: bool) -> None:
    """Refuse another normalisation of a loaded model, whose network and exported file contain it.

    Raises:
        ConfigError: Something else than a Preprocessing, other numbers, or a model with a projection, whose fingerprint
            is that of the model below.
    """
    if not isinstance(changed, Preprocessing):
        raise ConfigError(f"preprocessing must be a Preprocessing, but is a {type(changed).__name__}.")
    if projected:
        raise ConfigError(
            f"'{model}' is projected and prepares images as the model below it: assign to model.base.preprocessing and "
            "project that model again."
        )
    for name in _NUMBERS:
        if getattr(loaded, name) != getattr(changed, name):
            raise ConfigError(
                f"The {name} of '{model}' is part of its network ({getattr(loaded, name)}) and cannot be assigned: "
                "load the model again with  likewise.load(NAME, preprocessing=...)"
            )


class InputNormalization(nn.Module):
    """Channel order, value range, mean and standard deviation of a Preprocessing, on the device of the network.

    Not part of the state dict: the numbers belong to the Preprocessing, which is saved beside the weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.channel_order = preprocessing.channel_order
        self.value_range = preprocessing.value_range
        self.register_buffer("mean", torch.tensor(preprocessing.mean), persistent=False)
        self.register_buffer("std", torch.tensor(preprocessing.std), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` RGB, uint8 or floating point in 0..255, to the network's input, same shape."""
        return normalize(
            images, self.mean, self.std, channel_order=self.channel_order, value_range=self.value_range
        )

    def extra_repr(self) -> str:
        """Shown by ``print``."""
        return (
            f"{self.channel_order}, 0..{self.value_range}, mean={self.mean.tolist()}, std={self.std.tolist()}"
        )
