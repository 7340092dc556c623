"""Numbers that users give as arguments: whole ones and shares, refused in one sentence where they are none."""

import math
import os
from numbers import Integral, Real
from typing import Any

from likewise.errors import ConfigError

MOST = 2**31 - 1
"""No count of resamplings, neighbours or rows is larger."""
MOST_WORKERS = 256
"""More processes than this are a slip of the finger, and would take the machine's memory."""


def whole_number(value: Any, name: str, least: int = 1, most: int = MOST) -> int:
    """A whole number within bounds, of any integer type.

    Raises:
        ConfigError: It is none, a truth value, or out of bounds.

    Example:
        >>> whole_number(3, "k")
        3
    """
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is None or not least <= number <= most:
        top = f" and at most {most:,}" if number is not None and number > most else ""
        raise ConfigError(f"{name} must be a whole number of at least {least}{top}, but is {value!r}.")
    return number


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(value: Any, name: str) -> int:
    """A number of worker processes that this machine can hold; each takes some 250 MB.

    Raises:
        ConfigError: It is no whole number, negative, or more than four per core (8 are always allowed).
    """
    count = whole_number(value, name, 0, MOST_WORKERS)
    most = max(8, 4 * cores())
    if count > most:
        raise ConfigError(
            f"{name} is {count}, but this machine has {cores()} cores and each process takes memory of its own: give "
            f"at most {most}."
        )
    return count


def share(value: Any, name: str, example: float) -> float:
    """A number between 0 and 1, both left out.

    Raises:
        ConfigError: It is none.
    """
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not 0 < number < 1:
        raise ConfigError(f"{name} must lie between 0 and 1, for instance {example:g}, but is {value!r}.")
    return number
