"""Which map of a vision transformer names the locations that matter for the similarity of two images?

    python experiments/token_maps.py BACKBONE WEIGHTS CATALOG [--side 224] [--split test] [--pairs 24]

For images and their nearest neighbours, a fifth of the image is hidden by each map, and the distance is measured again,
as in `likewise audit faithfulness`; once alone, once beside a distractor. Compared are the exact parts that `likewise
explain` shows, and what could refine or replace them: parts of single blocks, means over partly hidden copies, gradient
times token inside the network (also with attention and norms held, as in AttnLRP, Achtibat et al. 2024), attention
rollout (Abnar & Zuidema 2020), gradient-weighted attention (Chefer, Gur & Wolf 2021), and geometric means of these with
the parts. timm networks with one class token only.
"""

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from tqdm import tqdm

import likewise
from likewise.audit.explanation_faithfulness.audit import neighbors
from likewise.audit.explanation_faithfulness.hiding_protocol import GRID, on_grid
from likewise.audit.explanation_faithfulness.pointing_game import mosaic, share_on_half
from likewise.data import Preprocessing
from likewise.data.sampling import evenly_spaced
from likewise.explain.parts import pair_parts
from likewise.explain.perturbation import cells_mask, hide_each
from likewise.explain.saliency import as_pixels
from likewise.explain.targets import frozen_weights
from likewise.explain.token_parts import token_parts
from likewise.models import ModelSpec, SimilarityModel, build
from likewise.models.token_blocks import token_chains
from likewise.models.token_hold import Held
from likewise.models.token_trace import shared_copy, trace_tokens

