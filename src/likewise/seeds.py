"""One seed, many independent streams: every random choice names the stream it draws from.

``stream(seed, "sampler", epoch)`` gives the same numbers wherever and whenever it is called, so that
no result depends on how many workers there are or on what was drawn before.
"""

import zlib
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from likewise.errors import ConfigError

if TYPE_CHECKING:
    import torch


def derived_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream called ``names`` under ``seed``.

    Raises:
        ConfigError: ``seed`` is negative.
    """
    if not isinstance(seed, Integral) or seed < 0:
        raise ConfigError(f"A seed is a whole number of 0 or more, not {seed!r}.")
    words = [zlib.crc32(name.encode()) if isinstance(name, str) else name for name in names]
    return int(np.random.SeedSequence([seed, *words]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the stream called ``names`` under ``seed``."""
    return np.random.default_rng(derived_seed(seed, *names))


def torch_stream(seed: int, *names: str | int) -> "torch.Generator":
    """A CPU torch generator for the stream called ``names`` under ``seed``."""
    import torch

    return torch.Generator().manual_seed(derived_seed(seed, *names))
