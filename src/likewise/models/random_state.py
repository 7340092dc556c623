"""Drawing from torch's own generator without anybody noticing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_drawing = threading.RLock()


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore torch's random state of the CPU after the block, for code that draws from it or sets its seed.

    One thread at a time: there is one CPU generator, and another thread must neither draw from it nor restore it in
    between. The generators of GPUs are left alone.
    """
    with _drawing, torch.random.fork_rng(devices=[]):
        yield
