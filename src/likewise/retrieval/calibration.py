"""Calibration: from embeddings of held-out classes to the distance below which two images count as the same.

The threshold is the largest distance at which no more than the wanted share of pairs of *different* classes would
count as the same (false matches). The share of pairs of one class it misses (false non-matches) is what that costs.
The classes must be new to the model: on classes it was trained with, both rates look far too good.
"""

import math

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.arguments import checked
from likewise.bounds import Count, InnerShare, PositiveOrZero, Resamplings, Seed
from likewise.errors import ConfigError, InputError
from likewise.models.devices import pick_device
from likewise.progress import Bar, progress_bar
from likewise.retrieval._pairs import DistanceCounts, Pairs, count_distances, errors_by_group
from likewise.retrieval.bootstrap import check_resampling, draws, percentile_interval
from likewise.retrieval.distances import Comparison, Vectors, check_distance, checked_vectors, prepare
from likewise.retrieval.labels import Labels, checked_labels
from likewise.retrieval.threshold import ErrorCurve, ErrorRate, Threshold

Counts = NDArray[np.int64]

DEFAULT_RATE = 0.001
# Above this rate of false non-matches, more pairs of one class are missed than found.
MOST_MISSED = 0.5
LARGEST_DEFAULT = 0.1  # a rate beyond says too little to be chosen unasked
EXPECTED_ERRORS = 30  # Doddington's rule: a rate is known to about a third from 30 errors on
_CURVE_POINTS = 200
_MOST_GROUPS = 1024  # classes beyond are put together for resampling, so that memory stays bounded


