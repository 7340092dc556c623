"""The choices of locations that are compared, and means over pairs with their intervals."""

import numpy as np

from likewise.arrays import Floats
from likewise.retrieval.bootstrap import Clusters, Interval, percentile_interval

EXPLANATION, PARTS, SPECIAL = "explanation", "exact parts", "contrast"
SALIENCY, RANDOM = "saliency", "random locations"
_RESAMPLES = 2000


def curve(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean (S,) of (P, S) growths, and both ends of its 95 % interval from resampling pairs."""
    low, high = np.transpose(_intervals(values))
    return values.mean(axis=0), low, high


def mean_interval(values: Floats) -> Interval:
    """95 % interval of the mean of (P,) values, from resampling them."""
    return _intervals(values[:, None])[0]


def _intervals(values: Floats) -> list[Interval]:
    return percentile_interval(Clusters.of(values, None).resampled(_RESAMPLES, seed=0), 0.95)
