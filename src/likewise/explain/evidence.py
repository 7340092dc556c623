"""Evidence for the similarity of two images, at a higher resolution than the last feature map.

The contributions of a pair are exact on the last map, but each of its locations covers much of the image. They are
therefore traced to the map with twice the resolution, where gradient times activation is the first-order contribution
of each value to the shared content. Only positive contributions count. The result is not a sum, but it is more faithful
than the exact contributions and than saliency maps of the same distance (docs/results.md, `likewise audit
faithfulness`).

Source: gradient times activation of a chosen map, positive part only: Selvaraju et al., Grad-CAM, 2017 (there the
channels are weighted by their mean gradient and summed before the cut; here per location and channel).
The scalar and the average over partly hidden copies are ours.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from likewise.avsl.attribution import attribute_nodes
from likewise.errors import ConfigError
from likewise.explain.grids import resize_preserving_sum, sum_on_finest_grid
from likewise.explain.perturbation import cells_mask, hide_each
from likewise.explain.smoothgrad import CPU_ROWS
from likewise.explain.targets import frozen_weights
from likewise.models import SimilarityModel
from likewise.models.backbone import FINAL, Backbone
from likewise.models.projection import Projection
from likewise.progress import passed
from likewise.seeds import stream

HIDING_MASKS = 8
_GRID = 7
_MOST_HIDDEN = 0.7  # of a copy
_GPU_ROWS = 64
_SHORTEST = 1e-12

Map = NDArray[np.float64]


def agreed(alike: Map, traced: Map) -> Map:
    """Geometric mean of the exact contributions and the traced evidence, on the finer of both grids.

    The exact contributions identify the subject that the other image shows, and the evidence has a higher resolution.
    With one subject per image the evidence alone is slightly more faithful, with two much less (docs/results.md).
    Locations with a negative contribution keep it.

    Args:
        alike: Signed exact parts ``(h, w)``.
        traced: Map of :func:`traced_evidence`, ``(h', w')``.

    Returns:
        Signed, in units of both (each value is the contribution of a location of the finer grid).
    """
    size = max(alike.shape, traced.shape, key=lambda grid: grid[0] * grid[1])
    exact, evidence = (
        resize_preserving_sum(torch.from_numpy(values)[None], size)[0].numpy() for values in (alike, traced)
    )
    mean: Map = np.where(exact > 0, np.sqrt(np.clip(exact, 0, None) * evidence), exact)
    return mean


def traced_evidence(
    model: SimilarityModel,
    pixels: Tensor,
    *,
    hiding_masks: int = HIDING_MASKS,
    seed: int = 0,
    second: bool = True,
) -> tuple[Map, Map | None]:
    """Evidence per location of two images for their similarity.

    With unit embeddings x and y of the two, the shared quantity is <x, y> (AVSL: the sum over levels and nodes of
    ``2 weight x y``, with the weights of the pair). It is linear in the pooled features of the first image if its
    norm, the weights and the other image are fixed, and vice versa. The map is the mean over the image and
    ``hiding_masks`` copies of it with up to 70 % hidden; each location counts in the copies where it is visible.
    A location that matters only together with others counts less.

    Args:
        model: A decomposable model (`SimilarityModel.decomposable`).
        pixels: uint8 ``(2, 3, S, S)`` of the model's input size.
        hiding_masks: Partly hidden copies per image, 0 or more.
        seed: Seed of the hiding masks.
        second: Whether the second image has a map, too; each takes as long as the other.

    Returns:
        Two maps ``(h, w)``, the second None if it is not wanted. They are not negative, in units of the shared
        quantity: of the backbone's highest level with at least twice the resolution of its last; of the levels that the
        head reads if there is none, or if the network computes levels beside its path (vision transformers).

    Raises:
        ConfigError: ``hiding_masks`` is negative.
    """
    if hiding_masks < 0:
        raise ConfigError(f"hiding_masks is {hiding_masks}, but must be 0 or more.")
    with frozen_weights(model), torch.enable_grad():
        maps = [
            _evidence(model, directions, pixels[side], _hidden(hiding_masks, seed, side))
            for side, directions in enumerate(_directions(model, pixels)[: 1 + second])
        ]
    return maps[0], maps[1] if second else None


def _evidence(
    model: SimilarityModel, directions: Sequence[Tensor], image: Tensor, hidden: NDArray[np.bool_]
) -> Map:
    """``(h, w)``: mean over an image and its copies under masks of hidden cells ``(K, g, g)``."""
    masks = np.concatenate([np.zeros((1, _GRID, _GRID), dtype=bool), hidden])
    rows = torch.cat([image[None], hide_each(image, hidden)]) if len(hidden) else image[None]
    passes = math.ceil(len(rows) / (CPU_ROWS if model.device.type == "cpu" else _GPU_ROWS))
    evidence = torch.cat([_positive(model, directions, part) for part in torch.tensor_split(rows, passes)])
    visible = torch.from_numpy(~masks).double()[:, None]
    seen = interpolate(visible, evidence.shape[1:], mode="nearest")[:, 0]
    mean: Map = ((evidence * seen).sum(0) / seen.sum(0)).numpy()
    return mean


def _positive(model: SimilarityModel, directions: Sequence[Tensor], rows: Tensor) -> Tensor:
    """``(B, h, w)`` of images ``(B, 3, S, S)``."""
    inputs = _inputs(model, rows).requires_grad_(True)
    fine, read_maps = _maps(model, inputs)
    levels = zip(_embeddings(model, read_maps), directions, strict=True)
    shared = torch.stack([(level * way).sum() for level, way in levels]).sum()
    slopes = torch.autograd.grad(shared, [*fine, *read_maps], allow_unused=True)
    # A map that is only a copy of the features that the network passes on has no gradient.
    on_path = bool(fine) and slopes[0] is not None
    pairs = (
        zip(fine, slopes[:1], strict=True) if on_path else zip(read_maps, slopes[len(fine) :], strict=True)
    )
    positive = [(slope * values).clamp_min(0).sum(1, dtype=torch.float64) for values, slope in pairs]
    passed(3 * len(rows))
    return sum_on_finest_grid(positive).detach().cpu()


@torch.no_grad()
def _directions(model: SimilarityModel, pixels: Tensor) -> list[list[Tensor]]:
    """For each of two images, per level (1, D): the factor of its embedding before normalisation."""
    _, maps = _maps(model, _inputs(model, pixels))
    raw = _embeddings(model, maps)
    lengths = [_length(level) for level in raw]
    units = [level / length for level, length in zip(raw, lengths, strict=True)]
    projection: Projection | None = model.network.embedder.projection  # type: ignore[union-attr,assignment]
    if projection is not None:
        mapped = projection.linear(units[0])
        units, lengths = [mapped / _length(mapped)], [lengths[0] * _length(mapped)]
    weights, power = _weights(model, maps) if model.distance == "avsl" else ([torch.ones(())], None)
    factors: list[list[Tensor]] = []
    for side in (0, 1):
        factors.append([])
        for unit, length, weight in zip(units, lengths, weights, strict=True):
            mine, other = unit[side : side + 1], unit[1 - side : 2 - side]
            # Powers other than 2 have no shared term; the gradient of the distance replaces it.
            pull = other if power is None else (other - mine).sign() * (other - mine).abs() ** power
            pull = weight.to(pull) * pull / length[side : side + 1]
            factors[-1].append(pull if projection is None else pull @ projection.weight)
    return factors


def _length(rows: Tensor) -> Tensor:
    length: Tensor = rows.norm(dim=1, keepdim=True).clamp_min(_SHORTEST)
    return length


def _weights(model: SimilarityModel, maps: Sequence[Tensor]) -> tuple[list[Tensor], float | None]:
    """AVSL: per level (1, D), contribution of a node to the similarity of the pair; and the power of its difference."""
    network: Any = model.network
    distance = network.embedder.head.distance()
    rows = network.embedder.head(maps)
    first, second = distance.unpack(rows[:1]), distance.unpack(rows[1:])
    weights = attribute_nodes(distance, first, second).weights
    if distance.index_p == 2:
        return [2 * weight for weight in weights], None
    return list(weights), distance.index_p - 1


def _inputs(model: SimilarityModel, pixels: Tensor) -> Tensor:
    network: Any = model.network
    inputs: Tensor = network.normalization(pixels.to(model.device))
    return inputs


def _maps(model: SimilarityModel, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The map of higher resolution, if there is one, and those that the head reads."""
    network: Any = model.network
    embedder = network.embedder
    levels = (FINAL,) if embedder.levels is None else embedder.levels
    finer = finer_level(embedder.backbone)
    if finer is None and embedder.levels is None:
        return [], embedder.feature_maps(inputs)
    maps = embedder.feature_maps(inputs, [*([] if finer is None else [finer]), *levels])
    return maps[: -len(levels)], maps[-len(levels) :]


def finer_level(backbone: Backbone) -> int | None:
    """Number of the highest level with at least twice the resolution of the last; None if there is none."""
    widest = backbone.levels[-1].reduction if backbone.levels else 0
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


def _hidden(hiding_masks: int, seed: int, side: int) -> NDArray[np.bool_]:
    """``(copies, g, g)``; how much of each is hidden is drawn, too."""
    random = stream(seed, "evidence", side)
    cells = _GRID * _GRID
    counts = random.integers(0, round(_MOST_HIDDEN * cells), hiding_masks, endpoint=True)
    masks = [cells_mask((_GRID, _GRID), random.permutation(cells)[:count]) for count in counts]
    return np.stack(masks) if masks else np.zeros((0, _GRID, _GRID), dtype=bool)
