"""Which map of a vision transformer names the locations that matter for the similarity of two images?

    python experiments/token_maps.py BACKBONE WEIGHTS CATALOG [--split test] [--pairs 24] [--out rows.jsonl]
    python experiments/token_maps.py --summary rows.jsonl [rows.jsonl ...]

For images and their nearest neighbours, a fifth of the image is hidden by each map, and the distance is measured again,
as in `likewise audit faithfulness`; once alone, once beside a distractor. Compared are the exact parts, hiding and
measuring with and without a map of the inside as a hint, products of both, gradient times token in the network (also
with attention and norms held, as in AttnLRP, Achtibat et al. 2024), attention rollout (Abnar & Zuidema 2020),
gradient-weighted attention (Chefer, Gur & Wolf 2021) and SmoothGrad of the distance. timm networks with one class token
only. Rows are appended to ``--out``; a second run goes on behind them.
"""

import argparse
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from black_box_maps import squares_map
from map_protocol import Map, add_options, measure, print_table
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from likewise.audit.explanation_faithfulness.hiding_protocol import GRID
from likewise.data import Preprocessing
from likewise.explain import SaliencySettings, attribute
from likewise.explain.parts import pair_parts
from likewise.explain.perturbation import HideBy, cells_mask, hide_each, vectors_hidden
from likewise.explain.sampled_hiding import on_grid, sampled_effects
from likewise.explain.targets import frozen_weights
from likewise.explain.token_parts import token_parts
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.token_blocks import token_chains
from likewise.models.token_hold import Held
from likewise.models.token_trace import shared_copy
from likewise.seeds import derived_seed

SHARE = 0.2
BLOCKS = (4, 8, 10)
PASSES = (49, 98, 196)


class AllHeld(Held):
    """Attention weights and norms held in the whole network."""

    def __init__(self) -> None:
        super().__init__()
        self.tail = True


def maps_of(model: SimilarityModel, image: Tensor, other: Tensor, seed: int) -> dict[str, Map]:
    """Name to map of the first image."""
    with frozen_weights(model):
        own, partner = token_parts(model, torch.stack([image, other]))
        pair = pair_parts(own, partner, "cosine")
        direction = partner.embedding.float().to(model.device)
        parts = pair.similarity_maps[0].cpu().numpy()
        inside = {
            "exact parts": parts,
            "exact parts against the mean": pair.contrast_maps[0].cpu().numpy(),
            **attention_maps(model, image, direction),
            **gradient_maps(model, image, direction),
        }
    measured = measured_maps(model, image, other, inside, seed)
    products = {
        f"{first} * {second}": together(inside[first], finer(measured[second], parts.shape))
        for first in ("exact parts", "exact parts against the mean")
        for second in ("occlusion, 49 passes", "blobs, 98 passes")
    }
    return inside | measured | products


def measured_maps(
    model: SimilarityModel, image: Tensor, other: Tensor, hints: dict[str, Map], seed: int
) -> dict[str, Map]:
    """Maps that hide and measure, some with a map of the inside as a hint; and the saliency of the distance."""
    partner = model.vectors(other[None])
    before = model.compare(model.vectors(image[None]), partner)[0, 0]

    def distances(rows: NDArray[np.float32]) -> NDArray[np.floating]:
        return model.compare(rows, partner)[:, 0]

    def grown(masks: NDArray[np.bool_], hide_by: HideBy) -> NDArray[np.float64]:
        return (distances(vectors_hidden(model, image, masks, hide_by)) - before).astype(np.float64)

    def blobs(passes: int, hint: str | None = None, hide_by: HideBy = "fill") -> Map:
        changes = partial(grown, hide_by=hide_by)
        known = None if hint is None else on_grid(hints[hint], GRID)
        return sampled_effects(changes, (GRID, GRID), passes, seed=seed, hint=known).effects

    found: dict[str, Map] = {"occlusion, 49 passes": squares_map(partial(grown, hide_by="fill"))}
    for passes in PASSES:
        found[f"blobs, {passes} passes"] = blobs(passes)
        for hint in ("exact parts", "chefer"):
            found[f"blobs, hint {hint}, {passes} passes"] = blobs(passes, hint)
    found["blobs of tokens, 98 passes"] = blobs(98, hide_by="tokens")
    settings = SaliencySettings(samples=25)
    noise = [derived_seed(seed, "saliency")]
    found["SmoothGrad"] = attribute(model, image[None], settings=settings, targets=partner, seeds=noise)[0]
    return found


def finer(values: Map, grid: tuple[int, ...]) -> Map:
    """A map on a finer grid."""
    scaled = interpolate(torch.from_numpy(values)[None, None], grid, mode="bilinear", align_corners=False)
    found: Map = scaled[0, 0].numpy()
    return found


