"""The first layer of every network: pixels become the numbers the backbone was trained on."""

import torch
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing, normalize


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
