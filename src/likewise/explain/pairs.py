"""Explanation of a pair of images, for every model.

Plain models are decomposed exactly over the positions of both feature maps (`parts.py`), vision transformers over
their image tokens (`token_parts.py`), AVSL models over nodes, levels and positions
(`likewise.avsl.explanation.pairs`). Other models are explained by hiding locations and measuring.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.arguments import checked
from likewise.bounds import DrawsOrZero, InnerShare, Seed
from likewise.errors import ModelError
from likewise.explain.evidence import HIDING_MASKS, agreed, traced_evidence
from likewise.explain.exact_parts import exact_parts
from likewise.explain.pair_types import Map, Match, PairExplanation, Side, as_picture
from likewise.explain.parts import EmbeddingParts, pair_parts
from likewise.explain.perturbation import HideBy, hide_each, hiding_check
from likewise.explain.targets import frozen_weights, usable_vectors
from likewise.models import SimilarityModel
from likewise.models.pictures import Picture, check_picture, is_path, square

_GRID = 7  # locations per side when they are hidden in turn,
_REACH = 1  # each with its neighbours this far: a single location changes too little
_MATCHES = 5


@checked
def explain_pair(
    model: SimilarityModel,
    a: Picture,
    b: Picture,
    *,
    check: bool = True,
    share: InnerShare = 0.2,
    hiding_masks: DrawsOrZero = HIDING_MASKS,
    seed: Seed = 0,
    hide_by: HideBy = "fill",
) -> PairExplanation:
    """Explain the distance of two images.

    Args:
        model: Any model; those whose embedding cannot be decomposed (ONNX files, networks of unknown form) are
            explained by hiding locations.
        a: Any image: a path, PIL image, array or tensor, as for ``model.embed``; the anchor if the distance
            is not symmetric.
        b: The image it is compared with.
        check: Also hide the named locations and as many random ones, to check whether the explanation holds
            (22 more forward passes).
        share: Fraction of the image hidden for the check.
        hiding_masks: Partly hidden copies of each image behind its ``refined_map``; each costs a
            forward and a backward pass. Not used for vision transformers.
        seed: Seed of the random locations and of the hiding masks.
        hide_by: How locations are hidden for the check: "fill" paints them over, "tokens" drops the tokens of a
            vision transformer.

    Raises:
        ConfigError: The model has no tokens that can be dropped, or ``share`` or ``hiding_masks`` is out of range.
        ImageError: A file cannot be read.
        InputError: One of the two is not an image.
    """
    names = _names(a, b)
    for picture, name in zip((a, b), names, strict=True):
        check_picture(picture, name)
    pixels = torch.stack([square(model.preprocessing, *each) for each in zip((a, b), names, strict=True)])
    explained = explain_squares(model, pixels, names, hiding_masks=hiding_masks, seed=seed)
    if not check:
        return explained
    with frozen_weights(model), torch.no_grad():
        first = hiding_check(
            model, pixels[0], pixels[1], explained.a.refined_map, share=share, seed=seed, hide_by=hide_by
        )
        second = hiding_check(
            model, pixels[1], pixels[0], explained.b.refined_map, share=share, seed=seed, hide_by=hide_by
        )
    return replace(
        explained,
        a=replace(explained.a, faithfulness=first),
        b=replace(explained.b, faithfulness=second),
    )


def explain_squares(
    model: SimilarityModel,
    pixels: Tensor,
    names: tuple[str, str],
    *,
    hiding_masks: int = HIDING_MASKS,
    seed: int = 0,
) -> PairExplanation:
    """Explain the distance of two images as the model sees them: uint8 ``(2, 3, S, S)``, S its own size."""
    traced = (
        traced_evidence(model, pixels, hiding_masks=hiding_masks, seed=seed) if model.decomposable else None
    )
    with frozen_weights(model), torch.no_grad():
        if traced is not None and model.distance == "avsl":
            from likewise.avsl.explanation.pairs import explain_nodes

            return explain_nodes(model, pixels, names, traced)
        try:
            taken = exact_parts(model, pixels)
        except ModelError as error:
            if model.decomposable:
                raise
            return _by_hiding(model, pixels, names, str(error))
        # Parts over tokens are as faithful as any map derived from them (docs/results.md).
        return _of_parts(model, pixels, names, taken, traced)


def _of_parts(
    model: SimilarityModel,
    pixels: Tensor,
    names: tuple[str, str],
    taken: Sequence[EmbeddingParts],
    traced: tuple[Map, Map] | None,
) -> PairExplanation:
    """A pair of decomposed embeddings: over positions with traced evidence, over tokens without."""
    parts = pair_parts(taken[0], taken[1], model.distance)
    # The model's own way from pixels to distance, which the parts must add up to.
    rows = usable_vectors(model, pixels, names)
    distance = float(model.compare(rows[:1], rows[1:])[0, 0])
    total = float(parts.distance_maps[0].sum() + parts.distance_maps[1].sum()) + parts.distance_rest
    sides = []
    for side, other in enumerate(reversed(taken)):
        similarity, apart, contrast = (
            maps[side].numpy() for maps in (parts.similarity_maps, parts.distance_maps, parts.contrast_maps)
        )
        unlocated = {name: float(term @ other.embedding) for name, term in taken[side].rest.items()}
        refined = similarity if traced is None else agreed(similarity, traced[side])
        picture = as_picture(pixels[side])
        sides.append(Side(names[side], picture, similarity, apart, contrast, refined, unlocated=unlocated))
    a, b = sides
    return PairExplanation(
        a=a, b=b, model=model.name, distance=distance, distance_name=model.distance,
        similarity=parts.similarity, kind="tokens" if traced is None else "positions", table=places_table(a, b),
        matches=_matches(parts.matches.numpy(), a, b), rest=parts.distance_rest, completeness=abs(total - distance),
    )  # fmt: skip


def _by_hiding(
    model: SimilarityModel, pixels: Tensor, names: tuple[str, str], reason: str
) -> PairExplanation:
    x, y = np.split(usable_vectors(model, pixels, names), 2)
    distance = float(model.compare(x, y)[0, 0])
    grids = [
        hiding_map(model, pixels[0], lambda rows: model.compare(rows, y)[:, 0]),
        hiding_map(model, pixels[1], lambda rows: model.compare(x, rows)[0]),
    ]
    a, b = (
        Side(names[side], as_picture(pixels[side]), grids[side], -grids[side], grids[side], grids[side])
        for side in (0, 1)
    )
    cosine = float(np.dot(x[0], y[0]) / max(float(np.linalg.norm(x) * np.linalg.norm(y)), 1e-12))
    return PairExplanation(
        a=a, b=b, model=model.name, distance=distance, distance_name=model.distance, similarity=cosine,
        kind="hiding", table=places_table(a, b), inexact_reason=reason,
    )  # fmt: skip


def hiding_map(
    model: SimilarityModel, pixels: Tensor, distances: Callable[[NDArray[np.float32]], NDArray[np.floating]]
) -> Map:
    """How much each location of an image ``(3, S, S)`` increases a distance when it is hidden: ``(7, 7)``."""
    row, column = np.indices((_GRID, _GRID)).reshape(2, -1)
    far = np.maximum(np.abs(row[:, None] - row), np.abs(column[:, None] - column))
    cells = (far <= _REACH).reshape(-1, _GRID, _GRID)
    rows = model.vectors(torch.cat([pixels[None], hide_each(pixels, cells)]))
    measured = distances(rows)
    # The value of a location is the mean effect of the squares that cover it.
    covers = cells.reshape(len(cells), -1).astype(np.float64)
    grid: Map = ((measured[1:] - measured[0]) @ covers / covers.sum(0)).reshape(_GRID, _GRID)
    return grid


def places_table(a: Side, b: Side) -> pd.DataFrame:
    """One row per location of either image: image, row, column, similarity, distance, contrast; most similar first."""
    tables = []
    for name, side in (("a", a), ("b", b)):
        row, column = np.indices(side.similarity_map.shape)
        tables.append(
            pd.DataFrame({"image": name, "row": row.ravel(), "column": column.ravel(),
                          "similarity": side.similarity_map.ravel(), "distance": side.distance_map.ravel(),
                          "contrast": side.contrast_map.ravel()})
        )  # fmt: skip
    return pd.concat(tables).sort_values("similarity", ascending=False, kind="stable", ignore_index=True)


def cell_box(grid: tuple[int, ...], cell: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixels (left, top, right, bottom) of a cell of a grid over an image of ``size`` (width, height)."""
    row, column = divmod(cell, grid[1])
    width, height = size
    return (
        column * width // grid[1], row * height // grid[0],
        (column + 1) * width // grid[1], (row + 1) * height // grid[0],
    )  # fmt: skip


