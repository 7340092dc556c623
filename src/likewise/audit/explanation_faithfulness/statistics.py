"""The choices of locations that are compared, and means over pairs with their intervals."""

import numpy as np

from likewise.arrays import Floats
from likewise.retrieval import Interval
from likewise.seeds import stream

EXPLANATION, PARTS, SPECIAL = "explanation", "exact parts", "contrast"
SALIENCY, RANDOM = "saliency", "random locations"
_RESAMPLES = 2000


def curve(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean (S,) of (P, S) growths, and its 95 % interval from resampling pairs."""
    low, high = np.quantile(_resampled(values), (0.025, 0.975), axis=0)
    return values.mean(axis=0), low, high


def mean_interval(values: Floats) -> Interval:
    """95 % interval of the mean of (P,) values, from resampling them."""
    low, high = np.quantile(_resampled(values[:, None])[:, 0], (0.025, 0.975))
    return Interval(float(low), float(high))


def _resampled(values: Floats) -> Floats:
    rows = stream(0, "faithfulness").integers(0, len(values), (_RESAMPLES, len(values)))
    means: Floats = values[rows].mean(axis=1)
    return means
