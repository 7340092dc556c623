"""Random choices in words, for the makers of articles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")


class Draws:
    """A generator with the few ways of drawing that a shape needs.

    Args:
        generator: Source of the random numbers.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def between(self, low: float, high: float) -> float:
        """A number, all equally likely."""
        return float(self._generator.uniform(low, high))

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return int(self._generator.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Whether something happens."""
        return bool(self._generator.random() < probability)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """One of ``choices``, all equally likely."""
        return choices[int(self._generator.integers(len(choices)))]

    def walk(self, count: int, low: float, high: float, step: float) -> list[float]:
        """``count`` numbers from ``low`` to ``high``, each at most ``step`` from the one before."""
        values = [self.between(low, high)]
        while len(values) < count:
            near = values[-1] + self.between(-step, step)
            values.append(min(max(near, low), high))
        return values
