"""Relative changes of a metric, with intervals over classes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import Floats
from likewise.retrieval import Interval, paired_difference


class RelativeChange(NamedTuple):
    """Change of a mean metric from one condition to another, divided by the first.

    Attributes:
        change: -0.26 = 26 % less. NaN where the metric was 0 before.
        interval: 95 % of it, from resampling classes.
        p_value: Two-sided, that there is no change: a permutation that swaps the conditions within classes.
        linear: ``(Q,)`` values of the queries whose mean is ``change``; NaN for lone queries.
    """

    change: float
    interval: Interval
    p_value: float
    linear: Floats


def relative_change(
    after: Floats, before: Floats, classes: NDArray[np.str_], *, seed: int = 0
) -> RelativeChange:
    """Change of the mean from ``before`` to ``after``, as a share of the mean before.

    The interval is that of the linearised ratio (delta method), so the variation of the denominator counts too.

    Args:
        after: ``(Q,)`` metric of each query; NaN for lone queries.
        before: The same queries before.
        classes: ``(Q,)``; at least two different ones.
        seed: Seed of resampling and permutation.
    """
    whole = float(np.nanmean(before))
    if not whole > 0:
        nan = float("nan")
        return RelativeChange(nan, Interval(nan, nan), nan, np.full(len(before), np.nan))
    change = float(np.nanmean(after)) / whole - 1
    linear = change + (after - (1 + change) * before) / whole
    measured = paired_difference(linear, np.where(np.isnan(linear), np.nan, 0.0), classes, seed=seed)
    tested = paired_difference(after, before, classes, seed=seed)
    return RelativeChange(change, measured.interval, tested.p_value, linear)
