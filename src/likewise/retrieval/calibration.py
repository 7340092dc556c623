"""Calibration: from embeddings of held-out classes to the distance below which two images count as the same.

The threshold is the largest distance at which no more than the wanted share of pairs of *different* classes would
count as the same (false matches). The share of pairs of one class it misses (false non-matches) is what that costs.
The classes must be new to the model: on classes it was trained with, both rates look far too good.
"""

import math

import numpy as np
import pandas as pd
import torch

from likewise.arguments import checked
from likewise.bounds import Count, InnerShare, PositiveOrZero, Resamplings, Seed
from likewise.errors import ConfigError, InputError
from likewise.models.devices import pick_device
from likewise.progress import progress_bar
from likewise.retrieval._error_rates import rates_at
from likewise.retrieval._pairs import Counts, DistanceCounts, Pairs, count_distances
from likewise.retrieval.bootstrap import check_resampling
from likewise.retrieval.distances import Comparison, Vectors, check_distance, checked_vectors, prepare
from likewise.retrieval.labels import Labels, checked_labels
from likewise.retrieval.threshold import ErrorCurve, ErrorRate, Threshold

DEFAULT_RATE = 0.001
# Above this rate of false non-matches, more pairs of one class are missed than found.
MOST_MISSED = 0.5
LARGEST_DEFAULT = 0.1  # a rate beyond says too little to be chosen unasked
EXPECTED_ERRORS = 30  # Doddington's rule: a rate is known to about a third from 30 errors on
_CURVE_POINTS = 200


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
        false_match, false_non_match = rates_at(pairs, chosen, level, repeats, seed, bar)
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
        return rates_at(pairs, threshold, level, repeats, seed, bar)


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
