"""The AVSL head: several levels of a backbone -> one Representation per image, and the links between levels.

Source: Zhang et al., Attributable Visual Similarity Learning, CVPR 2022. Where the released code has a fault,
the corrected form is the default and ``AVSLSpec`` and the loss's parameters give the published one;
docs/papers.md lists every case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from likewise.avsl.distance import AVSLDistance
from likewise.avsl.links import Links, strongest_links
from likewise.avsl.maps import SMALLEST, activation_maps, certainty, level_embedding
from likewise.avsl.representation import Representation
from likewise.avsl.spec import AVSLSpec
from likewise.errors import ModelError
from likewise.seeds import torch_stream

__all__ = ["AVSLDetail", "AVSLHead", "AVSLSpec", "Reliability"]


@dataclass(frozen=True)
class AVSLDetail:
    """A batch with its activation maps, for attribution to image regions.

    Attributes:
        representation: embeddings and certainties.
        maps: per level (B, D, h, w) activation maps divided by the embedding's length, so that the spatial
            mean of a node's map is that node's entry of the *unit* embedding.
    """

    representation: Representation
    maps: tuple[Tensor, ...]


class Reliability(nn.Module):
    """The learnt coefficient and bias of each node above the lowest level.

    A module of its own so that a trainer can give it the learning rate of the proxies, as published.
    """

    def __init__(self, levels: int, dim: int, coef: float, bias: float) -> None:
        super().__init__()
        self.coef = nn.ParameterList([torch.full((dim,), float(coef)) for _ in range(levels - 1)])
        self.bias = nn.ParameterList([torch.full((dim,), float(bias)) for _ in range(levels - 1)])


class AVSLHead(nn.Module):
    """Feature maps of several levels -> flat rows that ``distance()`` compares.

    In train mode every forward pass first blends the batch into the running links (before any distance
    of that batch is computed, as published). All is computed in float32, whatever the precision around it.

    Args:
        channels: channels of each level's map, low (large) to high.
        spec: settings.
        seed: of the projections' start values.

    Raises:
        ModelError: the backbone gives another number of levels than the head wants.
    """

    def __init__(self, channels: Sequence[int], spec: AVSLSpec, seed: int = 0) -> None:
        super().__init__()
        if len(channels) != len(spec.levels):
            raise ModelError(
                f"The AVSL head wants {len(spec.levels)} levels ({', '.join(map(str, spec.levels))}), but the "
                f"backbone gives {len(channels)}: name others in avsl.levels or take another backbone."
            )
        self.spec = spec
        self.projections = nn.ModuleList([nn.Conv2d(count, spec.dim, kernel_size=1) for count in channels])
        for level, convolution in enumerate(self.projections):
            generator = torch_stream(seed, "avsl projection", level)
            nn.init.kaiming_normal_(cast(nn.Conv2d, convolution).weight, mode="fan_out", generator=generator)
            nn.init.zeros_(cast(Tensor, convolution.bias))
        self.reliability = Reliability(len(channels), spec.dim, spec.coef, spec.start_bias)
        self.links = Links(len(channels), spec.dim, spec.momentum)

    @property
    def dim(self) -> int:
        """Length of the flat rows."""
        return self.spec.flat_dim

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Feature maps (B, C, h, w), low to high -> flat rows (B, dim) float32; do not normalise those."""
        embeddings = self.level_embeddings(maps)
        with torch.autocast(maps[0].device.type, enabled=False):
            # The lowest level's activation maps serve the links only.
            activations = {
                level: self._activations(level, features)
                for level, features in enumerate(maps)
                if level > 0 or self.training
            }
            certainties = [
                certainty(activations[level], self.spec.certainty) for level in range(1, len(maps))
            ]
            if self.training:
                self.links.update([activations[level] for level in range(len(maps))], certainties)
            return self._representation(embeddings, certainties).pack()

    def level_embeddings(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Per level (B, D) float32 embeddings of feature maps before they are given length 1; gradients flow."""
        self._check(maps)
        with torch.autocast(maps[0].device.type, enabled=False):
            return [
                level_embedding(features.float(), *self._projection(level), self.spec.pooling)
                for level, features in enumerate(maps)
            ]

    @torch.no_grad()
    def detail(self, maps: Sequence[Tensor]) -> AVSLDetail:
        """Representation and activation maps, without gradient and without touching the links."""
        embeddings = self.level_embeddings(maps)
        with torch.autocast(maps[0].device.type, enabled=False):
            activations = self.activations(maps)
            certainties = [certainty(values, self.spec.certainty) for values in activations[1:]]
            lengths = [values.norm(dim=1).clamp_min(SMALLEST)[:, None, None, None] for values in embeddings]
            scaled = tuple(values / length for values, length in zip(activations, lengths, strict=True))
            return AVSLDetail(self._representation(embeddings, certainties), scaled)

    @torch.no_grad()
    def activations(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Per level (B, D, h, w) activation maps of feature maps, in float32; the links stay as they are."""
        self._check(maps)
        with torch.autocast(maps[0].device.type, enabled=False):
            return [self._activations(level, features) for level, features in enumerate(maps)]

    def distance(self) -> AVSLDistance:
        """The comparison with the numbers as they are now, detached from training.

        Raises:
            ModelError: the head has never seen a batch in train mode, so there are no links.
        """
        if not bool(self.links.started):
            raise ModelError(
                "This AVSL head has no links between its levels yet: train it, or compute them from images."
            )
        return AVSLDistance(
            links=self.used_links(),
            coef=tuple(value.detach().clone() for value in self.reliability.coef),
            bias=tuple(value.detach().clone() for value in self.reliability.bias),
            gamma=self.spec.gamma,
            index_p=self.spec.index_p,
        )

    def used_links(self) -> tuple[Tensor, ...]:
        """Per step the normalised strongest links (D, D)."""
        return tuple(strongest_links(link, self.spec.topk) for link in self.links.links)

    def _check(self, maps: Sequence[Tensor]) -> None:
        if len(maps) != len(self.projections):
            raise ModelError(
                f"The AVSL head reads {len(self.projections)} levels, but was given {len(maps)} maps."
            )

    @torch.no_grad()
    def _activations(self, level: int, features: Tensor) -> Tensor:
        return activation_maps(features.detach().float(), *self._projection(level), self.spec.pooling)

    def _projection(self, level: int) -> tuple[Tensor, Tensor]:
        convolution = self.projections[level]
        return cast(Tensor, convolution.weight).flatten(1), cast(Tensor, convolution.bias)

    def _representation(self, embeddings: Sequence[Tensor], certainties: Sequence[Tensor]) -> Representation:
        unit = tuple(normalize(values, dim=1) for values in embeddings)
        if self.spec.certainty == "relative":
            means = self.links.mean_certainty.clamp_min(SMALLEST)
            certainties = [values / mean for values, mean in zip(certainties, means, strict=True)]
        return Representation(unit, tuple(certainties))
