"""One pair of the faithfulness audit: select locations by several methods, hide them, and measure the distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from likewise.audit.explanation_faithfulness.statistics import EXPLANATION, PARTS, RANDOM, SALIENCY, SPECIAL
from likewise.explain import PairExplanation, SaliencySettings, attribute
from likewise.explain.pairs import explain_squares
from likewise.explain.perturbation import HideBy, cells_mask, hide_each, vectors_hidden
from likewise.explain.sampled_hiding import on_grid
from likewise.models import SimilarityModel
from likewise.seeds import derived_seed, stream

GRID = 7
_SHOWN_SHARE = 0.2
Map = NDArray[np.floating]


@dataclass(frozen=True)
class Rankings:
    """The locations of an image selected by each method.

    Attributes:
        explanation: Explanation of the pair.
        maps: Method to its map of the first image, largest = hidden first; not for random locations.
        orders: Method to the cells in the order of hiding: one order, or one per random draw.
    """

    explanation: PairExplanation
    maps: dict[str, Map]
    orders: dict[str, list[NDArray[np.integer]]]


@dataclass(frozen=True)
class HidingProtocol:
    """Protocol of hiding locations of a pair.

    Attributes:
        model: Whose explanations.
        shares: Fractions of the image to hide.
        random_choices: Random choices.
        hiding_masks: Partly hidden copies of the explanation; None: as many as `explain_pair` takes.
        samples: Noisy copies of the saliency.
        seed: Seed of random choices, hiding masks and noise.
        hide_by: "fill", or "tokens" for vision transformers.
    """

    model: SimilarityModel
    shares: tuple[float, ...]
    random_choices: int
    hiding_masks: int | None
    samples: int
    seed: int
    hide_by: HideBy = "fill"

    def rankings(self, pixels: Tensor, names: tuple[str, str], *key: str | int) -> Rankings:
        """Explain the first of two squares ``(2, 3, H, W)`` against the second, and select locations of the first.

        ``key`` identifies the pair in the random choices.
        """
        pair = explain_squares(
            self.model, pixels, names, hiding_masks=self.hiding_masks, seed=self.seed, second=False
        )
        maps: dict[str, Map] = {EXPLANATION: pair.a.refined_map}
        if pair.a.refined_map is not pair.a.similarity_map:
            maps[PARTS] = pair.a.similarity_map
        if pair.kind != "hiding":
            maps[SPECIAL] = pair.a.contrast_map
        if self.model.differentiable:
            maps[SALIENCY] = self._saliency(pixels, *key)
        random = stream(self.seed, "faithfulness", *key)
        orders: dict[str, list[NDArray[np.integer]]] = {
            name: [np.argsort(-on_grid(values, GRID), axis=None, kind="stable")]
            for name, values in maps.items()
        }
        orders[RANDOM] = [random.permutation(GRID * GRID) for _ in range(self.random_choices)]
        return Rankings(pair, maps, orders)

    def changes(self, pixels: Tensor, rankings: Rankings) -> tuple[float, dict[str, NDArray[np.float64]]]:
        """The distance of the pair, and method to its increase (S,); random: mean of the draws."""
        orders = [order for method_orders in rankings.orders.values() for order in method_orders]
        rows = vectors_hidden(self.model, pixels[0], self.masks(orders), self.hide_by)
        distance, measured = self.growths(pixels, rows)
        growths = measured.reshape(len(orders), len(self.shares))
        increases, at = {}, 0
        for name, choices in rankings.orders.items():
            increases[name] = growths[at : at + len(choices)].mean(axis=0)
            at += len(choices)
        return distance, increases

    def masks(self, orders: Sequence[NDArray[np.integer]]) -> NDArray[np.bool_]:
        """The cells that are hidden, (orders x S, GRID, GRID): every share of the first order, then of the next."""
        counts = [max(1, round(share * GRID * GRID)) for share in self.shares]
        return np.stack([cells_mask((GRID, GRID), order[:count]) for order in orders for count in counts])

    def growths(self, pixels: Tensor, hidden: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
        """The distance of two squares, and its increase (M,) when each of M embeddings replaces the first."""
        first, other = np.split(self.model.vectors(pixels), 2)
        distances = self.model.compare(np.concatenate([first, hidden]), other)[:, 0].astype(np.float64)
        return float(distances[0]), distances[1:] - distances[0]

    def _saliency(self, pixels: Tensor, *key: str | int) -> Map:
        """Saliency of the distance between the two images."""
        other = self.model.vectors(pixels[1:])
        settings = SaliencySettings(samples=self.samples)
        seeds = [derived_seed(self.seed, "saliency", *key)]
        maps = attribute(self.model, pixels[:1], settings=settings, targets=other, seeds=seeds)
        saliency: Map = maps[0]
        return saliency


def shown_cells(orders: Mapping[str, Sequence[NDArray[np.integer]]]) -> dict[str, NDArray[np.integer]]:
    """The fifth of the cells that each method hides first (of random choices, the first), for the pictures."""
    count = round(_SHOWN_SHARE * GRID * GRID)
    return {name: choices[0][:count] for name, choices in orders.items()}


def with_hidden(square: Tensor, cells: Mapping[str, NDArray[np.integer]]) -> dict[str, Tensor]:
    """A square (3, H, W) with the cells of each method hidden."""
    masks = np.stack([cells_mask((GRID, GRID), numbers) for numbers in cells.values()])
    return dict(zip(cells, hide_each(square, masks), strict=True))
