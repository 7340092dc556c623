"""Is a property's Normalized R-Precision more than chance? A permutation test.

The mean of the images' z-scores is not itself a z-score, because images share neighbours. So its distribution by
chance is made: values are shuffled among the images while the embedding stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Interval
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.bounds import MOST, Permutations, Seed
from likewise.data.sampling import rows_with_pairs
from likewise.progress import progress_bar
from likewise.retrieval.distances import Vectors, check_distance, checked_vectors, prepare, prepared_distances
from likewise.retrieval.normalized_r_precision import Values, checked_properties, property_column
from likewise.seeds import stream

Codes = NDArray[np.int64]

_MATES = 10  # images of a value that a random sample should hold; where it would not, whole values are drawn


@dataclass(frozen=True)
class PropertySignificance:
    """The answer to :func:`property_significance` for one property.

    Attributes:
        p_value: Share of the shufflings (the observed order counted among them) that score at least as high:
            one-sided, small means that the embedding groups the property.
        score: Normalized R-Precision (corrected form, all neighbours) of the images used.
        chance_deviation: Standard deviation of the shuffled scores; 1 if images were independent.
        images: Images used.
        permutations: Shufflings.
    """

    p_value: float
    score: float
    chance_deviation: float
    images: int
    permutations: int


@checked
def property_significance(
    vectors: Vectors,
    properties: Mapping[str, Values] | pd.DataFrame,
    *,
    permutations: Permutations = 999,
    images: Annotated[int, Interval(ge=10, le=MOST)] = 2000,
    distance: str = "euclidean",
    seed: Seed = 0,
    progress: bool = False,
) -> dict[str, PropertySignificance]:
    """Permutation p-values of properties.

    Args:
        vectors: ``(N, D)`` embeddings.
        properties: Names to ``(N,)`` values, or a table; missing values are left out.
        permutations: Shufflings; the smallest p-value is 1 / (permutations + 1).
        images: Largest number of images, drawn by ``seed`` (whole values if a value has few images). The test
            of a part is valid, only less sharp.
        distance: As for :func:`likewise.retrieval.normalized_r_precision`.
        seed: Seed of the draws and permutations.
        progress: Show progress on stderr.

    Raises:
        InputError: A property with fewer than two values, or none that two images share.
        ConfigError: Fewer than 19 permutations (p could not reach 0.05), fewer than 10 images.
    """
    check_distance(distance)
    rows = prepare(checked_vectors(vectors), distance)
    results, sample, ranks = {}, np.empty(0, np.int64), np.empty((0, 0), np.int32)
    checked = checked_properties(properties)
    with progress_bar("permutations", permutations * len(checked), enabled=progress) as bar:
        for name, values in checked.items():
            column = property_column(name, values, len(rows))
            chosen = _sample(column.grouping.codes, images, seed)
            places = np.flatnonzero(column.present)[chosen]
            if not np.array_equal(places, sample):  # properties without gaps share their images
                sample, ranks = places, _ranks(rows[torch.from_numpy(places).to(rows.device)])
            codes = np.unique(column.grouping.codes[chosen], return_inverse=True)[1].astype(np.int64)
            random = stream(seed, "property permutation", str(name))
            observed, shuffled = _score(ranks, codes), np.empty(permutations)
            for number in range(permutations):
                shuffled[number] = _score(ranks, random.permutation(codes))
                bar.advance()
            reached = int((shuffled >= observed - 1e-12).sum())
            results[str(name)] = PropertySignificance(
                p_value=(1 + reached) / (1 + permutations),
                score=observed,
                chance_deviation=float(shuffled.std(ddof=1)),
                images=len(codes),
                permutations=permutations,
            )
    return results


def _sample(codes: Codes, images: int, seed: int) -> Codes:
    if len(codes) <= images:
        return np.arange(len(codes))
    random = stream(seed, "property sample")
    if images / (codes.max() + 1) >= _MATES:
        return np.sort(random.choice(len(codes), images, replace=False))
    return rows_with_pairs(codes, images, random, singles=False)


def _ranks(prepared: torch.Tensor) -> NDArray[np.int32]:
    """``(M, M)``: rank, from 0, of an image among the neighbours of another; its own rank is last."""
    distances = prepared_distances(prepared, prepared, "euclidean")
    distances.fill_diagonal_(torch.inf)
    order = distances.argsort(dim=1, stable=True).cpu().numpy()
    ranks = np.empty(order.shape, np.int32)
    np.put_along_axis(ranks, order, np.arange(len(order), dtype=np.int32)[None], axis=1)
    return ranks


def _score(ranks: NDArray[np.int32], codes: Codes) -> float:
    """Normalized R-Precision, corrected form, from ranks alone."""
    total, scored, others = 0.0, 0, len(codes) - 1
    for members in np.split(np.argsort(codes, kind="stable"), np.bincount(codes).cumsum()[:-1]):
        depth = len(members) - 1
        if 0 < depth < others:
            same = np.count_nonzero(ranks[np.ix_(members, members)] < depth)
            chance = depth / others
            deviation = np.sqrt(depth * chance * (1 - chance) * (others - depth) / (others - 1))
            total += (same - len(members) * depth * chance) / deviation
            scored += len(members)
    return float(total / scored)
