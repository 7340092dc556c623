"""A cut-off per query: accept a first hit by its distance, its gap and the density around it.

The probability that the first hit is right is fitted on one half of the classes (logistic regression on the distance of
the first hit, its gap to the second, and its distance relative to the further neighbours). The cut-off is the lowest
probability at which the share of wrong hits among the accepted stays within the stated error, by its one-sided
Clopper-Pearson bound. One global distance threshold is calibrated in the same way. Both are tested on the other half.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import Floats
from likewise.retrieval import Interval, PairedDifference, paired_difference
from likewise.seeds import stream

TARGET = 0.05
_CONFIDENCE = 0.9
_NEIGHBORS = 10
_FEWEST_CLASSES = 6
_RIDGE = 1e-2


@dataclass(frozen=True)
class Accepted:
    """Effect of a cut-off on the first hits of held-out classes.

    Attributes:
        accepted: Share of the hits that are accepted.
        wrong: Share of the accepted that are wrong; 0 if none is accepted.
        right: Share of the right hits that are accepted.
    """

    accepted: float
    wrong: float
    right: float


@dataclass(frozen=True)
class CutoffTest:
    """Both cut-offs on held-out classes.

    Attributes:
        per_query: Cut-off per query.
        common: Global threshold.
        gain: Accepted per query minus globally, with its interval over classes.
        target: Target share of wrong hits among the accepted.
        wrong_interval: 95 % Clopper-Pearson interval of ``per_query.wrong``.
    """

    per_query: Accepted
    common: Accepted
    gain: PairedDifference
    target: float
    wrong_interval: Interval


def compare_cutoffs(
    labels: NDArray[np.str_],
    indices: NDArray[np.int64],
    distances: NDArray[np.float32],
    *,
    target: float = TARGET,
    seed: int = 0,
) -> CutoffTest | str:
    """Calibrate both cut-offs on each half of the classes and test them on the other.

    Args:
        labels: ``(N,)`` classes.
        indices: ``(N, K)`` neighbours of each image, nearest first.
        distances: ``(N, K)`` their distances.
        target: Target share of wrong hits among the accepted.
        seed: Seed of the halves.

    Returns:
        The test, or why there is none.
    """
    names = np.unique(labels)
    if len(names) < _FEWEST_CLASSES or indices.shape[1] < 3:
        return f"Held-out classes need at least {_FEWEST_CLASSES} classes and 4 images; there are {len(names)} classes."
    right = labels[indices[:, 0]] == labels
    features = _features(distances[:, : min(_NEIGHBORS, distances.shape[1])])
    half = np.isin(labels, stream(seed, "checks", "cutoff").permutation(names)[: len(names) // 2])
    per_query, common = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for train in (half, ~half):
        scores = _probabilities(features, right, train)
        per_query[~train] = (scores >= _cutoff(scores[train], right[train], target))[~train]
        near = -distances[:, 0].astype(float)
        common[~train] = (near >= _cutoff(near[train], right[train], target))[~train]
    gain = paired_difference(per_query.astype(float), common.astype(float), labels, seed=seed)
    return CutoffTest(
        _accepted(per_query, right), _accepted(common, right), gain, target,
        _interval(int((per_query & ~right).sum()), int(per_query.sum())),
    )  # fmt: skip


def _features(distances: NDArray[np.float32]) -> Floats:
    """``(N, 3)``: first distance, gap to the second, first relative to the mean of the further neighbours."""
    first, second, further = distances[:, 0], distances[:, 1], distances[:, 1:].mean(1)
    scale = np.maximum(further, 1e-12)
    raw = np.stack([first, (second - first) / scale, first / scale], 1).astype(float)
    spread = raw.std(0)
    scaled: Floats = (raw - raw.mean(0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def _probabilities(features: Floats, right: NDArray[np.bool_], train: NDArray[np.bool_]) -> Floats:
    """Scores of all rows, growing with the probability that the hit is right; fitted on ``train``."""
    from scipy.optimize import minimize

    rows = np.concatenate([np.ones((len(features), 1)), features], 1)
    x, sign = rows[train], np.where(right[train], 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (x @ weights)
        slope = -sign / (1 + np.exp(np.clip(margin, -500, 500)))
        ridge = _RIDGE * weights * np.array([0.0, *[1.0] * features.shape[1]])
        value = float(np.logaddexp(0, -margin).mean() + 0.5 * (ridge * weights).sum())
        return value, x.T @ slope / len(x) + ridge

    fitted = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    return np.asarray(rows @ fitted)


def _cutoff(scores: Floats, right: NDArray[np.bool_], target: float) -> float:
    """The lowest score at which the bound of the wrong share is within ``target``; infinite if there is none."""
    from scipy.stats import beta

    order = np.argsort(-scores, kind="stable")
    wrong = np.cumsum(~right[order])
    total = np.arange(1, len(order) + 1)
    bound = beta.ppf(_CONFIDENCE, wrong + 1, np.maximum(total - wrong, 1))
    # Equal scores are accepted together.
    last = np.append(np.diff(scores[order]) != 0, True)
    within = np.flatnonzero((bound <= target) & last)
    return float(scores[order][within[-1]]) if len(within) else float("inf")


def _accepted(chosen: NDArray[np.bool_], right: NDArray[np.bool_]) -> Accepted:
    wrong = float((~right[chosen]).mean()) if chosen.any() else 0.0
    return Accepted(float(chosen.mean()), wrong, float(chosen[right].mean()) if right.any() else 0.0)


def _interval(errors: int, count: int) -> Interval:
    if not count:
        return Interval(0.0, 1.0)
    from scipy.stats import binomtest

    interval = binomtest(errors, count).proportion_ci(0.95, method="exact")
    return Interval(float(interval.low), float(interval.high))
