"""Attribution of an AVSL distance: an exact sum of parts.

Over nodes: every (level, node) contributes ``a P delta >= 0``. Over regions: since a node's embedding entry
is the mean of its activation map, each contribution splits further, linearly, over the positions of both
maps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.avsl.distance import AVSLDistance, contributions
from likewise.avsl.head import AVSLDetail
from likewise.avsl.representation import Representation


@dataclass(frozen=True)
class NodeAttribution:
    """Decomposition of N pairs over levels and nodes, lowest level first.

    Attributes:
        contributions: per level (N, D), >= 0; summed over levels and nodes they are the distance.
        weights: per level (N, D), how much of a node's own difference arrives in the distance, ``a P``
            (P = 1 at the lowest level); contribution = weight x delta.
    """

    contributions: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]

    def shared(self, first: Representation, second: Representation) -> tuple[Tensor, ...]:
        """Per level (N, D): ``2 weight a b``, what each node finds in both images; only for the power 2.

        A contribution is ``weight (a^2 + b^2)`` less this: positive parts hold the images together.
        """
        pairs = zip(self.weights, first.embeddings, second.embeddings, strict=True)
        return tuple(2 * weight * a * b for weight, a, b in pairs)

    def total(self) -> Tensor:
        """The distances (N,): the sum of all parts."""
        return torch.stack([level.sum(dim=1) for level in self.contributions]).sum(dim=0)

    def level_shares(self) -> Tensor:
        """(N, levels): each level's share of the distance; rows sum to 1 (to 0 where the distance is 0)."""
        sums = torch.stack([level.sum(dim=1) for level in self.contributions], dim=1)
        return sums / sums.sum(dim=1, keepdim=True).clamp_min(torch.finfo(sums.dtype).tiny)


@dataclass(frozen=True)
class LinkFlow:
    """Flow of the distances of N pairs through the nodes, lowest level first.

    Attributes:
        carried: per level (N, D), >= 0, the part of the distance that arrives through a node: its own
            contribution and what it takes from below. The highest level's sum to the distance.
        flows: per step (N, D, D), >= 0, the part that goes from a lower node (row) to a higher one (column).
            Summed over columns it is what the lower node carries.
    """

    carried: tuple[Tensor, ...]
    flows: tuple[Tensor, ...]


@dataclass(frozen=True)
class RegionAttribution:
    """Decomposition of N pairs over the positions of both images' maps, lowest level first.

    Attributes:
        first: per level (N, h, w): signed parts of the distance that the first image's positions carry.
        second: per level (N, h, w): the same for the second image. All of both sum to the distance.
        shared_first: per level (N, h, w): signed parts of ``2 sum weight a b``, what the two images have in
            common, at the first image's positions: large at shared content. Sums to the
            same number as ``shared_second`` level by level; only for node differences to the power 2.
        shared_second: the same at the second image's positions.
        contrast_first: per level (N, h, w): first-order increase of the distance if a position of the first image
            were removed, with fixed reliabilities. Positive = more similar than the rest; sums to 0.
        contrast_second: the same at the second image's positions.
    """

    first: tuple[Tensor, ...]
    second: tuple[Tensor, ...]
    shared_first: tuple[Tensor, ...]
    shared_second: tuple[Tensor, ...]
    contrast_first: tuple[Tensor, ...]
    contrast_second: tuple[Tensor, ...]

    def total(self) -> Tensor:
        """The distances (N,): the sum over all levels and positions of both images."""
        return torch.stack([part.sum(dim=(1, 2)) for part in (*self.first, *self.second)]).sum(dim=0)


def attribute_nodes(distance: AVSLDistance, first: Representation, second: Representation) -> NodeAttribution:
    """Decomposes N pairs (row i of both) over levels and nodes."""
    deltas, reliabilities = distance.ingredients(first, second)
    parts, flowing = contributions(deltas, reliabilities, distance.links)
    weights = [flowing[0], *(weight * gate for weight, gate in zip(flowing[1:], reliabilities, strict=True))]
    return NodeAttribution(tuple(parts), tuple(weights))


def attribute_links(distance: AVSLDistance, first: Representation, second: Representation) -> LinkFlow:
    """Follows the distances of N pairs (row i of both) along the links."""
    deltas, reliabilities = distance.ingredients(first, second)
    _, weights = contributions(deltas, reliabilities, distance.links)
    arriving = deltas[0]
    carried, flows = [weights[0] * arriving], []
    for level, (delta, reliable, link) in enumerate(
        zip(deltas[1:], reliabilities, distance.links, strict=True), 1
    ):
        passed = (1 - reliable) * weights[level]
        flows.append(arriving[:, :, None] * link * passed[:, None, :])
        arriving = reliable * delta + (1 - reliable) * (arriving @ link)
        carried.append(weights[level] * arriving)
    return LinkFlow(tuple(carried), tuple(flows))


def attribute_regions(distance: AVSLDistance, first: AVSLDetail, second: AVSLDetail) -> RegionAttribution:
    """Decomposes N pairs (row i of both) over the positions of both images' activation maps.

    With the pair's weights held, a node's part is ``weight |a - b|^(p-1) sign(a - b) (a - b)``, and a and b
    are means of their maps: the first image's positions carry the term in a, the second's the term in -b.
    """
    weights = attribute_nodes(distance, first.representation, second.representation).weights
    parts: list[list[Tensor]] = [[], [], [], [], [], []]
    for level, weight in enumerate(weights):
        a, b = first.representation.embeddings[level], second.representation.embeddings[level]
        difference = a - b
        slope = weight * difference.sign() * difference.abs() ** (distance.index_p - 1)
        parts[0].append(_over_positions(slope, first.maps[level]))
        parts[1].append(_over_positions(-slope, second.maps[level]))
        if distance.index_p == 2:
            parts[2].append(_over_positions(2 * weight * b, first.maps[level]))
            parts[3].append(_over_positions(2 * weight * a, second.maps[level]))
        # The first term is the renormalisation of the rest without this position.
        for side, (values, pull) in enumerate(
            ((a, distance.index_p * slope), (b, -distance.index_p * slope))
        ):
            factor = (pull * values).sum(dim=1, keepdim=True) * values - pull
            parts[4 + side].append(_over_positions(factor, (first, second)[side].maps[level]))
    return RegionAttribution(*(tuple(part) for part in parts))


def _over_positions(per_node: Tensor, maps: Tensor) -> Tensor:
    """(N, D) node factors and (N, D, h, w) maps -> (N, h, w) whose sum is ``sum_j factor_j mean(map_j)``."""
    positions = maps.shape[2] * maps.shape[3]
    return torch.einsum("nd,ndhw->nhw", per_node, maps) / positions
