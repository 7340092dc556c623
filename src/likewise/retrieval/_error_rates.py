"""Error rates of all pairs at a distance, with intervals from resampled classes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.progress import Bar
from likewise.retrieval._pairs import Counts, Pairs, errors_by_group
from likewise.retrieval.bootstrap import draws, percentile_interval
from likewise.retrieval.threshold import ErrorRate

_MOST_GROUPS = 1024  # classes beyond are put together for resampling, so that memory stays bounded


def rates_at(  # noqa: PLR0917 - one step of the functions above
    pairs: Pairs, threshold: float, level: float, repeats: int, seed: int, bar: Bar
) -> tuple[ErrorRate, ErrorRate]:
    """False-match and false-non-match rates at a distance, with their intervals; ``bar`` counts the blocks of pairs."""
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
