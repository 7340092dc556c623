"""Tests and effect sizes for comparing models: groups of scores, and two models over the same queries."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.arrays import Floats, as_column, as_numbers
from likewise.bounds import InnerShare, Permutations, Resamplings, Seed
from likewise.errors import InputError
from likewise.retrieval.bootstrap import (
    Clusters,
    Interval,
    check_choice,
    check_resampling,
    percentile_interval,
)
from likewise.seeds import stream

Form = Literal["two-sided", "published"]
Numbers = Sequence[float] | NDArray[np.floating]

_CHUNK_SIGNS = 1 << 22


@checked
def mann_whitney(a: Numbers, b: Numbers, *, form: str = "two-sided") -> float:
    """p-value of the Mann-Whitney U test: do values of one group tend to be larger than those of the other?

    Args:
        a: Scores of one group, independent of each other (folds of one loss are not).
        b: Scores of the other.
        form: "two-sided" is exact for small groups without ties, else the normal approximation with tie and
            continuity correction. "published" is half of the two-sided approximation: what scipy 1.6, pinned by
            the released code of Do Different Losses, returned by default.

    Raises:
        InputError: An empty group, or values that are not finite.
        ConfigError: Another form.
    """
    from scipy import stats  # takes a second to load, and searching does without

    check_choice(form, Form, "The form of the test")
    first, second = _numbers(a, "a"), _numbers(b, "b")
    published = form == "published"
    if np.unique(np.concatenate([first, second])).size == 1:
        p_value = 1.0  # all equal: the standard deviation is 0, and scipy 1.18 returns NaN
    else:
        method = "asymptotic" if published else "auto"
        p_value = float(stats.mannwhitneyu(first, second, alternative="two-sided", method=method).pvalue)
    return p_value / 2 if published else p_value


@checked
def rank_biserial(a: Numbers, b: Numbers) -> float:
    """Effect size of two groups, -1 to 1: P(a > b) - P(a < b) of a random value of each.

    Positive: ``a`` tends to be larger. Source: Kerby, The simple difference formula (2014); equals Cliff's delta.

    Raises:
        InputError: An empty group, or values that are not finite.

    Example:
        >>> rank_biserial([3, 4], [1, 2, 3.5])
        0.6666666666666666
    """
    first, second = _numbers(a, "a"), np.sort(_numbers(b, "b"))
    below = np.searchsorted(second, first, side="left").sum()
    above = (len(second) - np.searchsorted(second, first, side="right")).sum()
    return float((below - above) / (len(first) * len(second)))


@checked
def holm(p_values: Numbers) -> Floats:
    """p-values ``(m,)`` corrected for being m tests, in the given order; valid whatever their dependence.

    Source: Holm 1979: the j-th smallest times (m - j + 1), made monotone, at most 1.

    Raises:
        InputError: None given, or values outside 0..1.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    values = _numbers(p_values, "p_values")
    if values.min() < 0 or values.max() > 1:
        raise InputError("p_values must be between 0 and 1.")
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


class PairedDifference(NamedTuple):
    """Two models over the same queries.

    Attributes:
        difference: Mean of a - b; positive means that a is better, for metrics where more is better.
        interval: Bootstrap interval of the difference.
        p_value: Two-sided, from a permutation test that swaps the two models.
        queries: Queries that count for both.
    """

    difference: float
    interval: Interval
    p_value: float
    queries: int


@checked
def paired_difference(
    a: Numbers,
    b: Numbers,
    groups: NDArray[np.generic] | Sequence[object] | None = None,
    *,
    level: InnerShare = 0.95,
    repeats: Resamplings = 1000,
    permutations: Permutations = 9999,
    seed: Seed = 0,
) -> PairedDifference:
    """Test whether model a scores higher than model b on the same queries.

    Args:
        a: ``(Q,)`` a metric per query, for instance ``result.per_query["map@r"]``; NaN for lone queries.
        b: The same metric of the other model, query by query.
        groups: ``(Q,)`` classes, which are resampled and swapped as a whole. None: queries are independent.
        level: Level of the interval.
        repeats: Number of resamplings for the interval.
        permutations: Number of permutations of the test.
        seed: Seed of the interval and the test.

    Raises:
        InputError: Different lengths, NaN at different positions, no queries, or fewer than two classes.
        ConfigError: Numbers out of range.
    """
    first, second = as_numbers(a, "a"), as_numbers(b, "b")
    counted = ~np.isnan(first)
    if first.ndim != 1 or first.shape != second.shape or (counted != ~np.isnan(second)).any():
        raise InputError(
            "Two models can only be compared on the same queries: their values must have the same length, with NaN "
            "(lone queries) at the same positions."
        )
    codes = None
    if groups is not None:
        names = as_column(groups, "groups")
        if len(names) != len(first):
            raise InputError(
                f"groups must hold one class for each of the {len(first)} queries, not {len(names)}."
            )
        codes = _codes(names[counted])
    difference = first[counted] - second[counted]
    clusters = Clusters.of(difference[:, None], codes)
    check_resampling(level, repeats, len(clusters.counts), "queries" if groups is None else "classes")
    interval = percentile_interval(clusters.resampled(repeats, seed), level)[0]
    p_value = sign_permutation(clusters.sums[:, 0], permutations=permutations, seed=seed)
    return PairedDifference(float(difference.mean()), interval, p_value, len(difference))