def _matches(shares: Map, a: Side, b: Side) -> list[Match]:
    """The pairs of locations with the largest contributions; each location and its neighbours are used once."""
    left = shares.copy()
    found: list[Match] = []
    while len(found) < _MATCHES:
        best = int(left.argmax())
        first, second = divmod(best, left.shape[1])
        if left[first, second] <= 0:
            break
        found.append(
            Match(
                cell_box(a.similarity_map.shape, first, a.image.size),
                cell_box(b.similarity_map.shape, second, b.image.size),
                float(shares[first, second]),
            )
        )
        left[_near(a.similarity_map.shape, first), :] = -np.inf
        left[:, _near(b.similarity_map.shape, second)] = -np.inf
    return found


def _near(grid: tuple[int, ...], cell: int) -> np.ndarray:
    row, column = np.indices(grid)
    near: np.ndarray = np.flatnonzero(
        np.maximum(np.abs(row - cell // grid[1]), np.abs(column - cell % grid[1])).ravel() <= 1
    )
    return near


def picture_name(source: Picture, otherwise: str) -> str:
    """The file name of an image, or ``otherwise`` where it is no file."""
    return Path(cast("str", source)).name if is_path(source) else otherwise


def _names(a: Picture, b: Picture) -> tuple[str, str]:
    return picture_name(a, "first image"), picture_name(b, "second image")
