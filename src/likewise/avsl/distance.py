"""The top-down distance of an AVSL head, and its exact decomposition.

Per level and node delta = |a - b|^p of the unit embeddings. From low to high
``h^l = P^l delta^l + (1 - P^l) (h^(l-1) What^l)``, and the distance is the sum over nodes of the highest h:
where a node is reliable its own difference counts, elsewhere that of the nodes below it. With unit embeddings
and p = 2 the distance is in 0..4; it is 0 for identical images and symmetric, but not a metric.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from likewise.avsl.representation import Representation, unpack
from likewise.errors import InputError

BLOCK_BYTES = (
    4 * 2**20
)  # of one (rows, columns, D) tensor, of which about six are alive: they stay in the cache


def reliability(product: Tensor, coef: Tensor, bias: Tensor, gamma: float) -> Tensor:
    """P = sigmoid(gamma (coef c c' + bias)), 0..1, of the product c c' of both certainties (..., D)."""
    return torch.sigmoid(gamma * (coef * product + bias))


def node_differences(first: Tensor, second: Tensor, index_p: float) -> Tensor:
    """|first - second|^p node by node; broadcasts (..., D)."""
    difference = first - second
    return difference.square() if index_p == 2 else difference.abs() ** index_p


def top_down(deltas: Sequence[Tensor], reliabilities: Sequence[Tensor], links: Sequence[Tensor]) -> Tensor:
    """The distance from its ingredients.

    Args:
        deltas: per level (..., D), lowest first.
        reliabilities: per level above the lowest (..., D).
        links: per step (D, D), as ``strongest_links`` gives them.

    Returns:
        (...), >= 0.
    """
    flow = deltas[0]
    for delta, reliable, link in zip(deltas[1:], reliabilities, links, strict=True):
        flow = reliable * delta + (1 - reliable) * (flow @ link)
    return flow.sum(dim=-1)


def contributions(
    deltas: Sequence[Tensor], reliabilities: Sequence[Tensor], links: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """The distance as an exact sum over levels and nodes.

    Returns:
        Per level (..., D), lowest first: the contributions (>= 0; their sum over levels and nodes is the
        distance) and the weights a (contribution = a x P x delta, P = 1 at the lowest level).
    """
    weight = torch.ones_like(deltas[-1])
    weights, parts = [weight], []
    for delta, reliable, link in zip(deltas[:0:-1], reliabilities[::-1], links[::-1], strict=True):
        parts.append(weight * reliable * delta)
        weight = (weight * (1 - reliable)) @ link.T
        weights.append(weight)
    parts.append(weight * deltas[0])
    return parts[::-1], weights[::-1]


class Comparison(NamedTuple):
    """The ingredients of the distance of some pairs: per level (..., D), lowest first."""

    deltas: list[Tensor]
    reliabilities: list[Tensor]


@dataclass(frozen=True)
class AVSLDistance:
    """The frozen numbers with which an AVSL model compares; works on flat rows, so stores need not know.

    Attributes:
        links: per step (D, D), normalised.
        coef: per level above the lowest (D,).
        bias: per level above the lowest (D,).
        gamma: steepness of the reliability.
        index_p: power of the node differences.
    """

    links: tuple[Tensor, ...]
    coef: tuple[Tensor, ...]
    bias: tuple[Tensor, ...]
    gamma: float = 10.0
    index_p: float = 2.0

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.links) + 1

    @property
    def dim(self) -> int:
        """Nodes of each level."""
        return len(self.links[0])

    def to(self, where: torch.device | torch.dtype | str) -> "AVSLDistance":
        """The same on another device, or in another precision."""
        return replace(
            self,
            links=tuple(part.to(where) for part in self.links),
            coef=tuple(part.to(where) for part in self.coef),
            bias=tuple(part.to(where) for part in self.bias),
        )

    def unpack(self, flat: Tensor) -> Representation:
        """Flat rows (N, F), unpacked.

        Raises:
            InputError: the rows are not of this model's form.
        """
        return unpack(flat, self.levels, self.dim)

    def ingredients(self, first: Representation, second: Representation) -> Comparison:
        """Differences and reliabilities; the two broadcast: (N, 1, D) against (1, M, D) gives all pairs."""
        deltas = [
            node_differences(a, b, self.index_p)
            for a, b in zip(first.embeddings, second.embeddings, strict=True)
        ]
        certainties = zip(first.certainties, second.certainties, self.coef, self.bias, strict=True)
        return Comparison(
            deltas, [reliability(a * b, coef, bias, self.gamma) for a, b, coef, bias in certainties]
        )

    def differentiable(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances row by row, (N, F), (N, F) -> (N,), through which gradients flow."""
        return top_down(*self.ingredients(self.unpack(first), self.unpack(second)), self.links)

    @torch.no_grad()
    def collapsed_weights(self, certainties: Sequence[Tensor]) -> Tensor:
        """Weights of the squared node differences where every image has the same certainties.

        Then the reliabilities do not depend on the pair, and with differences to the power 2 the distance is the
        squared length of the difference of the embeddings, each node times the root of its weight.

        Args:
            certainties: per level above the lowest (D,).

        Returns:
            (levels x D,), >= 0, lowest level first.
        """
        levels = zip(certainties, self.coef, self.bias, strict=True)
        trust = [reliability(certainty.square(), coef, bias, self.gamma) for certainty, coef, bias in levels]
        parts, _ = contributions([torch.ones_like(self.coef[0])] * self.levels, trust, self.links)
        return torch.cat(parts)

    @torch.no_grad()
    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances row by row: (N, F), (N, F) -> (N,)."""
        if first.shape != second.shape:
            raise InputError(f"Rows of shapes {tuple(first.shape)} and {tuple(second.shape)} do not pair up.")
        return self._quick(self.unpack(first), self.unpack(second))

    @torch.no_grad()
    def compare(self, first: Tensor, second: Tensor, block_bytes: int = BLOCK_BYTES) -> Tensor:
        """All distances (N, F), (M, F) -> (N, M), exactly, in blocks of bounded memory."""
        left, right = self.unpack(first), self.unpack(second)
        result = torch.empty(len(first), len(second), device=first.device)
        pairs = max(1, block_bytes // (4 * self.dim))
        width = max(1, min(len(second), pairs))
        height = max(1, pairs // width)
        for top in range(0, len(first), height):
            rows = slice(top, top + height)
            for start in range(0, len(second), width):
                columns = slice(start, start + width)
                result[rows, columns] = self._quick(left[rows, None], right[None, columns])
        return result

    def _quick(self, first: Representation, second: Representation) -> Tensor:
        """``top_down`` without gradients and with few temporaries, which is what it costs on a CPU."""
        flow = _difference(first.embeddings[0], second.embeddings[0], self.index_p)
        for level, link in enumerate(self.links):
            below = flow @ link
            difference = _difference(first.embeddings[level + 1], second.embeddings[level + 1], self.index_p)
            trust = first.certainties[level] * second.certainties[level]
            trust.mul_(self.gamma * self.coef[level]).add_(self.gamma * self.bias[level]).sigmoid_()
            flow = torch.lerp(below, difference, trust)
        return flow.sum(dim=-1)


def collapse(rows: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Flat AVSL rows ``(N, F)`` as vectors whose squared distance is near the AVSL distance.

    If the reliabilities did not depend on the pair, the AVSL distance would be a weighted squared Euclidean distance
    of the levels' embeddings; with the weights at the gallery's mean certainty it nearly is.

    Args:
        rows: Embeddings of the levels, then certainties.
        factors: ``(levels x D,)`` square roots of the nodes' weights.

    Returns:
        ``(N, levels x D)`` float32.
    """
    return np.ascontiguousarray(rows[:, : len(factors)] * factors, dtype=np.float32)


def _difference(first: Tensor, second: Tensor, index_p: float) -> Tensor:
    """``node_differences`` in place."""
    difference = first - second
    return difference.square_() if index_p == 2 else difference.abs_().pow_(index_p)
