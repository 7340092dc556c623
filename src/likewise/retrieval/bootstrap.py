"""Intervals by resampling: of classes (the default: images of one class are not independent) or of queries.

Classes or queries are resampled; the gallery is fixed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.arrays import Floats
from likewise.bounds import InnerShare, Resamplings
from likewise.errors import ConfigError, InputError, choices
from likewise.seeds import stream

Unit = Literal["classes", "queries"]
Average = Literal["micro", "macro"]

_CHUNK_WEIGHTS = 1 << 21  # resampling weights held at once


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Clusters:
    """Values summed within the units that are resampled.

    Attributes:
        sums: ``(U, M)`` sum over the members of each unit, of each of M values.
        counts: ``(U,)`` members of each unit.
    """

    sums: Floats
    counts: Floats

    @classmethod
    def of(cls, values: Floats, groups: NDArray[np.int64] | None) -> "Clusters":
        """Sum ``values`` ``(Q, M)`` within ``groups`` ``(Q,)``; None makes every row a unit of its own."""
        if groups is None:
            return cls(values, np.ones(len(values)))
        codes = np.unique(groups, return_inverse=True)[1]
        sums = np.stack([np.bincount(codes, column) for column in values.T], 1).astype(np.float64)
        return cls(sums, np.bincount(codes).astype(np.float64))

    def mean(self, average: Average = "micro") -> Floats:
        """``(M,)``: the mean over members, or over units of their means."""
        means: Floats = self._means(np.ones((1, len(self.counts))), average)[0]
        return means

    def resampled(self, repeats: int, seed: int, average: Average = "micro") -> Floats:
        """Means ``(repeats, M)`` of units drawn with replacement."""
        return np.concatenate([self._means(w, average) for w in draws(len(self.counts), repeats, seed)])

    def _means(self, weights: Floats, average: Average) -> Floats:
        macro = average == "macro"
        sums = self.sums / self.counts[:, None] if macro else self.sums
        means: Floats = (weights @ sums) / (weights.sum(1) if macro else weights @ self.counts)[:, None]
        return means


def draws(units: int, repeats: int, seed: int) -> Iterator[Floats]:
    """Counts of each unit, ``(r, units)`` at a time, ``repeats`` rows in all; each row sums to ``units``."""
    random = stream(seed, "bootstrap")
    share = np.full(units, 1.0 / units)
    step = max(1, _CHUNK_WEIGHTS // units)
    for start in range(0, repeats, step):
        yield random.multinomial(units, share, size=min(step, repeats - start)).astype(np.float64)


def percentile_interval(samples: Floats, level: float) -> list[Interval]:
    """The central ``level`` of the rows of ``(repeats, M)``: one interval for each column."""
    tail = (1 - level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], axis=0)
    return [Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)]


@checked
def check_resampling(level: InnerShare, repeats: Resamplings, units: int, unit: str = "classes") -> None:  # noqa: ARG001 - bounds are checked
    """Refuse what gives no interval.

    Raises:
        ConfigError: ``level`` or ``repeats`` out of range.
        InputError: Fewer than two units to resample.
    """
    if units < 2:
        raise InputError(f"Resampling {unit} needs at least two of them, but there is {units}.")


def check_choice(value: str, valid: object, what: str) -> None:
    """Check that a value is one of a Literal.

    Raises:
        ConfigError: It is another word.
    """
    if value not in get_args(valid):
        raise ConfigError(f"{what} cannot be {value!r}: {choices(str(value), get_args(valid))}")
