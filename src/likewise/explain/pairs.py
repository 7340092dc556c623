"""Explanation of a pair of images, for every model.

Plain models are decomposed exactly over the positions of both feature maps (`parts.py`), vision transformers over
their image tokens (`token_parts.py`), AVSL models over nodes, levels and positions
(`likewise.avsl.explanation.pairs`). Other models are explained by hiding locations and measuring.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from likewise.arguments import checked
from likewise.bounds import DrawsOrZero, InnerShare, Seed
from likewise.errors import ModelError
from likewise.explain.evidence import HIDING_MASKS, agreed, traced_evidence
from likewise.explain.exact_parts import exact_parts
from likewise.explain.pair_types import Map, Match, PairExplanation, Side, as_picture
from likewise.explain.parts import EmbeddingParts, pair_parts
from likewise.explain.perturbation import HideBy, hiding_check
from likewise.explain.sampled_hiding import PASSES, SampledEffects, hidden_effects
from likewise.explain.targets import frozen_weights, usable_vectors
from likewise.models import SimilarityModel
from likewise.models.pictures import Picture, check_picture, is_path, square

_MATCHES = 5


@checked
def explain_pair(
    model: SimilarityModel,
    a: Picture,
    b: Picture,
    *,
    check: bool = True,
    share: InnerShare = 0.2,
    hiding_masks: DrawsOrZero | None = None,
    seed: Seed = 0,
    hide_by: HideBy = "fill",
    progress: bool = False,
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
        hiding_masks: Partly hidden copies of each image behind its ``refined_map``. None: 8 for networks with feature
            maps, each a forward and a backward pass; 98 for vision transformers and models explained by hiding, each a
            forward pass. With 0, the refined map of a vision transformer is its ``similarity_map``.
        seed: Seed of the random locations and of the hiding masks.
        hide_by: How locations are hidden for the check: "fill" paints them over, "tokens" drops the tokens of a
            vision transformer.
        progress: Show a bar on stderr for the copies of models that need 98.

    Raises:
        ConfigError: The model has no tokens that can be dropped, or ``share`` or ``hiding_masks`` is out of range;
            models explained by hiding need at least 8 copies.
        ImageError: A file cannot be read.
        InputError: One of the two is not an image.
    """
    names = _names(a, b)
    for picture, name in zip((a, b), names, strict=True):
        check_picture(picture, name)
    pixels = torch.stack([square(model.preprocessing, *each) for each in zip((a, b), names, strict=True)])
    explained = explain_squares(model, pixels, names, hiding_masks=hiding_masks, seed=seed, progress=progress)
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
    hiding_masks: int | None = None,
    seed: int = 0,
    progress: bool = False,
    second: bool = True,
) -> PairExplanation:
    """Explain the distance of two images of the model's input size S: uint8 ``(2, 3, S, S)``.

    With ``second=False``, nothing is hidden in the second image, which takes half the time. Its ``refined_map`` is then
    its ``similarity_map``, and for models explained by hiding all its maps are NaN. The first is the same.
    """
    traced = None
    if model.decomposable:
        copies = HIDING_MASKS if hiding_masks is None else hiding_masks
        traced = traced_evidence(model, pixels, hiding_masks=copies, seed=seed, second=second)
    passes = PASSES if hiding_masks is None else hiding_masks
    with frozen_weights(model), torch.no_grad():
        if traced is not None and model.distance == "avsl":
            from likewise.avsl.explanation.pairs import explain_nodes

            return explain_nodes(model, pixels, names, traced)
        try:
            taken, reason = exact_parts(model, pixels), ""
        except ModelError as error:
            if model.decomposable:
                raise
            taken, reason = None, str(error)
        # The distance as the model computes it from pixels, to which exact parts must add up.
        rows = usable_vectors(model, pixels, names)
        if taken is None:
            measured = _measured(
                model, pixels, rows, passes=passes, seed=seed, progress=progress, second=second
            )
            return _by_hiding(model, pixels, names, rows, reason=reason, measured=measured)
        explained = _of_parts(model, pixels, names, rows, taken=taken, traced=traced)
        if traced is not None or not passes:
            return explained
        # Hiding with the parts as a hint is more faithful than any internal map of a transformer (docs/results.md).
        hints = (explained.a.similarity_map, explained.b.similarity_map)
        measured = _measured(
            model, pixels, rows, passes=passes, seed=seed, hints=hints, progress=progress, second=second
        )
        a, b = (
            side
            if effects is None
            else replace(side, refined_map=effects.effects, standard_errors=effects.standard_errors)
            for side, effects in zip((explained.a, explained.b), measured, strict=True)
        )
        return replace(explained, a=a, b=b, passes=passes)


