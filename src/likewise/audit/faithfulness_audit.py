"""Are the explanations of a model true? Hide what they name, and see what the distance does.

An image is explained against its nearest neighbour. The places that the explanation names as making the two alike are
hidden, more and more of them, and the distance is measured again. If the explanation is right, the distance grows more
than when as many places are hidden at random, and more than when a saliency map chooses them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from likewise.audit.background_attention import evenly
from likewise.audit.faithfulness_examples import Shown, example_sheet
from likewise.audit.faithfulness_result import (
    EXPLANATION,
    RANDOM,
    SALIENCY,
    SPECIAL,
    Advantage,
    FaithfulnessAudit,
    mean_interval,
)
from likewise.data import Catalog
from likewise.errors import ConfigError, InputError
from likewise.explain import SaliencySettings, attribute, explain_pair
from likewise.explain.hiding import cells_mask, hide_each
from likewise.explain.saliency import as_pixels
from likewise.models import Embeddings, SimilarityModel
from likewise.progress import progress_bar
from likewise.retrieval import distance_of, nearest
from likewise.retrieval.statistics import sign_permutation
from likewise.seeds import derived_seed, stream

GRID = 7
SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
FEWEST_PAIRS = 5
_MOST_IMAGES = 500
_EXAMPLES = 4
_SHOWN_SHARE = 0.2
Map = NDArray[np.floating]


def faithfulness(
    model: SimilarityModel,
    catalog: Catalog,
    pairs: int = 50,
    *,
    shares: Sequence[float] = SHARES,
    draws: int = 5,
    samples: int = 15,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool = False,
) -> FaithfulnessAudit:
    """Hide what explanations name, and measure.

    Args:
        model: Any model. Without gradients there is no saliency to compare with.
        catalog: Images; at most 500, evenly spread, are looked at. Labels are not needed.
        pairs: Images, evenly spread, each explained against its nearest neighbour.
        shares: Of the picture, to be hidden one after the other.
        draws: Random choices for each pair and share.
        samples: Noisy copies of the saliency (SmoothGrad of the pair's own distance).
        seed: Of the random choices and the noise.
        batch_size: Images in one forward pass.
        progress: Show a bar on stderr.

    Raises:
        ConfigError: A number out of range.
        InputError: Fewer than 5 pairs can be made.
    """
    if (
        pairs < FEWEST_PAIRS
        or draws < 1
        or samples < 1
        or not shares
        or not all(0 < share < 1 for share in shares)
    ):
        raise ConfigError(
            f"The audit needs {FEWEST_PAIRS} pairs or more, 1 or more draws and samples, and shares between 0 and 1, "
            f"but got {pairs}, {draws}, {samples} and {', '.join(map(str, shares))}."
        )
    seen = catalog.take(list(evenly(len(catalog), _MOST_IMAGES)))
    embeddings = model.embed(seen, batch_size)
    partners, typical = _neighbors(model, embeddings)
    paths = dict(zip(seen.ids, seen.paths, strict=True))
    chosen = list(evenly(len(embeddings), pairs))
    trial = _Trial(model, tuple(shares), draws, samples, seed)
    found: list[_Found] = []
    with progress_bar("faithfulness", len(chosen), enabled=progress) as bar:
        for number, row in enumerate(chosen):
            ids = (embeddings.ids[row], embeddings.ids[partners[row]])
            found.append(trial.run(number, ids, (paths[ids[0]], paths[ids[1]]), shown=number < _EXAMPLES))
            bar.advance(1)
    changes = {name: np.stack([one.changes[name] for one in found]) / typical for name in found[0].changes}
    errors = [one.error for one in found if one.error is not None]
    return FaithfulnessAudit(
        model=model.name, fingerprint=model.fingerprint, pairs=[one.ids for one in found],
        distances=np.array([one.distance for one in found]), typical=typical, shares=tuple(shares), changes=changes,
        advantages={name: _advantage(changes, name, seed) for name in (RANDOM, SALIENCY) if name in changes},
        additive_error=max(errors) / typical if errors else None,
        example=example_sheet([one.shown for one in found if one.shown is not None]),
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    """One pair: growth of the distance (S,) under each choice of places."""

    ids: tuple[str, str]
    distance: float
    changes: dict[str, NDArray[np.float64]]
    error: float | None
    shown: Shown | None


@dataclass(frozen=True)
class _Trial:
    model: SimilarityModel
    shares: tuple[float, ...]
    draws: int
    samples: int
    seed: int

    def run(self, number: int, ids: tuple[str, str], paths: tuple[Path, Path], *, shown: bool) -> _Found:
        """Explain the first image against the second, and hide places of the first."""
        pair = explain_pair(self.model, *paths, check=False)
        pixels = as_pixels(self.model, paths)
        maps: dict[str, Map] = {EXPLANATION: pair.a.alike}
        if pair.kind != "hiding":  # there the two are one
            maps[SPECIAL] = pair.a.contrast
        if self.model.differentiable:
            maps[SALIENCY] = self._saliency(pixels, number)
        random = stream(self.seed, "faithfulness", number)
        orders = {
            name: [np.argsort(-on_grid(values), axis=None, kind="stable")] for name, values in maps.items()
        }
        orders[RANDOM] = [random.permutation(GRID * GRID) for _ in range(self.draws)]
        distance, growths = self._growths(pixels, [order for own in orders.values() for order in own])
        changes, at = {}, 0
        for name, own in orders.items():
            changes[name] = growths[at : at + len(own)].mean(axis=0)
            at += len(own)
        example = None
        if shown:
            fifth = {name: own[0][: round(_SHOWN_SHARE * GRID * GRID)] for name, own in orders.items()}
            masks = np.stack([cells_mask((GRID, GRID), cells) for cells in fifth.values()])
            example = Shown(pair, dict(zip(fifth, hide_each(pixels[0], masks), strict=True)))
        return _Found(ids, distance, changes, pair.completeness, example)

    def _growths(
        self, pixels: Tensor, orders: Sequence[NDArray[np.integer]]
    ) -> tuple[float, NDArray[np.float64]]:
        """The distance of the two images, and its growth (orders, S) as more cells of the first are hidden."""
        counts = [max(1, round(share * GRID * GRID)) for share in self.shares]
        masks = [cells_mask((GRID, GRID), order[:count]) for order in orders for count in counts]
        rows = self.model.embed(
            torch.cat([pixels, hide_each(pixels[0], np.stack(masks))]), num_workers=0
        ).vectors
        distances = self.model.compare(np.delete(rows, 1, axis=0), rows[1:2])[:, 0].astype(np.float64)
        return float(distances[0]), (distances[1:] - distances[0]).reshape(len(orders), len(counts))

    def _saliency(self, pixels: Tensor, number: int) -> Map:
        """Of the distance between the two: what explains this pair without taking it apart."""
        other = self.model.embed(pixels[1:], num_workers=0).vectors
        settings = SaliencySettings(samples=self.samples)
        seeds = [derived_seed(self.seed, "saliency", number)]
        maps = attribute(self.model, pixels[:1], settings=settings, targets=other, seeds=seeds)
        own: Map = maps[0]
        return own


def on_grid(values: Map) -> NDArray[np.float64]:
    """A map of any size as means over the cells that are hidden."""
    tensor = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
    cells: NDArray[np.float64] = adaptive_avg_pool2d(tensor[None, None], GRID)[0, 0].numpy()
    return cells


def _neighbors(model: SimilarityModel, embeddings: Embeddings) -> tuple[list[int], float]:
    """The nearest other image of each, and the mean distance of two images."""
    if len(embeddings) < FEWEST_PAIRS:
        raise InputError(
            f"The audit needs {FEWEST_PAIRS} images or more, but only {len(embeddings)} of the catalog can be read."
        )
    found = nearest(embeddings.vectors, k=1, distance=distance_of(model))
    some = embeddings.vectors[list(evenly(len(embeddings), 100))]
    distances = model.compare(some, some)
    apart = distances[~np.eye(len(some), dtype=bool)]
    if not apart.mean() > 0:
        raise InputError(f"'{model.name}' puts all images at one place, so there is nothing to explain.")
    return found.indices[:, 0].tolist(), float(apart.mean())


def _advantage(changes: dict[str, NDArray[np.float64]], over: str, seed: int) -> Advantage:
    differences = (changes[EXPLANATION] - changes[over]).mean(axis=1)
    return Advantage(
        over=over,
        difference=float(differences.mean()),
        interval=mean_interval(differences),
        p_value=sign_permutation(differences, seed=seed),
        wins=float((differences > 0).mean()),
    )