Map = NDArray[np.float64]
SHARE = 0.2
COPIES = 8
BLOCKS = (4, 8, 10)


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
        direction = partner.embedding.float()
        parts = pair.similarity_maps[0].numpy()
        copies, seen = hidden_copies(image, seed)
        blocks = parts_of_blocks(model, copies, direction)
        visible = interpolate(torch.from_numpy(seen).double()[:, None], parts.shape, mode="nearest")[
            :, 0
        ].numpy()
        found = {
            "exact parts": parts,
            "contrast": pair.contrast_maps[0].numpy(),
            "parts of the last two blocks": blocks[0, -2:].sum(0),
            "parts of the first half": blocks[0, : blocks.shape[1] // 2].sum(0),
            f"parts, mean of {COPIES} copies": (blocks.sum(1) * visible).sum(0) / visible.sum(0),
            **attention_maps(model, image, direction),
        }
        plain, held = (gradients(model, image, direction, mode) for mode in (nullcontext, AllHeld))
        for number in BLOCKS:
            found[f"gradient x token, block {number}"] = plain[number]
            found[f"the same, held, block {number}"] = held[number]
    found["parts * chefer"] = together(parts, found["chefer"])
    found["parts * held, block 8"] = together(parts, held[8])
    found["parts * held, block 10"] = together(parts, held[10])
    return found


def parts_of_blocks(model: SimilarityModel, images: Tensor, direction: Tensor) -> NDArray[np.float64]:
    """``(B, blocks, h, w)``: what each block's attention writes to the class token, along a direction."""
    network: Any = model.network
    trace = trace_tokens(network.embedder, network.normalization(images))
    with torch.enable_grad():
        (slope,) = torch.autograd.grad((trace.embeddings * direction).sum(), trace.tokens, retain_graph=True)
    first = torch.tensor([0])
    rows = [
        torch.einsum("bd,btd->bt", slope[:, 0], ran.attention_added(attention, first)[:, 0])[
            :, trace.prefix :
        ]
        for ran, attention in zip(trace.passes, trace.attentions, strict=True)
    ]
    values: NDArray[np.float64] = torch.stack(rows, 1).detach().double().numpy()
    return values.reshape(*values.shape[:2], *trace.grid)


def gradients(
    model: SimilarityModel, image: Tensor, direction: Tensor, mode: Callable[[], Any]
) -> dict[int, Map]:
    """Block to gradient times token at its input, positive part summed over channels."""
    network: Any = model.network
    twin = shared_copy(network.embedder)
    tokens: list[Tensor] = []
    blocks = token_chains(twin)[0]
    for block in blocks:
        block.module.register_forward_pre_hook(lambda _, args: tokens.append(args[0]))
    inputs = network.normalization(image[None]).requires_grad_(True)
    with torch.enable_grad(), mode():
        shared = (twin(inputs) * direction).sum()
    slopes = torch.autograd.grad(shared, tokens)
    side = round((tokens[0].shape[1] - 1) ** 0.5)
    found = {}
    for number in BLOCKS:
        added = (tokens[number] * slopes[number]).detach()[0, 1:]
        found[number] = added.clamp_min(0).sum(1).double().numpy().reshape(side, side)
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
    eye = torch.eye(weights[0].shape[-1])
    rollout, relevance = eye, eye
    for attention, slope in zip(weights, slopes, strict=True):
        shares = attention.detach()[0]
        rollout = (shares.mean(0) + eye) / 2 @ rollout
        relevance = relevance + (shares * slope[0]).clamp_min(0).mean(0) @ relevance
    side = round((len(eye) - 1) ** 0.5)
    return {
        name: rows[0, 1:].double().numpy().reshape(side, side)
        for name, rows in (("rollout", rollout), ("chefer", relevance))
    }


def hidden_copies(image: Tensor, seed: int) -> tuple[Tensor, NDArray[np.bool_]]:
    """The image and copies with up to 70 % hidden, and which cells of each are visible."""
    random = np.random.default_rng(seed)
    cells = GRID * GRID
    counts = random.integers(0, round(0.7 * cells), COPIES)
    masks = np.stack([cells_mask((GRID, GRID), random.permutation(cells)[:count]) for count in counts])
    visible = np.concatenate([np.ones((1, GRID, GRID), dtype=bool), ~masks])
    return torch.cat([image[None], hide_each(image, masks)]), visible


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
    orders = {name: [np.argsort(-on_grid(values), axis=None, kind="stable")] for name, values in maps.items()}
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
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backbone")
    parser.add_argument("weights", type=Path)
    parser.add_argument("catalog")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--split")
    parser.add_argument("--pairs", type=int, default=24)
    given = parser.parse_args()
    crop = Preprocessing(resize_px=round(given.side * 8 / 7), crop_px=given.side)
    model = build(
        ModelSpec(
            backbone=given.backbone, pooling="native", dim=None, weights=given.weights, preprocessing=crop
        )
    )
    catalog = likewise.Catalog.read(given.catalog)
    catalog = catalog.select(split=given.split) if given.split else catalog
    seen = catalog.take(list(evenly_spaced(len(catalog), 300)))
    embeddings = model.embed(seen)
    partners, typical = neighbors(model, embeddings)
    paths = dict(zip(seen.ids, seen.paths, strict=True))
    tables: dict[str, dict[str, list[float]]] = {"alone": {}, "halves": {}, "on own half": {}}
    for row in tqdm(list(evenly_spaced(len(embeddings), given.pairs))):
        far = (row + len(embeddings) // 2) % len(embeddings)
        names = [embeddings.ids[number] for number in (row, partners[row], far)]
        own, other, stranger = as_pixels(model, [paths[name] for name in names])
        right = bool(row % 2)
        for kind, image in (("alone", own), ("halves", mosaic(own, stranger, right=right))):
            maps = maps_of(model, image, other, row)
            for name, growth in growths(model, image, other, maps, row).items():
                tables[kind].setdefault(name, []).append(100 * growth / typical)
            if kind == "halves":
                for name, values in maps.items():
                    tables["on own half"].setdefault(name, []).append(
                        100 * share_on_half(values, right=right)
                    )
    print(f"{given.backbone}, {given.pairs} pairs: growth in per cent of the usual distance, 95 % interval")
    print("| map | alone | two subjects | on its own half |\n|---|---|---|---|")
    for name in sorted(tables["alone"], key=lambda each: -np.mean(tables["alone"][each])):
        cells = [interval(tables[kind].get(name)) for kind in tables]
        print(f"| {name} | {' | '.join(cells)} |")


def interval(values: list[float] | None) -> str:
    """Mean and half the width of its 95 % interval."""
    if not values:
        return ""
    return f"{np.mean(values):.0f} ± {1.96 * np.std(values, ddof=1) / len(values) ** 0.5:.0f}"


if __name__ == "__main__":
    main()
