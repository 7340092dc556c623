"""An embedding as an exact sum over the positions of its feature map, and what that says about a pair.

A plain embedding is head(pool(map)) / length with a linear head, so each position carries a part of it:
its share of the pooled vector, sent through the head. Distances and similarities of two embeddings are
then exact sums over the positions of both images. Source: Zheng et al., Visual explanation for deep metric
learning, 2019, for average pooling; the other poolings and the distances are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from likewise.errors import ModelError
from likewise.models.pooling import (
    AverageMaxPooling,
    AveragePooling,
    GeneralizedMeanPooling,
    MaxPooling,
)
from likewise.models.projection import Projection


@dataclass(frozen=True)
class EmbeddingParts:
    """Decomposition of a unit embedding.

    Attributes:
        parts: ``(P, D)``, one row per position (row by row of the map); with ``bias`` they sum to the embedding.
        bias: ``(D,)``, what the head's bias adds; zeros without one.
        grid: (h, w) of the map, P = h * w.
        rest: Terms of ``bias`` by name; empty if it is the bias of the head alone.
    """

    parts: Tensor
    bias: Tensor
    grid: tuple[int, int]
    rest: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def embedding(self) -> Tensor:
        """The sum ``(D,)``: length 1 up to rounding."""
        return self.parts.sum(0) + self.bias


def embedding_parts(feature_map: Tensor, pool: nn.Module, head: nn.Module) -> EmbeddingParts:
    """Decompose the embedding of an image over the positions of its last feature map.

    Args:
        feature_map: ``(C, h, w)``.
        pool: One of the poolings of `likewise.models`.
        head: Linear, or any module that is linear up to a constant; in evaluation.

    Returns:
        Parts in float64.
    """
    channels, height, width = feature_map.shape
    shares = pooled_shares(feature_map.double(), pool)
    rows = torch.cat([shares.reshape(channels, -1).T, torch.zeros(1, channels, dtype=torch.float64)])
    sent = _linear(head, rows)
    parts, bias = sent[:-1] - sent[-1], sent[-1]
    length = (parts.sum(0) + bias).norm().clamp_min(1e-12)
    return EmbeddingParts(parts / length, bias / length, (height, width))


def projected_parts(taken: EmbeddingParts, projection: Projection) -> EmbeddingParts:
    """The parts of an embedding behind an affine map: each part is mapped, and the mean has no position.

    Args:
        taken: Parts of the embedding before the map.
        projection: The map.
    """
    center, weight = projection.center.double().cpu(), projection.weight.double().cpu()
    parts, bias, mean = taken.parts @ weight.T, taken.bias @ weight.T, -center @ weight.T
    length = (parts.sum(0) + bias + mean).norm().clamp_min(1e-12)
    rest = {"bias of the last layer": bias / length, "subtracted mean": mean / length}
    return EmbeddingParts(
        parts / length, (bias + mean) / length, taken.grid, rest if projection.centered else {}
    )


def pooled_shares(feature_map: Tensor, pool: nn.Module) -> Tensor:
    """Contribution of each position to each pooled channel: ``(C, h, w)`` whose sum over positions is pool.

    - average: value / number of positions.
    - maximum: all of it at the first position where the maximum is.
    - generalised mean: in proportion to value^p, the terms of the mean.
    - average plus maximum: the sum of both.

    Raises:
        ModelError: Another kind of pooling.
    """
    channels = feature_map.shape[0]
    flat = feature_map.reshape(channels, -1)
    if isinstance(pool, AveragePooling | AverageMaxPooling):
        shares = flat / flat.shape[1]
        if isinstance(pool, AverageMaxPooling):
            shares = shares + _at_maximum(flat)
    elif isinstance(pool, MaxPooling):
        shares = _at_maximum(flat)
    elif isinstance(pool, GeneralizedMeanPooling):
        exponent = pool.exponent.detach().to(flat)
        powers = flat.clamp(min=pool.floor).pow(exponent)
        mean = powers.mean(1, keepdim=True)
        shares = powers / powers.sum(1, keepdim=True) * mean.pow(1 / exponent)
    else:
        raise ModelError(
            f"The pooling {type(pool).__name__} cannot be decomposed by position: use avg, max, gem or avg+max."
        )
    return shares.reshape(feature_map.shape)


@dataclass(frozen=True)
class PairParts:
    """The similarity and the distance of two embeddings as sums over the positions of both images.

    Attributes:
        similarity: Cosine similarity, -1 to 1.
        distance: In the model's own distance.
        similarity_maps: Two maps; each sums, with its entry of ``similarity_rest``, to the similarity. Positive = this
            position shows what the other image shows too; negative = the opposite of it.
        similarity_rest: Contribution of the bias of the head to each.
        distance_maps: Two maps; all of both sum, with ``distance_rest``, to the distance. Positive = pushes the
            images apart, negative = brings them together.
        distance_rest: Contribution of the bias of the head.
        contrast_maps: Two maps: ``similarity_maps`` minus the value of a location of this weight if all locations were
            as similar as the whole images. Positive = more similar than the whole, negative = less; sums to 0
            (with the bias).
        matches: ``(P_a, P_b)`` share of the similarity of each pair of positions.
    """

    similarity: float
    distance: float
    similarity_maps: tuple[Tensor, Tensor]
    similarity_rest: tuple[float, float]
    distance_maps: tuple[Tensor, Tensor]
    distance_rest: float
    contrast_maps: tuple[Tensor, Tensor]
    matches: Tensor


def pair_parts(a: EmbeddingParts, b: EmbeddingParts, distance: str) -> PairParts:
    """Decompose a pair exactly.

    With unit embeddings x and y: ``cosine`` is |x - y|^2 / 2, ``euclidean`` |x - y|, ``snr`` the variance of
    x - y over that of x. Each is <x - y, x - y> times a number, linear in the parts of x and y.

    Args:
        a: Parts of the first image (the anchor of ``snr``).
        b: Parts of the second.
        distance: cosine, euclidean or snr.

    Raises:
        ModelError: Another distance.
    """
    x, y = a.embedding, b.embedding
    difference = x - y
    if distance == "snr":
        difference = difference - difference.mean()
        factor = 1 / (x - x.mean()).square().sum()
    elif distance in ("cosine", "euclidean"):
        square = difference.square().sum()
        factor = torch.tensor(0.5) if distance == "cosine" else 1 / square.sqrt().clamp_min(1e-12)
    else:
        raise ModelError(f"The distance {distance!r} cannot be decomposed by position.")
    value = factor * difference.square().sum()
    slope, cosine = factor * difference, x @ y
    return PairParts(
        similarity=float(cosine),
        distance=float(value),
        similarity_maps=((a.parts @ y).reshape(a.grid), (b.parts @ x).reshape(b.grid)),
        similarity_rest=(float(a.bias @ y), float(b.bias @ x)),
        distance_maps=((a.parts @ slope).reshape(a.grid), -(b.parts @ slope).reshape(b.grid)),
        distance_rest=float((a.bias - b.bias) @ slope),
        contrast_maps=(
            (a.parts @ (y - cosine * x)).reshape(a.grid),
            (b.parts @ (x - cosine * y)).reshape(b.grid),
        ),
        matches=a.parts @ b.parts.T,
    )


def _at_maximum(flat: Tensor) -> Tensor:
    values, where = flat.max(1, keepdim=True)
    return torch.zeros_like(flat).scatter_(1, where, values)


def _linear(head: nn.Module, rows: Tensor) -> Tensor:
    """``head`` in double precision, whatever it is held in."""
    if isinstance(head, nn.Identity):
        return rows
    if isinstance(head, nn.Linear):
        weight = head.weight.detach().double().cpu()
        bias: Any = 0.0 if head.bias is None else head.bias.detach().double().cpu()
        sent: Tensor = rows @ weight.T + bias
        return sent
    raise ModelError(f"The head {type(head).__name__} is not a linear layer, so it cannot be decomposed.")