@checked
def calibrate(
    vectors: Vectors,
    labels: Labels,
    *,
    false_match_rate: InnerShare | None = None,
    distance: str | Comparison = "cosine",
    fingerprint: str = "",
    level: InnerShare = 0.95,
    repeats: Resamplings = 1000,
    seed: Seed = 0,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> Threshold:
    """The distance at which the share of false matches is as wanted, with both error rates and their intervals.

    All pairs are used, in blocks. Intervals resample classes (both images of a pair belong to one); they are never
    narrower than Wilson's for independent pairs.

    Args:
        vectors: ``(N, D)`` embeddings of classes the model was not trained with.
        labels: ``(N,)`` classes: text or whole numbers.
        false_match_rate: The share of pairs of different classes that may count as the same. None: 0.001, or the
            smallest that the number of pairs supports (:func:`supported_rate`); the threshold records it.
        distance: Distance of the model.
        fingerprint: Fingerprint of the model; stored, so that no other model uses the threshold.
        level: Confidence of the intervals.
        repeats: Resamplings.
        seed: Seed of the resampling.
        device: Device to compute on. None: that of the vectors.
        progress: Show progress on stderr.

    Raises:
        InputError: Too few pairs to support the rate, no two images of one class, or distances that cannot
            separate classes at this rate.
        ConfigError: A number out of range, or an unknown distance.
    """
    if not isinstance(fingerprint, str):
        raise ConfigError(f"fingerprint must be the text that names a model, but is {fingerprint!r}.")
    pairs = _pairs(vectors, labels, distance, device)
    classes = int(pairs.codes.max()) + 1
    check_resampling(level, repeats, classes)
    same_pairs, different_pairs = pairs.counts
    rate = _rate_to_use(torch.bincount(pairs.codes).cpu().numpy(), false_match_rate)
    with progress_bar("blocks of pairs", 2 * pairs.block_count, enabled=progress) as bar:
        counts = count_distances(pairs, bar)
        chosen = _threshold(counts, math.floor(rate * different_pairs), rate)
        false_match, false_non_match = _rates_at(pairs, chosen, level, repeats, seed, bar)
    equal_error_rate, equal_error_distance = _equal_error(counts, same_pairs, different_pairs)
    return Threshold(
        distance=chosen,
        distance_name=distance if isinstance(distance, str) else distance.name,
        wanted_false_match_rate=rate,
        false_match=false_match,
        false_non_match=false_non_match,
        equal_error_rate=equal_error_rate,
        equal_error_distance=equal_error_distance,
        level=level,
        classes=classes,
        images=len(pairs.codes),
        fingerprint=fingerprint,
        curve=_curve(counts, pairs, _CURVE_POINTS),
    )


@checked
def error_rates(
    vectors: Vectors,
    labels: Labels,
    threshold: PositiveOrZero,
    *,
    distance: str | Comparison = "cosine",
    level: InnerShare = 0.95,
    repeats: Resamplings = 1000,
    seed: Seed = 0,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> tuple[ErrorRate, ErrorRate]:
    """False-match and false-non-match rates at a given distance, such as a threshold calibrated on other classes.

    Arguments and errors as for :func:`calibrate`; pairs at ``threshold`` or nearer count as the same.
    """
    pairs = _pairs(vectors, labels, distance, device)
    check_resampling(level, repeats, int(pairs.codes.max()) + 1)
    with progress_bar("blocks of pairs", pairs.block_count, enabled=progress) as bar:
        return _rates_at(pairs, threshold, level, repeats, seed, bar)


@checked
def error_curve(
    vectors: Vectors,
    labels: Labels,
    *,
    distance: str | Comparison = "cosine",
    points: Count = 200,
    device: str | torch.device | None = None,
) -> pd.DataFrame:
    """Both error rates at growing distances, for drawing: columns distance, false_match_rate, false_non_match_rate.

    Arguments and errors as for :func:`calibrate`; at most ``points`` rows, dense where the rates change.
    """
    pairs = _pairs(vectors, labels, distance, device)
    with progress_bar("blocks of pairs", pairs.block_count, enabled=False) as bar:
        curve = _curve(count_distances(pairs, bar), pairs, points)
    return pd.DataFrame({name: list(values) for name, values in curve.model_dump().items()})


def _curve(counts: DistanceCounts, pairs: Pairs, points: int) -> ErrorCurve:
    same_pairs, different_pairs = pairs.counts
    false_match, false_non_match = counts.different / different_pairs, 1 - counts.same / same_pairs
    # Equal steps in the sum of the two changes.
    travelled = false_match - false_non_match
    rows = np.unique(np.searchsorted(travelled, np.linspace(travelled[0], travelled[-1], max(2, points))))
    return ErrorCurve(
        distance=counts.edges[rows].tolist(),
        false_match_rate=false_match[rows].tolist(),
        false_non_match_rate=false_non_match[rows].tolist(),
    )


def _pairs(
    vectors: Vectors, labels: Labels, distance: str | Comparison, device: str | torch.device | None
) -> Pairs:
    check_distance(distance)
    rows = checked_vectors(vectors)
    names = checked_labels(labels, len(rows), "labels")
    codes = torch.from_numpy(np.unique(names, return_inverse=True)[1].astype(np.int64))
    rows = rows if device is None else rows.to(pick_device(device))
    pairs = Pairs(prepare(rows, distance) if isinstance(distance, str) else rows, codes, distance)
    _supported(torch.bincount(codes).numpy())  # refuses what has no pairs of both kinds
    return pairs


@checked
def supported_rate(labels: Labels) -> float:
    """The smallest false-match rate that can be measured on images of these classes, to two digits, rounded up.

    So many pairs of different classes are needed that 30 errors are expected (Doddington's rule).

    Args:
        labels: ``(N,)`` classes: text or whole numbers.

    Returns:
        A rate; 1 or more where there are fewer than 30 pairs.

    Raises:
        InputError: No two images of one class, or all of one class.

    Example:
        >>> supported_rate(["a"] * 100 + ["b"] * 100)
        0.003
    """
    names = checked_labels(labels, None, "labels")
    return _supported(np.unique(names, return_counts=True)[1])


def _rate_to_use(counts: Counts, requested: float | None) -> float:
    """The requested rate, or the default supported by the number of images per class."""
    smallest = _supported(counts)
    if requested is None and smallest <= LARGEST_DEFAULT:
        return max(DEFAULT_RATE, smallest)
    rate = DEFAULT_RATE if requested is None else requested
    images, different_pairs = int(counts.sum()), _different_pairs(counts)
    if requested is not None and different_pairs * rate >= EXPECTED_ERRORS:
        return rate
    needed = math.ceil(EXPECTED_ERRORS / (LARGEST_DEFAULT if requested is None else rate))
    likely = different_pairs / (images * (images - 1) / 2)
    enough = math.ceil(math.sqrt(2 * needed / likely)) + 1
    ask = (
        f"ask for {smallest:g} or more (--false-match-rate {smallest:g}), or give" if smallest < 1 else "give"
    )
    raise InputError(
        f"A false-match rate of {rate:g} needs at least {math.ceil(EXPECTED_ERRORS / rate):,} pairs of different "
        f"classes, so that {EXPECTED_ERRORS} errors are expected, but these {images} images of {len(counts)} classes "
        f"give {different_pairs:,}: {ask} about {enough:,} held-out images."
    )


def _supported(counts: Counts) -> float:
    """The smallest rate that images in these numbers per class support."""
    different = _different_pairs(counts)
    if not different or counts.max() < 2:
        lacking = "two images of one class" if different else "two classes"
        raise InputError(
            f"Error rates need pairs of one class and of two, but the images ({int(counts.sum()):,}) have no {lacking}."
        )
    value = EXPECTED_ERRORS / different
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / step) * step  # to two significant digits, upwards


def _different_pairs(counts: Counts) -> int:
    images = int(counts.sum())
    return (images**2 - int((counts.astype(np.int64) ** 2).sum())) // 2


def _threshold(counts: DistanceCounts, allowed: int, rate: float) -> float:
    step = int(np.searchsorted(counts.different, allowed, side="right")) - 1
    if step < 0:
        raise InputError(
            f"More than {rate:g} of the pairs of different classes have distance 0, so no threshold keeps that rate: "
            "the images contain duplicates with different labels, or the model maps all images to the same embedding."
        )
    # Slightly lower, so that rounding cannot include another pair.
    return float(counts.edges[step] * (1 - 2.0**-22))


def _equal_error(counts: DistanceCounts, same_pairs: int, different_pairs: int) -> tuple[float, float]:
    false_match, false_non_match = counts.different / different_pairs, 1 - counts.same / same_pairs
    step = int(np.abs(false_match - false_non_match).argmin())
    return float((false_match[step] + false_non_match[step]) / 2), float(counts.edges[step])


def _rates_at(  # noqa: PLR0917 - one step of the functions above
    pairs: Pairs, threshold: float, level: float, repeats: int, seed: int, bar: Bar
) -> tuple[ErrorRate, ErrorRate]:
    same_pairs, different_pairs = pairs.counts
    groups = _groups(int(pairs.codes.max()) + 1, seed).to(pairs.codes.device)
    matches, misses, same = errors_by_group(pairs, groups, threshold, bar)
    resampled = _resampled(pairs, groups, (matches, misses, same), repeats, seed)
    return (
        _rate(int(matches.sum()), different_pairs, resampled[:, :1], level),
        _rate(int(misses.sum()), same_pairs, resampled[:, 1:], level),
    )


def _groups(classes: int, seed: int) -> Tensor:
    if classes <= _MOST_GROUPS:
        return torch.arange(classes)
    return torch.randperm(classes, generator=torch.Generator().manual_seed(seed)) % _MOST_GROUPS


def _resampled(
    pairs: Pairs, groups: Tensor, errors: tuple[Counts, Counts, Counts], repeats: int, seed: int
) -> NDArray[np.float64]:
    """``(repeats, 2)``: false-match and false-non-match rates if classes are drawn with replacement.

    The weight of a pair of two classes is the product of the numbers of their draws; a class drawn twice forms no pair
    with itself.
    """
    matches, misses, same = errors
    per_class = torch.bincount(pairs.codes).double()
    images = torch.zeros(len(misses), dtype=torch.float64, device=groups.device).index_add_(
        0, groups, per_class
    )
    squares = torch.zeros_like(images).index_add_(0, groups, per_class.square())
    sizes, inner = images.cpu().numpy(), squares.cpu().numpy()
    order = pairs.counts[1] / (sizes.sum() ** 2 - inner.sum())  # 1/2 if each pair occurs once
    rates = []
    for weights in draws(len(sizes), repeats, seed):
        different = order * ((weights @ sizes) ** 2 - weights**2 @ inner)
        false = ((weights @ matches) * weights).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            rates.append(np.stack([false / different, (weights @ misses) / (weights @ same)], 1))
    drawn = np.concatenate(rates)
    finite: NDArray[np.float64] = drawn[np.isfinite(drawn).all(1)]
    return finite  # a draw of a single class has no pair of two classes


def _rate(errors: int, pairs: int, resampled: NDArray[np.float64], level: float) -> ErrorRate:
    low, high = percentile_interval(resampled, level)[0]
    from scipy.stats import binomtest  # takes a second to load, and searching does without

    wilson = binomtest(errors, pairs).proportion_ci(level, method="wilson")
    return ErrorRate(
        rate=errors / pairs,
        low=max(0.0, min(low, float(wilson.low))),
        high=min(1.0, max(high, float(wilson.high))),
        pairs=pairs,
    )
