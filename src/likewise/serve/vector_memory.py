"""Vectors in memory that all versions of an index share: rows are appended, and never change."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.retrieval.distances import prepare, to_own

Rows = NDArray[np.int64]
_CHUNK_ROWS = 8192
_COMPARED_VALUES = (
    1 << 21
)  # of the rows whose exact distances are computed together: 16 MB in double precision
_MANY = 9  # queries, from which their order in the product does not matter
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

    def nearest(
        self, queries: Tensor, places: Sequence[Rows | int], most: int
    ) -> tuple[Rows, NDArray[np.float32]]:
        """Positions and exact distances ``(Q, most)`` of the rows nearest to queries ``(Q, D)``, in no certain order.

        Args:
            queries: Not prepared.
            places: For each query the rows to search, see :attr:`Candidates.places`; positions are those in it.
            most: Number of rows per query.
        """
        prepared = prepare(queries, self.distance, "the query")
        scores = self._scores(prepared, max(_end(each) for each in places))
        positions, rows = [], []
        for score, place in zip(scores, places, strict=True):
            numbers = None if isinstance(place, int) else torch.from_numpy(place)
            among = score[:place] if numbers is None else score[numbers]
            best = among.topk(most, largest=False, sorted=False).indices
            positions.append(best)
            rows.append(best if numbers is None else numbers[best])
        together = max(1, _COMPARED_VALUES // (most * queries.shape[1]))
        parts = [slice(first, first + together) for first in range(0, len(rows), together)]
        distances = [
            to_own(queries[part], self._rows[torch.stack(rows[part])], self.distance) for part in parts
        ]
        return torch.stack(positions).numpy(), torch.cat(distances).numpy()

    def _scores(self, queries: Tensor, rows: int) -> Tensor:
        """Squared distances ``(Q, rows)`` of prepared queries to the first rows, up to a constant per query."""
        gallery, numbers = self._rows[:rows], self._numbers[:rows]
        products = _products(queries, gallery)
        return products.mul_(-2).add_(numbers) if self.distance == "euclidean" else products.mul_(numbers)


class Candidates(NamedTuple):
    """A query for its candidates.

    Attributes:
        memory: Vectors to search.
        query: ``(D,)`` float32.
        places: Numbers of the rows to search, or how many of the first rows are searched.
        most: Number of candidates, no more than there are rows.
    """

    memory: VectorMemory
    query: NDArray[np.float32]
    places: Rows | int
    most: int


def candidates(queries: list[Candidates]) -> list[tuple[Rows, NDArray[np.float32]]]:
    """The nearest rows of each query as positions in its ``places``, in no certain order, and their exact distances.

    Queries of one memory share a matrix product and the computation of distances.

    Raises:
        InputError: A query that has no distance.
    """
    results: list[Any] = [None] * len(queries)
    for memory, most in dict.fromkeys((each.memory, each.most) for each in queries):
        group = [place for place, each in enumerate(queries) if each.memory is memory and each.most == most]
        vectors = torch.from_numpy(np.stack([queries[place].query for place in group]))
        chosen = memory.nearest(vectors, [queries[place].places for place in group], most)
        for place, positions, distances in zip(group, *chosen, strict=True):
            results[place] = (positions, distances)
    return results


def _products(queries: Tensor, gallery: Tensor) -> Tensor:
    """``(Q, N)``, contiguous.

    For few queries, a product with the gallery first takes a quarter of the time, and half if it has two columns
    instead of one.
    """
    few = len(queries)
    if few >= _MANY:
        return torch.mm(queries, gallery.T)
    columns = queries if few > 1 else torch.cat([queries, queries])
    return torch.mm(gallery, columns.T).T[:few].contiguous()


def _end(places: Rows | int) -> int:
    return places if isinstance(places, int) else int(places.max()) + 1
