"""Significance rule for the verdicts of all audits.

An effect is *shown* when its test, corrected for the number of tests behind the verdict (Holm), is below 0.05 and its
95 % interval excludes zero: the two can disagree for few units, and a verdict needs both. A sign permutation over U
units cannot give less than 2 / 2^U, so below :func:`fewest_units` no difference can be significant.
"""

import math

from likewise import results
from likewise.retrieval import Interval

LEVEL = 0.05


def fewest_units(tests: int = 1, level: float = LEVEL) -> int:
    """Smallest number of units (classes, pairs) with which a sign permutation can be significant.

    Args:
        tests: Tests the p-value is corrected for (Holm: the smallest is multiplied by their number).
        level: Level of significance.

    Example:
        >>> fewest_units(), fewest_units(tests=2)
        (6, 7)
    """
    return next(units for units in range(1, 64) if tests * 2.0 ** (1 - units) < level)


def is_shown(p_value: float, interval: Interval, level: float = LEVEL) -> bool:
    """Whether an effect differs from zero by its (corrected) test and by its interval; False for NaN."""
    return is_gain(p_value, interval, level) or is_loss(p_value, interval, level)


def is_gain(p_value: float, interval: Interval, level: float = LEVEL) -> bool:
    """Whether an effect is shown, and above zero."""
    return p_value < level and interval.low > 0


def is_loss(p_value: float, interval: Interval, level: float = LEVEL) -> bool:
    """Whether an effect is shown, and below zero."""
    return p_value < level and interval.high < 0


def units_needed(units: int, interval: Interval, margin: float) -> int:
    """About how many units like these give an interval of half-width ``margin``; widths fall with the square root.

    At least one more than there are.

    Example:
        >>> units_needed(10, Interval(-0.2, 0.2), 0.1)
        40
    """
    half = (interval.high - interval.low) / 2
    if not (math.isfinite(half) and margin > 0):
        return 2 * units
    return max(units + 1, math.ceil(units * (half / margin) ** 2 - 1e-9))


def percent(share: float, digits: int = 0) -> str:
    """A share for a sentence or a headline.

    >>> percent(0.942), percent(-0.0001)
    ('94 %', '0 %')
    """
    return results.percent(share, digits)


def interval_words(low: float, high: float) -> str:
    """An interval of changes for a sentence.

    >>> interval_words(-0.458, -0.115)
    '-45.8 % to -11.5 %'
    """
    return f"{results.signed_percent(low)} to {results.signed_percent(high)}"


def p_words(value: float) -> str:
    """A p-value for a sentence.

    >>> p_words(0.0004), p_words(0.0312)
    ('< 0.001', '0.031')
    """
    return "< 0.001" if value < 0.001 else f"{value:z.3f}"