def _of_parts(
    model: SimilarityModel,
    pixels: Tensor,
    names: tuple[str, str],
    rows: np.ndarray,
    *,
    taken: Sequence[EmbeddingParts],
    traced: tuple[Map, Map | None] | None,
) -> PairExplanation:
    """A pair of decomposed embeddings: over positions with traced evidence, over tokens without."""
    parts = pair_parts(taken[0], taken[1], model.distance)
    distance = float(model.compare(rows[:1], rows[1:])[0, 0])
    total = float(parts.distance_maps[0].sum() + parts.distance_maps[1].sum()) + parts.distance_rest
    sides = []
    for side, other in enumerate(reversed(taken)):
        similarity, apart, contrast = (
            maps[side].numpy() for maps in (parts.similarity_maps, parts.distance_maps, parts.contrast_maps)
        )
        unlocated = {name: float(term @ other.embedding) for name, term in taken[side].rest.items()}
        fine = None if traced is None else traced[side]
        refined = similarity if fine is None else agreed(similarity, fine)
        picture = as_picture(pixels[side])
        sides.append(Side(names[side], picture, similarity, apart, contrast, refined, unlocated=unlocated))
    a, b = sides
    return PairExplanation(
        a=a, b=b, model=model.name, distance=distance, distance_name=model.distance,
        similarity=parts.similarity, kind="tokens" if traced is None else "positions", table=places_table(a, b),
        matches=_matches(parts.matches.numpy(), a, b), rest=parts.distance_rest, completeness=abs(total - distance),
    )  # fmt: skip


def _measured(
    model: SimilarityModel,
    pixels: Tensor,
    rows: np.ndarray,
    *,
    passes: int,
    seed: int,
    progress: bool,
    second: bool,
    hints: tuple[Map | None, Map | None] = (None, None),
) -> tuple[SampledEffects, SampledEffects | None]:
    """The effect of hiding each location of two images on their distance; None for one that is not wanted."""
    x, y = np.split(rows, 2)
    distances = (lambda rows: model.compare(rows, y)[:, 0]), (lambda rows: model.compare(x, rows)[0])
    effects = [
        hidden_effects(
            model, pixels[side], (x, y)[side], distances[side], passes, seed=seed, hint=hints[side],
            progress=progress,
        )
        for side in range(1 + second)
    ]  # fmt: skip
    return effects[0], effects[1] if second else None


def _by_hiding(
    model: SimilarityModel,
    pixels: Tensor,
    names: tuple[str, str],
    rows: np.ndarray,
    *,
    reason: str,
    measured: tuple[SampledEffects, SampledEffects | None],
) -> PairExplanation:
    x, y = np.split(rows, 2)
    distance = float(model.compare(x, y)[0, 0])
    sides = []
    for side, each in enumerate(measured):
        effects = np.full(measured[0].effects.shape, np.nan) if each is None else each.effects
        errors = None if each is None else each.standard_errors
        sides.append(
            Side(
                names[side], as_picture(pixels[side]), effects, -effects, effects, effects, standard_errors=errors
            )
        )  # fmt: skip
    a, b = sides
    cosine = float(np.dot(x[0], y[0]) / max(float(np.linalg.norm(x) * np.linalg.norm(y)), 1e-12))
    return PairExplanation(
        a=a, b=b, model=model.name, distance=distance, distance_name=model.distance, similarity=cosine,
        kind="hiding", table=places_table(a, b), inexact_reason=reason, passes=measured[0].passes,
    )  # fmt: skip


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
    unused = shares.copy()
    matches: list[Match] = []
    while len(matches) < _MATCHES:
        best = int(unused.argmax())
        first, second = divmod(best, unused.shape[1])
        if unused[first, second] <= 0:
            break
        matches.append(
            Match(
                cell_box(a.similarity_map.shape, first, a.image.size),
                cell_box(b.similarity_map.shape, second, b.image.size),
                float(shares[first, second]),
            )
        )
        unused[_near(a.similarity_map.shape, first), :] = -np.inf
        unused[:, _near(b.similarity_map.shape, second)] = -np.inf
    return matches


def _near(grid: tuple[int, ...], cell: int) -> np.ndarray:
    row, column = np.indices(grid)
    near: np.ndarray = np.flatnonzero(
        np.maximum(np.abs(row - cell // grid[1]), np.abs(column - cell % grid[1])).ravel() <= 1
    )
    return near


def picture_name(source: Picture, otherwise: str) -> str:
    """The file name of an image, or ``otherwise`` where it is not a file."""
    return Path(cast("str", source)).name if is_path(source) else otherwise


def _names(a: Picture, b: Picture) -> tuple[str, str]:
    return picture_name(a, "first image"), picture_name(b, "second image")