@checked
def sign_permutation(differences: Numbers, *, permutations: Permutations = 9999, seed: Seed = 0) -> float:
    """Two-sided p-value of a paired permutation test: is the sum of the differences more than random signs give?

    Args:
        differences: ``(U,)``, one for each independent pair (or its sum within a class).
        permutations: Random signs; all 2^U of them where that is fewer.
        seed: Seed of the signs.

    Raises:
        InputError: None given, or values that are not finite.
        ConfigError: Fewer than 19 permutations.
    """
    values = _numbers(differences, "differences")
    observed = abs(values.sum()) * (1 - 1e-12)
    if len(values) < 60 and 2 ** len(values) <= permutations:
        bits = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
        return float((np.abs((2.0 * bits - 1) @ values) >= observed).mean())
    random, reached = stream(seed, "sign permutation"), 0
    step = max(1, _CHUNK_SIGNS // len(values))
    for start in range(0, permutations, step):
        signs = random.integers(0, 2, (min(step, permutations - start), len(values)), dtype=np.int8)
        reached += int((np.abs(2.0 * (signs @ values) - values.sum()) >= observed).sum())
    return (1 + reached) / (1 + permutations)


@checked
def mean_difference(a: Numbers, b: Numbers) -> tuple[float, Interval | None]:
    """Mean of ``a`` minus mean of ``b``, with its 95 % interval (Welch's t: the groups may differ in spread).

    There is no interval if a group has one value, or if neither group varies.

    Raises:
        InputError: An empty group, or values that are not finite.

    Example:
        >>> mean_difference([3.0, 4.0, 5.0], [1.0])
        (3.0, None)
    """
    first, second = _numbers(a, "a"), _numbers(b, "b")
    difference = float(first.mean() - second.mean())
    if min(len(first), len(second)) < 2 or (np.ptp(first) == 0 and np.ptp(second) == 0):
        return difference, None
    interval = welch(first, second).confidence_interval(0.95)
    return difference, Interval(float(interval.low), float(interval.high))


def welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> Any:
    """SciPy's result of Welch's t-test of two groups, at least one of which varies."""
    from scipy import stats

    with warnings.catch_warnings():
        # A group of equal values has no variance, which the test allows; SciPy warns that it may have lost precision.
        warnings.simplefilter("ignore", RuntimeWarning)
        return stats.ttest_ind(a, b, equal_var=False)


@checked
def permutation_test(a: Numbers, b: Numbers, *, permutations: Permutations = 9999, seed: Seed = 0) -> float:
    """Two-sided p-value for the difference of the means of two independent groups, by shuffling who belongs where.

    Raises:
        InputError: An empty group, or values that are not finite.
        ConfigError: Fewer than 19 permutations.
    """
    first, second = _numbers(a, "a"), _numbers(b, "b")
    # Not scipy's, which refuses groups of one value.
    pooled, size = np.concatenate([first, second]), len(first)
    random = stream(seed, "permutation test")
    observed = abs(first.mean() - second.mean()) * (1 - 1e-12)
    reached = 0
    for _ in range(permutations):
        shuffled = random.permutation(pooled)
        reached += int(abs(shuffled[:size].mean() - shuffled[size:].mean()) >= observed)
    return (1 + reached) / (1 + permutations)


def _codes(names: "pd.Series[Any]") -> NDArray[np.int64]:
    """Numbers of classes, in the order of their names."""
    if names.isna().any():
        raise InputError(f"groups has no class for query {int(names.index[names.isna()][0])}: name it.")
    try:
        codes: NDArray[np.int64] = pd.factorize(names, sort=True)[0].astype(np.int64)
    except TypeError as error:
        raise InputError(f"groups mixes text and numbers ({error}): give one kind.") from error
    return codes


def _numbers(values: Numbers, name: str) -> Floats:
    numbers = as_numbers(values, name)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise InputError(f"{name} must be a list of at least one finite number.")
    return numbers
