"""Candidates of the queries of many threads, from one matrix product."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
from numpy.typing import NDArray

from likewise.serve.batching import Batcher
from likewise.serve.vector_memory import Candidates, Rows, candidates

_MOST_QUERIES = 64  # in a matrix product

Chosen = tuple[Rows, NDArray[np.float32]]


class CandidateSearches:
    """Selects candidates, together with those of other threads or with others of the same thread."""

    def __init__(self) -> None:
        self._batcher: Batcher[Candidates, Chosen] = Batcher(candidates, _MOST_QUERIES, "candidates")
        self._together = threading.local()

    def __call__(self, wanted: Candidates) -> Chosen:
        """Positions of the candidates, and their exact distances; see :func:`candidates`."""
        known: Sequence[tuple[Candidates, Chosen]] = getattr(self._together, "chosen", ())
        for each, chosen in known:
            if each.most == wanted.most and all(a is b for a, b in zip(each[:3], wanted[:3], strict=True)):
                return chosen
        return self._batcher(wanted)

    def expecting(self) -> AbstractContextManager[None]:
        """Announce a query that follows the block."""
        return self._batcher.expecting(1)

    @contextmanager
    def together(self, wanted: Sequence[Candidates]) -> Iterator[None]:
        """Select the candidates of several queries at once; the block asks for them one by one."""
        self._together.chosen = list(zip(wanted, candidates(list(wanted)), strict=True))
        try:
            yield
        finally:
            self._together.chosen = ()

    def release(self) -> None:
        """Let the thread end."""
        self._batcher.release()