def gradient_maps(model: SimilarityModel, image: Tensor, direction: Tensor) -> dict[str, Map]:
    """Gradient times token at the input of some blocks, positive part summed over channels."""
    network: Any = model.network
    found = {}
    for name, mode in (("gradient x token", nullcontext), ("held gradient x token", AllHeld)):
        twin = shared_copy(network.embedder)
        tokens: list[Tensor] = []
        for block in token_chains(twin)[0]:
            block.module.register_forward_pre_hook(lambda _, args, seen=tokens: seen.append(args[0]))
        inputs = network.normalization(image[None]).requires_grad_(True)
        with torch.enable_grad(), mode():
            shared = (twin(inputs) * direction).sum()
        slopes = torch.autograd.grad(shared, tokens)
        side = round((tokens[0].shape[1] - 1) ** 0.5)
        for number in BLOCKS:
            added = (tokens[number] * slopes[number]).detach()[0, 1:].clamp_min(0).sum(1)
            found[f"{name}, block {number}"] = added.double().cpu().numpy().reshape(side, side)
    return found


def attention_maps(model: SimilarityModel, image: Tensor, direction: Tensor) -> dict[str, Map]:
    """Rollout and Chefer's relevance of the class token."""
    network: Any = model.network
    twin = shared_copy(network.embedder)
    weights: list[Tensor] = []
    for block in token_chains(twin)[0]:
        attention: Any = block.module.attn
        attention.fused_attn = False
        attention.attn_drop.register_forward_hook(lambda _, __, output: weights.append(output))
    inputs = network.normalization(image[None]).requires_grad_(True)
    with torch.enable_grad():
        slopes = torch.autograd.grad((twin(inputs) * direction).sum(), weights)
    eye = torch.eye(weights[0].shape[-1], device=image.device)
    rollout, relevance = eye, eye
    for attention, slope in zip(weights, slopes, strict=True):
        shares = attention.detach()[0]
        rollout = (shares.mean(0) + eye) / 2 @ rollout
        relevance = relevance + (shares * slope[0]).clamp_min(0).mean(0) @ relevance
    side = round((len(eye) - 1) ** 0.5)
    return {
        name: rows[0, 1:].double().cpu().numpy().reshape(side, side)
        for name, rows in (("rollout", rollout), ("chefer", relevance))
    }


def together(*maps: Map) -> Map:
    """Geometric mean of positive parts."""
    positive = [np.clip(values, 0, None) for values in maps]
    product: Map = np.prod([values / max(values.sum(), 1e-12) for values in positive], 0) ** (1 / len(maps))
    return product


def growths(
    model: SimilarityModel, image: Tensor, other: Tensor, maps: dict[str, Map], seed: int
) -> dict[str, float]:
    """Name to the growth of the distance when a fifth is hidden; "random" is the mean of three choices."""
    random = np.random.default_rng(seed)
    orders = {
        name: [np.argsort(-on_grid(values, GRID), axis=None, kind="stable")] for name, values in maps.items()
    }
    orders["random"] = [random.permutation(GRID * GRID) for _ in range(3)]
    chosen = [(name, order[: round(SHARE * GRID * GRID)]) for name, rows in orders.items() for order in rows]
    hidden = hide_each(image, np.stack([cells_mask((GRID, GRID), cells) for _, cells in chosen]))
    rows = model.vectors(torch.cat([other[None], image[None], hidden]))
    distances = model.compare(rows[1:], rows[:1])[:, 0]
    found: dict[str, list[float]] = {}
    for (name, _), distance in zip(chosen, distances[1:], strict=True):
        found.setdefault(name, []).append(float(distance - distances[0]))
    return {name: float(np.mean(values)) for name, values in found.items()}


def main() -> None:
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backbone", nargs="?")
    parser.add_argument("weights", type=Path, nargs="?")
    parser.add_argument("catalog", nargs="?")
    parser.add_argument("--side", type=int, default=224)
    add_options(parser, "token_maps.jsonl")
    given = parser.parse_args()
    if given.summary:
        print_table(given.summary, "exact parts", "parts minus it", "exact parts minus each", minus_map=True)
        return
    crop = Preprocessing(resize_px=round(given.side * 8 / 7), crop_px=given.side)
    spec = ModelSpec(
        backbone=given.backbone, pooling="native", dim=None, weights=given.weights, preprocessing=crop
    )
    model = build(spec).to(torch.device(given.device))

    def judge(image: Tensor, other: Tensor, seed: int) -> tuple[dict[str, Map], dict[str, float]]:
        maps = maps_of(model, image, other, seed)
        return maps, growths(model, image, other, maps, seed)

    measure(model, given, judge)


if __name__ == "__main__":
    main()
