"""How should locations be hidden in turn, for a model that only gives embeddings?

    python experiments/black_box_maps.py MODEL CATALOG [--weights FILE] [--split test] [--pairs 24] [--out rows.jsonl]
    python experiments/black_box_maps.py --summary rows.jsonl [rows.jsonl ...]

Estimators of the effect of hiding, each with the same number of forward passes, are judged as in `likewise audit
faithfulness`: a fifth of the image is hidden where the map is largest, and the distance is measured again; once alone,
once beside a distractor. Rows are appended to ``--out``, and a second run goes on behind them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from map_protocol import Map, add_options, measure, print_table
from numpy.typing import NDArray

import likewise
from likewise.audit.explanation_faithfulness.hiding_protocol import GRID
from likewise.explain.pairs import explain_squares
from likewise.explain.perturbation import cells_mask, hide_each
from likewise.explain.sampled_hiding import Masks, on_grid, sampled_effects
from likewise.models import SimilarityModel
from likewise.seeds import stream

SHARE = 0.2
SQUARES = "squares of 3 x 3, 49"
PASSES = (49, 98)


class Pair:
    """One image whose distance to another is measured while parts of it are hidden."""

    def __init__(self, model: SimilarityModel, image: torch.Tensor, other: torch.Tensor, seed: int) -> None:
        self.model, self.image, self.other, self.seed = model, image, other, seed
        self.partner = model.vectors(other[None])
        self.before = model.compare(model.vectors(image[None]), self.partner)[0, 0]

    def changes(self, masks: Masks) -> NDArray[np.float64]:
        """Growth of the distance under each mask."""
        rows = self.model.vectors(hide_each(self.image, masks))
        return (self.model.compare(rows, self.partner)[:, 0] - self.before).astype(np.float64)

    def maps(self) -> dict[str, Map]:
        """Name of the estimator and its passes to its map."""
        found = {SQUARES: squares_map(self.changes)}
        for passes in PASSES:
            for side in (7, 14):
                found[f"smooth blobs, {side} x {side}, {passes}"] = sampled_effects(
                    self.changes, (side, side), passes, seed=self.seed
                ).effects
            masks = scattered(passes, self.seed)
            changes = self.changes(masks)
            found[f"RISE, {passes}"] = rise(masks, changes)
            found[f"linear (kernel SHAP), {passes}"] = linear(masks, changes)
        if self.model.decomposable:
            names = ("image", "other")
            refined = explain_squares(self.model, torch.stack([self.image, self.other]), names).a.refined_map
            found["refined map of explain"] = refined
            for passes in PASSES:
                found[f"blobs, hint refined map, {passes}"] = sampled_effects(
                    self.changes, (GRID, GRID), passes, seed=self.seed, hint=on_grid(refined, GRID)
                ).effects
        return found

    def growths(self, maps: dict[str, Map]) -> dict[str, float]:
        """Name to the growth of the distance when a fifth is hidden; random: mean of three choices."""
        count = round(SHARE * GRID * GRID)
        random = stream(self.seed, "random")
        orders = {
            name: np.argsort(-on_grid(values, GRID), axis=None, kind="stable")
            for name, values in maps.items()
        }
        orders |= {f"random {number}": random.permutation(GRID * GRID) for number in range(3)}
        masks = np.stack([cells_mask((GRID, GRID), order[:count]) for order in orders.values()])
        changes = dict(zip(orders, self.changes(masks).tolist(), strict=True))
        chance = float(np.mean([changes.pop(f"random {number}") for number in range(3)]))
        return {**changes, "random": chance}


def squares_map(changes: Callable[[Masks], NDArray[np.floating]]) -> Map:
    """Squares of 3 x 3 locations hidden in turn; a location is worth the mean effect of those that cover it."""
    row, column = np.indices((GRID, GRID)).reshape(2, -1)
    far = np.maximum(np.abs(row[:, None] - row), np.abs(column[:, None] - column))
    squares = (far <= 1).reshape(-1, GRID, GRID)
    covers = squares.reshape(len(squares), -1).astype(np.float64)
    return (changes(squares) @ covers / covers.sum(0)).reshape(GRID, GRID)


def scattered(count: int, seed: int) -> Masks:
    """Masks of single locations, 1 to 49 of them in complementary pairs, sizes drawn by the Shapley kernel."""
    random = stream(seed, "scattered")
    cells = GRID * GRID
    sizes = np.arange(1, cells)
    weights = 1 / (sizes * (cells - sizes))
    masks = []
    for _ in range((count + 1) // 2):
        mask = cells_mask(
            (GRID, GRID), random.permutation(cells)[: random.choice(sizes, p=weights / weights.sum())]
        )
        masks += [mask, ~mask]
    return np.stack(masks[:count])


def rise(masks: Masks, changes: Map) -> Map:
    """Mean change where a location is hidden minus where it is not."""
    hidden = masks.astype(np.float64)
    with_it = np.tensordot(changes, hidden, 1) / np.maximum(hidden.sum(0), 1)
    without = np.tensordot(changes, 1 - hidden, 1) / np.maximum((1 - hidden).sum(0), 1)
    return with_it - without


def linear(masks: Masks, changes: Map) -> Map:
    """Least squares on masks drawn by the Shapley kernel, with a little ridge where there are too few."""
    hidden = masks.reshape(len(masks), -1).astype(np.float64)
    design = np.concatenate([hidden, np.ones((len(hidden), 1))], 1)
    effects = np.linalg.solve(design.T @ design + 0.1 * np.eye(design.shape[1]), design.T @ changes)
    return effects[:-1].reshape(GRID, GRID)


def main() -> None:
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?")
    parser.add_argument("catalog", nargs="?")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--preprocessing", type=Path)
    add_options(parser, "black_box_maps.jsonl")
    given = parser.parse_args()
    if given.summary:
        print_table(given.summary, SQUARES, "difference", "difference to the squares", minus_map=False)
        return
    model = likewise.load(given.model, given.weights, given.device, preprocessing=given.preprocessing)

    def judge(image: torch.Tensor, other: torch.Tensor, seed: int) -> tuple[dict[str, Map], dict[str, float]]:
        pair = Pair(model, image, other, seed)
        maps = pair.maps()
        return maps, pair.growths(maps)

    measure(model, given, judge)


if __name__ == "__main__":
    main()
