"""Where in two images the evidence for their likeness lies, at finer places than the last feature map has.

On the last map the parts of a pair are exact, but each of its places sees much of the picture. The same parts are
followed one step further down: to the map of places half as wide, where gradient times activation says, to first order,
what each value adds to what the two images share. Only what speaks *for* the likeness counts. That is no sum any more,
but it names the places that matter better than the exact parts and than saliency maps of the same distance
(docs/results.md, `likewise audit faithfulness`).

Source: gradient times activation of a chosen map, positive part only: Selvaraju et al., Grad-CAM, 2017 (there the
channels are weighted by their mean gradient and summed before the cut; here place by place and channel by channel).
The scalar and the average over partly hidden copies are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from likewise.errors import ConfigError
from likewise.explain.grids import joined, spread
from likewise.explain.hiding import cells_mask, hide_each
from likewise.explain.scalars import frozen
from likewise.explain.smoothgrad import CPU_ROWS
from likewise.models import SimilarityModel
from likewise.models.avsl_attribution import attribute_nodes
from likewise.models.backbone import FINAL, Backbone
from likewise.seeds import stream

COPIES = 8
_GRID = 7
_MOST_HIDDEN = 0.7  # of a copy
_GPU_ROWS = 64

Map = NDArray[np.float64]


def agreed(alike: Map, traced: Map) -> Map:
    """What the exact parts and the traced evidence say in common: their geometric mean, on the finer of both grids.

    The exact parts know which of two subjects the other image shows, the evidence knows the finer places; hidden in
    the order of either alone, less happens (docs/results.md). Places that are not alike keep their (negative) part.

    Args:
        alike: Signed exact parts ``(h, w)``.
        traced: Of :func:`traced_evidence`, ``(h', w')``.

    Returns:
        Signed, in units of both (each place's value is what a place of the finer grid adds).
    """
    size = max(alike.shape, traced.shape, key=lambda grid: grid[0] * grid[1])
    exact, found = (spread(torch.from_numpy(one)[None], size)[0].numpy() for one in (alike, traced))
    mean: Map = np.where(exact > 0, np.sqrt(np.clip(exact, 0, None) * found), exact)
    return mean


def traced_evidence(
    model: SimilarityModel, pixels: Tensor, *, copies: int = COPIES, seed: int = 0
) -> tuple[Map, Map]:
    """How much each place of two images speaks for their likeness.

    With unit embeddings x and y of the two, the shared quantity is <x, y> (AVSL: the sum over levels and nodes of
    ``2 weight x y``, with the weights of the pair). It is linear in what the heads pool from the first image while its
    length, the weights and the other image are held; and the same the other way round. Places are asked in the
    picture as it is and in ``copies`` of it of which up to 70 % are hidden, as long as they are to be seen, and the
    mean is taken: a place that counts only beside others counts less.

    Args:
        model: A model that can be taken apart (`SimilarityModel.decomposable`).
        pixels: uint8 ``(2, 3, S, S)`` of the model's input size.
        copies: Partly hidden copies of each image, 0 or more.
        seed: Of what is hidden.

    Returns:
        Two maps ``(h, w)``, not negative, in units of the shared quantity: of the backbone's highest level whose
        places are at most half as wide as those of its last; of the levels the head reads where there is none, or
        where the network computes levels beside its path (vision transformers).

    Raises:
        ConfigError: ``copies`` is negative.
    """
    if copies < 0:
        raise ConfigError(f"There cannot be {copies} copies of an image: give 0 or more.")
    with frozen(model), torch.enable_grad():
        shared = [_Shared.of(model, pixels, side) for side in (0, 1)]
        first, second = (
            one.evidence(pixels[side], _hidden(copies, seed, side)) for side, one in enumerate(shared)
        )
    return first, second


@dataclass(frozen=True)
class _Shared:
    """What one image shares with the other, as a function of the first.

    Attributes:
        model: Whose.
        directions: Per level (1, D): what a level's embedding, before it has length 1, is multiplied with.
    """

    model: SimilarityModel
    directions: list[Tensor]

    @classmethod
    def of(cls, model: SimilarityModel, pixels: Tensor, side: int) -> "_Shared":
        """For image ``side`` of two."""
        with torch.no_grad():
            raw = _embeddings(model, _maps(model, _inputs(model, pixels))[1])
            own, other = ([level[place : place + 1] for level in raw] for place in (side, 1 - side))
            lengths = [level.norm(dim=1, keepdim=True).clamp_min(1e-12) for level in own]
            units = [level / level.norm(dim=1, keepdim=True).clamp_min(1e-12) for level in other]
            pulls = units if model.distance != "avsl" else _pulls(model, pixels, side)
            return cls(model, [pull / length for pull, length in zip(pulls, lengths, strict=True)])

    def evidence(self, image: Tensor, hidden: NDArray[np.bool_]) -> Map:
        """``(h, w)``: mean over the image and its copies under masks of hidden cells ``(K, g, g)``."""
        rows = image[None]
        if len(hidden):
            rows = torch.cat([rows, hide_each(image, hidden)])
        visible = torch.from_numpy(~np.concatenate([np.zeros((1, _GRID, _GRID), bool), hidden])).double()
        at_once = CPU_ROWS if self.model.device.type == "cpu" else _GPU_ROWS
        found = torch.cat([self._positive(part) for part in torch.split(rows, at_once)])
        seen = interpolate(visible[:, None], found.shape[1:], mode="nearest")[:, 0]
        mean: Map = ((found * seen).sum(0) / seen.sum(0)).numpy()
        return mean

    def _positive(self, rows: Tensor) -> Tensor:
        """``(B, h, w)`` of images ``(B, 3, S, S)``."""
        inputs = _inputs(self.model, rows).requires_grad_(True)
        fine, own = _maps(self.model, inputs)
        levels = _embeddings(self.model, own)
        total = torch.stack(
            [(level * way).sum() for level, way in zip(levels, self.directions, strict=True)]
        ).sum()
        slopes = torch.autograd.grad(total, [*fine, *own], allow_unused=True)
        # A map that is only a copy of what the network goes on with has no gradient.
        on_path = bool(fine) and slopes[0] is not None
        pairs = zip(fine, slopes[:1], strict=True) if on_path else zip(own, slopes[len(fine) :], strict=True)
        positive = [(slope * values).clamp_min(0).sum(1, dtype=torch.float64) for values, slope in pairs]
        return joined(positive).detach().cpu()


def _pulls(model: SimilarityModel, pixels: Tensor, side: int) -> list[Tensor]:
    """AVSL: per level (1, D), by how much a node of the unit embedding holds the pair together."""
    network: Any = model.network
    distance = network.embedder.head.distance()
    rows = network(pixels.to(model.device))
    own, other = (distance.unpack(rows[place : place + 1]) for place in (side, 1 - side))
    weights = attribute_nodes(distance, own, other).weights
    pairs = zip(weights, own.embeddings, other.embeddings, strict=True)
    if distance.index_p == 2:
        return [2 * weight * there for weight, _, there in pairs]
    # Other powers have no shared term: what brings the two nearer stands for it.
    return [
        weight * (there - here).sign() * (there - here).abs() ** (distance.index_p - 1)
        for weight, here, there in pairs
    ]


def _inputs(model: SimilarityModel, pixels: Tensor) -> Tensor:
    network: Any = model.network
    inputs: Tensor = network.normalization(pixels.to(model.device))
    return inputs


def _maps(model: SimilarityModel, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The map of finer places, if there is one, and those that the head reads."""
    network: Any = model.network
    embedder = network.embedder
    own = (FINAL,) if embedder.levels is None else embedder.levels
    finer = finer_level(embedder.backbone)
    found = embedder.feature_maps(inputs, [*([] if finer is None else [finer]), *own])
    return found[: -len(own)], found[-len(own) :]


def finer_level(backbone: Backbone) -> int | None:
    """Number of the highest level whose places are at most half as wide as those of the last; None without one."""
    widest = backbone.levels[-1].reduction
    finer = [number for number, level in enumerate(backbone.levels) if 2 * level.reduction <= widest]
    return finer[-1] if finer else None


def _embeddings(model: SimilarityModel, maps: Sequence[Tensor]) -> list[Tensor]:
    """Per level (B, D) before length 1; one level for a plain embedding."""
    network: Any = model.network
    embedder = network.embedder
    if embedder.reads_levels:
        levels: list[Tensor] = embedder.head.level_embeddings(maps)
        return levels
    return [embedder.head(embedder.pool(maps[0])).float()]


def _hidden(copies: int, seed: int, side: int) -> NDArray[np.bool_]:
    """``(copies, g, g)``; how much of each is hidden is drawn, too."""
    random = stream(seed, "evidence", side)
    cells = _GRID * _GRID
    counts = random.integers(0, round(_MOST_HIDDEN * cells), copies, endpoint=True)
    masks = [cells_mask((_GRID, _GRID), random.permutation(cells)[:count]) for count in counts]
    return np.stack(masks) if masks else np.zeros((0, _GRID, _GRID), dtype=bool)
