"""Scores of a random order, the baseline for all other scores."""

import numpy as np
from numpy.typing import NDArray


def chance_per_query(labels: NDArray[np.generic]) -> NDArray[np.float64]:
    """Expected MAP@R of a random order per image, leave-one-out; NaN for images alone in their class.

    For a query with R others of its class among M images, P(k) * rel(k) has the expectation
    (p + (k - 1) p p') / k with p = R / M and p' = (R - 1) / (M - 1); MAP@R is the mean over k = 1..R.

    Args:
        labels: ``(N,)`` class of each image.

    Returns:
        ``(N,)``, 0..1.
    """
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    others = len(labels) - 1
    expected = np.full(len(counts), np.nan)
    for code, count in enumerate(counts):
        relevant = int(count) - 1
        if relevant:
            k = np.arange(1, relevant + 1)
            first, second = relevant / others, (relevant - 1) / max(others - 1, 1)
            expected[code] = np.mean((first + (k - 1) * first * second) / k)
    per_query: NDArray[np.float64] = expected[codes]
    return per_query


def chance_map_at_r(labels: NDArray[np.generic]) -> float:
    """Mean of :func:`chance_per_query` over queries that are not alone in their class; NaN where all are.

    >>> chance_map_at_r(np.array(["a", "a", "b"]))  # one of two images is right
    0.5
    """
    each = chance_per_query(labels)
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")
