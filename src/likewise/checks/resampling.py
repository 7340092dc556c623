"""Intervals of statistics that are not plain means, by resampling images."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from likewise.seeds import stream

RESAMPLES = 200


def share_interval(
    statistic: Callable[[NDArray[np.int64]], float], count: int, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic of rows.

    Args:
        statistic: Called with row numbers, drawn with replacement.
        count: Number of rows.
        seed: Seed of the draws.
        resamples: Number of draws.
    """
    random = stream(seed, "checks", "resampling")
    drawn = [statistic(random.integers(0, count, count)) for _ in range(resamples)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)
