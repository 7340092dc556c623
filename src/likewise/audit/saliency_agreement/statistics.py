"""Agreement of two saliency maps: correlation, divergence, and their average over images.

Functions from arrays to arrays; `agreement.py` streams stores of maps through them.

Source: Kobs, Steininger, Dulny, Hotho, Do Different Deep Metric Learning Losses Lead to Similar Learned
Features?, pixel-level comparison, and its released code.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import distance
from scipy.stats import norm

from likewise.arguments import checked
from likewise.arrays import Floats, as_numbers
from likewise.bounds import InnerShare
from likewise.errors import InputError

LARGEST_DIVERGENCE = float(np.log(2))
_LARGEST_CORRELATION = 1 - 1e-6  # limit of float32 sums; z of 1 is infinite


@checked
def correlation(maps_a: npt.ArrayLike, maps_b: npt.ArrayLike) -> Floats:
    """Pearson correlation of the pixels of each pair of maps.

    Args:
        maps_a: ``(N, ...)``, one map per row.
        maps_b: The same shape.

    Returns:
        ``(N,)`` in -1..1; NaN where one of the two maps is constant, because then there is none.

    Example:
        >>> correlation([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]]).tolist()
        [1.0]
    """
    a, b = _pairs(maps_a, maps_b)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        values: Floats = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return np.clip(values, -1, 1)


@checked
def jensen_shannon(maps_a: npt.ArrayLike, maps_b: npt.ArrayLike) -> Floats:
    """Jensen-Shannon divergence of each pair of maps read as distributions over pixels.

    Both maps are divided by their sums; natural logarithm; the square of what scipy calls the
    Jensen-Shannon distance.

    Args:
        maps_a: ``(N, ...)``, not negative.
        maps_b: The same shape.

    Returns:
        ``(N,)`` in 0..ln 2; 0 = the same distribution, ln 2 = no pixel in common. NaN where a map is
        zero everywhere.

    Raises:
        InputError: Shapes differ or a value is negative.

    Example:
        >>> round(float(jensen_shannon([[1.0, 0.0]], [[0.0, 1.0]])[0]), 6)   # ln 2
        0.693147
    """
    a, b = _pairs(maps_a, maps_b)
    if (a < 0).any() or (b < 0).any():
        raise InputError(
            "A saliency map has negative values, so it is not a distribution: give maps in 0..1."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        distances: Floats = distance.jensenshannon(a, b, axis=1)
    return np.clip(distances**2, 0, LARGEST_DIVERGENCE)


@dataclass(frozen=True)
class FisherMean:
    """The average of correlations through Fisher's z.

    Attributes:
        mean: tanh of the mean of z; NaN without correlations.
        low: Lower end of the confidence interval of that mean.
        high: Upper end.
        published_deviation: tanh of the standard deviation of z (divisor n), printed in the paper as "plus or
            minus"; not a standard deviation of correlations.
        count: Correlations that entered.
        undefined: Correlations left out because they were NaN (a constant map).
        clipped: Correlations of exactly 1 or -1, whose z is infinite; they entered as 1 - 1e-6.
    """

    mean: float
    low: float
    high: float
    published_deviation: float
    count: int
    undefined: int
    clipped: int


@checked
def fisher_mean(correlations: npt.ArrayLike, confidence: InnerShare = 0.95) -> FisherMean:
    """Average correlations in Fisher's z = artanh(r), with the interval of the mean.

    The interval is mean of z plus or minus a normal quantile times the standard error of z over the
    images (divisor n - 1), transformed back; it is for the mean over *images* of this kind, with the
    two models as they are.

    Args:
        correlations: ``(N,)`` in -1..1; NaN entries are left out and counted.
        confidence: Probability of the interval, between 0 and 1.

    Raises:
        ConfigError: ``confidence`` is not between 0 and 1.
        InputError: A correlation lies outside -1..1.

    Example:
        >>> round(fisher_mean([0.0, 0.8]).mean, 3)   # tanh((0 + 1.0986) / 2)
        0.5
    """
    values = as_numbers(correlations, "correlations").ravel()
    defined = values[~np.isnan(values)]
    if (np.abs(defined) > 1 + 1e-9).any():
        raise InputError(f"A correlation is {defined[np.argmax(np.abs(defined))]:.6g}: it must lie in -1..1.")
    z, clipped = fisher_z(defined)
    return fisher_from_sums(
        len(defined), float(z.sum()), float((z**2).sum()), len(values) - len(defined), int(clipped.sum()),
        confidence=confidence,
    )  # fmt: skip


def fisher_z(correlations: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Artanh of correlations, any shape, with 1 taken as 1 - 1e-6; and which were. NaN stays NaN."""
    clipped = np.abs(correlations) >= _LARGEST_CORRELATION
    z: Floats = np.arctanh(np.clip(correlations, -_LARGEST_CORRELATION, _LARGEST_CORRELATION))
    return z, clipped


@checked
def fisher_from_sums(
    count: int, total: float, squares: float, undefined: int, clipped: int, *, confidence: InnerShare = 0.95
) -> FisherMean:
    """The :class:`FisherMean` of ``count`` values of z with this sum and sum of squares."""
    if count == 0:
        nan = float("nan")
        return FisherMean(nan, nan, nan, nan, count=0, undefined=undefined, clipped=0)
    mean = total / count
    variance = max(squares / count - mean**2, 0.0)
    error = np.sqrt(variance / (count - 1)) if count > 1 else np.inf
    reach = norm.ppf(0.5 + confidence / 2) * error
    middle, low, high, spread = np.tanh([mean, mean - reach, mean + reach, np.sqrt(variance)]).tolist()
    return FisherMean(middle, low, high, spread, count=count, undefined=undefined, clipped=clipped)


def _pairs(maps_a: npt.ArrayLike, maps_b: npt.ArrayLike) -> tuple[Floats, Floats]:
    a, b = as_numbers(maps_a, "The first maps"), as_numbers(maps_b, "The second maps")
    if a.shape != b.shape or a.ndim < 2:
        raise InputError(
            f"The maps have the shapes {a.shape} and {b.shape}: "
            "give two arrays of one shape (images, height, width)."
        )
    return a.reshape(len(a), -1), b.reshape(len(b), -1)


def mean_through_z(correlations: list[float]) -> float:
    """Tanh of the mean of artanh; NaN entries are left out."""
    values = np.array([value for value in correlations if not np.isnan(value)])
    if not len(values):
        return float("nan")
    return float(np.tanh(np.arctanh(np.clip(values, -1 + 1e-6, 1 - 1e-6)).mean()))
