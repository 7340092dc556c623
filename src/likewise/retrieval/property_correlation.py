"""Rank correlation between an embedding and a continuous property, without bins.

Binning a height or an angle says only whether neighbours fall into the same bin; here near values count as near.
It is the rank form of representational similarity (Kriegeskorte et al. 2008), one image at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Interval

from likewise.arguments import checked
from likewise.arrays import Floats, as_column
from likewise.bounds import MOST, Permutations, Positive, Seed
from likewise.errors import ConfigError, InputError
from likewise.retrieval.distances import Vectors, check_distance, checked_vectors, prepare, prepared_distances
from likewise.retrieval.normalized_r_precision import Values, checked_properties
from likewise.seeds import stream

_FEWEST = 3


@dataclass(frozen=True)
class PropertyCorrelation:
    """The answer to :func:`property_correlations` for one property.

    Attributes:
        correlation: Mean over images of Spearman's correlation between the distances to the others and the
            differences in value: 1 = nearer images always have nearer values, 0 = chance.
        p_value: Share of the shufflings (the observed order counted among them) with at least that correlation.
        images: Images used.
        missing: Images without a value.
    """

    correlation: float
    p_value: float
    images: int
    missing: int


@checked
def property_correlations(
    vectors: Vectors,
    properties: Mapping[str, Values] | pd.DataFrame,
    *,
    periods: Mapping[str, Positive] | None = None,
    permutations: Permutations = 199,
    images: Annotated[int, Interval(ge=_FEWEST, le=MOST)] = 500,
    distance: str = "euclidean",
    seed: Seed = 0,
) -> dict[str, PropertyCorrelation]:
    """Rank correlation of distances with differences of values, for numeric properties.

    Args:
        vectors: ``(N, D)`` embeddings.
        properties: Names to ``(N,)`` numbers, or a table; missing values are left out.
        periods: Name to the period of a cyclic property (360 for degrees, 1 for a hue of 0..1).
        permutations: Number of permutations; the smallest p-value is 1 / (permutations + 1).
        images: Largest number of images, drawn by ``seed``; memory and time grow with its square.
        distance: "euclidean", "cosine" or "snr".
        seed: Seed of the draws and permutations.

    Raises:
        InputError: A property that is not numbers, has one value only, or fewer than three images with one.
        ConfigError: A period that is not positive or names no property, or fewer than 19 permutations.
    """
    check_distance(distance)
    numeric = checked_properties(properties)
    for name, period in (periods or {}).items():
        if name not in numeric:
            raise ConfigError(
                f"The period of {name!r} is {period}: give a positive number for one of {', '.join(numeric)}."
            )
    rows = prepare(checked_vectors(vectors), distance)
    results = {}
    for name, values in numeric.items():
        numbers = _numbers(name, values, len(rows))
        present = np.flatnonzero(np.isfinite(numbers))
        chosen = np.sort(stream(seed, "correlation sample").permutation(present)[:images])
        if len(np.unique(numbers[chosen])) < 2 or len(chosen) < _FEWEST:
            raise InputError(
                f"Property {name!r} has fewer than two different values in {len(chosen)} images: leave it out."
            )
        part = rows[chosen.tolist()]
        near = _row_scores(prepared_distances(part, part, distance).double().cpu().numpy())
        alike = _row_scores(_differences(numbers[chosen], (periods or {}).get(name)))
        observed = float((near * alike).sum() / len(chosen))
        random = stream(seed, "correlation permutation", name)
        reached = 0
        for _ in range(permutations):
            order = random.permutation(len(chosen))
            reached += float((near * alike[np.ix_(order, order)]).sum() / len(chosen)) >= observed - 1e-12
        results[name] = PropertyCorrelation(
            observed, (1 + reached) / (1 + permutations), len(chosen), len(rows) - len(present)
        )
    return results


def _numbers(name: str, values: Values, images: int) -> Floats:
    series = as_column(values, f"Property {name!r}")
    if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
        raise InputError(
            f"Property {name!r} is not a column of numbers, so its values have no order: leave it out."
        )
    if len(series) != images:
        raise InputError(
            f"Property {name!r} has {len(series)} values for {images} images: give one per image."
        )
    numbers: Floats = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _differences(numbers: Floats, period: float | None) -> Floats:
    apart: Floats = np.abs(numbers[:, None] - numbers[None])
    if period is None:
        return apart
    apart %= period
    return np.minimum(apart, period - apart)


def _row_scores(matrix: Floats) -> Floats:
    """Ranks of each row's other entries, centred, of length 1; 0 on the diagonal and in rows of one value.

    The product of two such rows is their Spearman correlation. A row keeps its scores when rows and columns are
    reordered together, so shuffling values needs no new ranking.
    """
    from scipy.stats import rankdata  # scipy takes a second to load, and searching does without

    size = len(matrix)
    others = ~np.eye(size, dtype=bool)
    ranks = rankdata(matrix[others].reshape(size, size - 1), axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1, keepdims=True)
    scores = np.zeros((size, size))
    scores[others] = (ranks / np.where(lengths > 0, lengths, 1)).ravel()
    return scores
