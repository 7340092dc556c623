"""BN-Inception, the trunk of the published systems, with the parameter names of its released weights.

Input as released: BGR, 0..255, mean (104, 117, 128) subtracted. Where the released network averages a fixed
7 x 7 window (right for 224 and 227 px only), this one averages the whole map: the same numbers at those
sizes, and one 1024-vector at every other.

Source: Ioffe & Szegedy 2015; structure of the Caffe release as used by Kobs & Hotho 2022, Zhang et al. 2022
and Musgrave et al. 2020.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.data.preprocessing import PUBLISHED_BN_INCEPTION
from likewise.models.backbone import Backbone, Level, LevelInfo

# Channels that each block's convolutions give: 1x1; 3x3 reduce, 3x3; double reduce, 3x3, 3x3; projection.
_BLOCKS: dict[str, tuple[int, int, int, int, int, int, int]] = {
    "3a": (64, 64, 64, 64, 96, 96, 32),
    "3b": (64, 64, 96, 64, 96, 96, 64),
    "3c": (0, 128, 160, 64, 96, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128, 128),
    "4c": (160, 128, 160, 128, 160, 160, 128),
    "4d": (96, 128, 192, 160, 192, 192, 128),
    "4e": (0, 128, 192, 192, 256, 256, 0),
    "5a": (352, 192, 320, 160, 224, 224, 128),
    "5b": (352, 192, 320, 192, 224, 224, 128),
}
_LEVELS = (
    LevelInfo("conv1", 64, 2),
    LevelInfo("conv2", 192, 4),
    LevelInfo("3b", 320, 8),
    LevelInfo("4b", 576, 16),
    LevelInfo("4e", 1056, 32),
    LevelInfo("5b", 1024, 32),
)


class BNInception(nn.Module):
    """The network itself; its state dict has the released key names.

    Args:
        num_classes: Size of the classifier ``last_linear``; 0 for none.
    """

    def __init__(self, num_classes: int = 0) -> None:
        super().__init__()
        for name, channels, width, kernel, stride in _convolutions():
            convolution = nn.Conv2d(channels, width, kernel, stride=stride, padding=kernel // 2)
            self.add_module(name, convolution)
            self.add_module(f"{name}_bn", nn.BatchNorm2d(width))
        if num_classes:
            self.last_linear = nn.Linear(1024, num_classes)
        self.num_classes = num_classes

    def maps(self, inputs: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Name and map of the stem's two convolutions and of every block, in order."""
        maps = self._convolve("conv1_7x7_s2", inputs)
        yield "conv1", maps
        maps = self._convolve("conv2_3x3_reduce", _halve(maps))
        maps = self._convolve("conv2_3x3", maps)
        yield "conv2", maps
        maps = _halve(maps)
        for block in _BLOCKS:
            maps = self._block(block, maps)
            yield block, maps

    def features(self, inputs: Tensor) -> Tensor:
        """The map of the last block, ``(B, 1024, h, w)``."""
        maps = inputs
        for _, maps in self.maps(inputs):  # noqa: B007 - only the last map is wanted
            pass
        return maps

    def forward(self, inputs: Tensor) -> Tensor:
        """Pooled features ``(B, 1024)``, or logits where there is a classifier."""
        pooled = self.features(inputs).mean(dim=(2, 3))
        return self.last_linear(pooled) if self.num_classes else pooled

    def _block(self, block: str, inputs: Tensor) -> Tensor:
        prefix = f"inception_{block}_"
        narrow = self._convolve(f"{prefix}3x3", self._convolve(f"{prefix}3x3_reduce", inputs))
        double = self._convolve(f"{prefix}double_3x3_1", self._convolve(f"{prefix}double_3x3_reduce", inputs))
        double = self._convolve(f"{prefix}double_3x3_2", double)
        if not _BLOCKS[block][0]:
            return torch.cat([narrow, double, _halve(inputs)], dim=1)
        # The last block pools by the maximum, all others by the mean (padding counted), as released.
        pool = F.max_pool2d if block == "5b" else F.avg_pool2d
        pooled = self._convolve(f"{prefix}pool_proj", pool(inputs, 3, stride=1, padding=1))
        return torch.cat([self._convolve(f"{prefix}1x1", inputs), narrow, double, pooled], dim=1)

    def _convolve(self, name: str, inputs: Tensor) -> Tensor:
        maps: Tensor = self.get_submodule(f"{name}_bn")(self.get_submodule(name)(inputs))
        return F.relu(maps, inplace=True)


class BNInceptionBackbone(Backbone):
    """BN-Inception without its classifier; levels include 4b, 4e and 5b, those of AVSL."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "bn_inception"
        self.network = BNInception()
        self.preprocessing = PUBLISHED_BN_INCEPTION
        self.num_features = self.native_dim = 1024
        self.levels = _LEVELS

    def forward(self, inputs: Tensor) -> Tensor:
        """The map of block 5b, ``(B, 1024, h, w)``."""
        self._hold_statistics()
        maps: Tensor = self.network.features(inputs)
        return maps

    def level_maps(self, inputs: Tensor, levels: Sequence[Level]) -> list[Tensor]:
        """The maps of some levels, in the requested order; blocks above the highest one are not run."""
        self._hold_statistics()
        names = [self.levels[number].name for number in self.level_numbers(levels)]
        maps_of: dict[str, Tensor] = {}
        for name, maps in self.network.maps(inputs):
            if name in names:
                maps_of[name] = maps
            if len(maps_of) == len(set(names)):
                break
        return [maps_of[name] for name in names]

    def native_features(self, inputs: Tensor) -> Tensor:
        """The mean of the last map, ``(B, 1024)``."""
        return self.forward(inputs).mean(dim=(2, 3))


def _halve(maps: Tensor) -> Tensor:
    return F.max_pool2d(maps, 3, stride=2, ceil_mode=True)


def _convolutions() -> Iterator[tuple[str, int, int, int, int]]:
    """Name, input channels, output channels, kernel and stride of every convolution, in released order."""
    yield "conv1_7x7_s2", 3, 64, 7, 2
    yield "conv2_3x3_reduce", 64, 64, 1, 1
    yield "conv2_3x3", 64, 192, 3, 1
    channels = 192
    for block, (single, reduce, three, double_reduce, double_1, double_2, projection) in _BLOCKS.items():
        prefix, stride = f"inception_{block}_", 1 if single else 2
        if single:
            yield f"{prefix}1x1", channels, single, 1, 1
        yield f"{prefix}3x3_reduce", channels, reduce, 1, 1
        yield f"{prefix}3x3", reduce, three, 3, stride
        yield f"{prefix}double_3x3_reduce", channels, double_reduce, 1, 1
        yield f"{prefix}double_3x3_1", double_reduce, double_1, 3, 1
        yield f"{prefix}double_3x3_2", double_1, double_2, 3, stride
        if projection:
            yield f"{prefix}pool_proj", channels, projection, 1, 1
        channels = single + three + double_2 + projection if single else three + double_2 + channels
