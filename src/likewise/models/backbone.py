"""Backbone: the network that turns pixels into feature maps, the same way for every architecture.

One network gives the map that is pooled, the maps of its levels, and its own pooled vector, all from the
same weights. ``backbone_registry`` picks the kind by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError, choices
from likewise.models.batch_norm import freeze, keep_statistics
from likewise.models.spec import FrozenBatchNorm, PoolingName

Level = int | str
"""A level of a backbone: its name, its number from 0 (largest map) upwards or from -1 (last) downwards, or
"final", the map that a plain embedder pools (EfficientNets end in a wider map than their last level)."""

FINAL = "final"


@dataclass(frozen=True)
class LevelInfo:
    """One level: a feature map a head may read.

    Attributes:
        name: The backbone's own name of it, for instance "layer3" or "4e".
        channels: Channels of the map.
        reduction: Input side divided by map side.
    """

    name: str
    channels: int
    reduction: int


class Backbone(nn.Module):
    """Base of all backbones. Inputs are normalised images ``(B, 3, H, W)``.

    Attributes:
        name: The requested name.
        network: The architecture itself, with the key names its weights were released in.
        preprocessing: Preprocessing of the training of the backbone.
        num_features: Channels of the last map.
        native_dim: Size of the backbone's own pooled vector.
        levels: All levels, low (large map) to high.
    """

    name: str
    network: Any
    preprocessing: Preprocessing
    num_features: int
    native_dim: int
    levels: tuple[LevelInfo, ...]
    _keeps_statistics = False

    @property
    def final_level(self) -> int:
        """Number of the level "final"; the last level, unless the backbone goes on above it."""
        return len(self.levels) - 1

    def level_channels(self, level: int) -> int:
        """Channels of a level given by its number from 0."""
        return self.levels[level].channels if level < len(self.levels) else self.num_features

    @property
    def native_pooling(self) -> PoolingName:
        """The value "avg" where the backbone pools its last map by the mean and no more; else "native"."""
        return "avg"

    def forward(self, inputs: Tensor) -> Tensor:
        """The last feature map, ``(B, num_features, h, w)``."""
        raise NotImplementedError

    def level_maps(self, inputs: Tensor, levels: Sequence[Level]) -> list[Tensor]:
        """The maps of some levels, ``(B, C, h, w)`` each, in the requested order."""
        raise NotImplementedError

    def native_features(self, inputs: Tensor) -> Tensor:
        """The vector the backbone itself pools, ``(B, native_dim)``."""
        raise NotImplementedError

    def level_numbers(self, levels: Sequence[Level]) -> list[int]:
        """Numbers (from 0) of levels given by name or number.

        Raises:
            ModelError: The backbone has no such level.
        """
        names = [level.name for level in self.levels]
        return [self._number(level, names) for level in levels]

    def freeze_batch_norm(self, how: FrozenBatchNorm) -> None:
        """Freeze batch normalisation for good, see :func:`likewise.models.batch_norm.freeze`."""
        freeze(self, how)
        self._keeps_statistics = how != "none"

    def train(self, mode: bool = True) -> "Backbone":
        """Switch between training and evaluation; frozen batch normalisation stays in evaluation."""
        super().train(mode)
        self._hold_statistics()
        return self

    def _hold_statistics(self) -> None:
        # Also called by every forward pass: a trainer may have called train() on a part of the network.
        if self._keeps_statistics and self.training:
            keep_statistics(self)

    def _number(self, level: Level, names: list[str]) -> int:
        count = len(names)
        if level == FINAL and count:
            return self.final_level
        if isinstance(level, str) and level in names:
            return names.index(level)
        if isinstance(level, int) and -count <= level < count:
            return level % count
        if not count:
            raise ModelError(
                f"The backbone '{self.name}' gives no maps of its levels: choose another backbone."
            )
        hint = choices(level, names) if isinstance(level, str) else f"it has {count}: {', '.join(names)}."
        raise ModelError(f"The backbone '{self.name}' has no level {level!r}: {hint}")
