"""Vectors in memory that all versions of an index share: rows are appended, and never change."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.retrieval.distances import prepare

Rows = NDArray[np.int64]
_CHUNK_ROWS = 8192
_SPARE = 4096  # rows for which there is room at least
_SPARE_SHARE = 8  # room for one row per so many


class VectorMemory:
    """Rows ``(N, D)`` float32, and the numbers that turn their products with a query into an order.

    Room for further rows takes no memory before it is used.

    Args:
        dim: D.
        rows: Rows that it will hold at first.
        distance: Distance of the index. Rows of "cosine" and "euclidean" can be searched, others are only stored.
    """

    def __init__(self, dim: int, rows: int, distance: str) -> None:
        room = rows + max(_SPARE, rows // _SPARE_SHARE)
        self.distance, self._count = distance, 0
        self._rows = torch.empty(room, dim)
        self._numbers = torch.empty(room)

    def __len__(self) -> int:
        return self._count

    def vectors(self, rows: Rows) -> NDArray[np.float32]:
        """A copy of the rows with these numbers."""
        vectors: NDArray[np.float32] = self._rows.numpy()[rows]
        return vectors

    def append(self, vectors: NDArray[np.float32]) -> None:
        """Store further rows, for which there must be room."""
        start, end = self._count, self._count + len(vectors)
        self._rows[start:end] = torch.from_numpy(vectors)
        for first in range(start, end, _CHUNK_ROWS):
            part = slice(first, min(first + _CHUNK_ROWS, end))
            length = torch.linalg.vector_norm(self._rows[part], dim=1)
            # cosine: |q - r/|r||^2 = 2 - 2 qr / |r|; euclidean: |q - r|^2 = |q|^2 + |r|^2 - 2 qr
            self._numbers[part] = length.square() if self.distance == "euclidean" else -2 / length
        self._count = end

    def extended(self, used: Rows, vectors: NDArray[np.float32]) -> tuple["VectorMemory", Rows]:
        """A memory with ``vectors`` besides the rows ``used``, and the numbers of all of them.

        It is this one while there is room, and a new one when too many rows are not used any more.
        """
        unused = self._count - len(used)
        if self._count + len(vectors) <= len(self._rows) and unused <= max(_SPARE, len(used) // _SPARE_SHARE):
            numbers = np.arange(self._count, self._count + len(vectors))
            self.append(vectors)
            return self, np.concatenate([used, numbers])
        made = VectorMemory(self._rows.shape[1], len(used) + len(vectors), self.distance)
        for start in range(0, len(used), _CHUNK_ROWS):
            made.append(self.vectors(used[start : start + _CHUNK_ROWS]))
        made.append(vectors)
        return made, np.arange(len(made))

    def scores(self, queries: Tensor) -> NDArray[np.float32]:
        """Squared distances ``(Q, N)`` of prepared queries ``(Q, D)`` to all rows, up to a constant per query."""
        rows, numbers = self._rows[: self._count], self._numbers[: self._count]
        if self.distance == "euclidean":
            scores = torch.addmm(numbers[None], queries, rows.T, alpha=-2)
        else:
            scores = torch.mm(queries, rows.T).mul_(numbers)
        values: NDArray[np.float32] = scores.numpy()
        return values


def prepared_query(vector: NDArray[Any], distance: str) -> Tensor:
    """A query ``(D,)`` for :meth:`VectorMemory.scores`."""
    return prepare(torch.from_numpy(vector)[None], distance, "the query")[0]


def scores(items: list[tuple[VectorMemory, Tensor]]) -> list[NDArray[np.float32]]:
    """Scores of queries; those of one memory come from one matrix product."""
    results: list[Any] = [None] * len(items)
    for memory in {id(each): each for each, _ in items}.values():
        places = [place for place, (each, _) in enumerate(items) if each is memory]
        batch = memory.scores(torch.stack([items[place][1] for place in places]))
        for place, row in zip(places, batch, strict=True):
            results[place] = row
    return results
