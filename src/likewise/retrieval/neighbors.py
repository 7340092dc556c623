"""Exact nearest neighbours in blocks of bounded memory: leave-one-out or query against gallery.

Never an N x N matrix: at 60,000 x 128 the search needs less than 300 MB above the vectors. A query's own row is
taken out by its index, so duplicates at distance 0 stay in the answer. Equal distances are ordered by the lower
gallery index. Results are those of float64 arithmetic, whatever the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.bounds import Count
from likewise.errors import InputError
from likewise.models.devices import pick_device
from likewise.progress import progress_bar
from likewise.readable import readable
from likewise.retrieval._search import Searcher
from likewise.retrieval.distances import (
    Comparison,
    Vectors,
    check_distance,
    checked_vectors,
    finish,
    prepare,
)


@readable
@dataclass(frozen=True)
class Neighbors:
    """The answer to :func:`nearest`.

    Attributes:
        indices: ``(Q, k)`` int64 rows of the gallery, nearest first.
        distances: ``(Q, k)`` float32, ascending; 0 for equal vectors. Cosine is in [0, 2].
    """

    indices: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class NeighborBlock:
    """The neighbours of some of the queries.

    Attributes:
        rows: ``(B,)`` int64, which queries.
        indices: ``(B, k)`` int64.
        distances: ``(B, k)`` float32; None if not requested.
    """

    rows: Tensor
    indices: Tensor
    distances: Tensor | None


@checked
def nearest(
    queries: Vectors,
    gallery: Vectors | None = None,
    k: Count = 10,
    *,
    distance: str | Comparison = "cosine",
    exclude_self: bool = True,
    self_index: np.ndarray | None = None,
    device: str | torch.device | None = None,
    block_rows: Count | None = None,
    progress: bool = False,
) -> Neighbors:
    """The k nearest gallery rows of each query.

    Args:
        queries: ``(Q, D)``, any scale; cosine takes their length out.
        gallery: ``(N, D)``; None searches the queries themselves.
        k: At most N, or N - 1 where own rows are left out.
        distance: "cosine", "euclidean", "snr" (var(query - other) / var(query)), or a Comparison.
        exclude_self: Without a gallery: leave out each query's own row (leave-one-out).
        self_index: With a gallery: ``(Q,)``, the gallery row that is the query itself, or -1; it is left out.
        device: Device to search on. None: that of the vectors.
        block_rows: Queries per block. None: chosen automatically. The result does not depend on it.
        progress: Show progress on stderr.

    Raises:
        InputError: Shapes that do not fit, values that are not finite, k out of range.
        ConfigError: An unknown distance.

    Example:
        >>> nearest(np.array([[0.0], [1.0], [3.0]]), k=1, distance="euclidean").indices.tolist()
        [[1], [0], [1]]
    """
    search = NeighborSearch(queries if gallery is None else gallery, distance, device)
    if gallery is None:
        masked = np.arange(len(search)) if exclude_self else None
        if self_index is not None:
            raise InputError("'self_index' names rows of a gallery, but no gallery is given: leave it out.")
        rows = search.vectors
    else:
        masked, rows = self_index, search.accept(queries)
    search.check_k(k, masked is not None)
    result_indices = np.empty((len(rows), k), np.int64)
    result_distances = np.empty((len(rows), k), np.float32)
    blocks = search.blocks(rows, k, self_index=masked, prepared=gallery is None, block_rows=block_rows)
    with progress_bar("searches", len(rows), enabled=progress) as bar:
        for block in blocks:
            where = block.rows.numpy()
            result_indices[where] = block.indices.cpu().numpy()
            if block.distances is not None:
                result_distances[where] = block.distances.cpu().numpy()
            bar.advance(len(where))
    return Neighbors(result_indices, result_distances)


@checked
class NeighborSearch:
    """A gallery that many sets of queries are searched in.

    Args:
        gallery: ``(N, D)``. It may be used without a copy: do not change it.
        distance: As for :func:`nearest`.
        device: As for :func:`nearest`.
    """

    def __init__(
        self,
        gallery: Vectors,
        distance: str | Comparison = "cosine",
        device: str | torch.device | None = None,
    ) -> None:
        check_distance(distance)
        self.distance = distance
        rows = checked_vectors(gallery, "the gallery")
        rows = rows if device is None else rows.to(pick_device(device))
        self.vectors = rows if not isinstance(distance, str) else prepare(rows, distance, "the gallery")
        self._searcher: Searcher | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def accept(self, queries: Vectors) -> Tensor:
        """Queries as float32 on the gallery's device; prepare them before searching.

        Raises:
            InputError: Another width than the gallery's, or values that are not finite.
        """
        rows = checked_vectors(queries, "the queries").to(self.vectors.device)
        if rows.shape[1] != self.vectors.shape[1]:
            raise InputError(
                f"Queries have {rows.shape[1]} dimensions and the gallery {self.vectors.shape[1]}: "
                "embed both with the same model."
            )
        return rows

    def blocks(
        self,
        queries: Tensor,
        k: Count,
        *,
        self_index: np.ndarray | Tensor | None = None,
        rows: Tensor | None = None,
        prepared: bool = False,
        distances: bool = True,
        block_rows: Count | None = None,
    ) -> Iterator[NeighborBlock]:
        """Search in blocks.

        Args:
            queries: ``(Q, D)`` from :meth:`accept`, or ``self.vectors`` with ``prepared``.
            k: Neighbours per query.
            self_index: As for :func:`nearest`, for all Q.
            rows: ``(B,)`` int64, the queries to search. None: all.
            prepared: Whether the queries are rows of ``self.vectors``.
            distances: False omits the distances, which is faster.
            block_rows: As for :func:`nearest`.

        Raises:
            InputError: k or ``self_index`` out of range.
        """
        masked = None if self_index is None else checked_self_index(self_index, len(queries), len(self))
        self.check_k(k, masked is not None)
        chosen = torch.arange(len(queries)) if rows is None else rows
        if not isinstance(self.distance, str):
            yield self._own_way(self.distance, queries, k, masked, chosen)
            return
        if self._searcher is None:
            self._searcher = Searcher(self.vectors)
        for part in torch.split(chosen, min(block_rows or len(chosen), self._searcher.rows_per_block(k))):
            block = queries[part.to(queries.device)]
            block = block if prepared else prepare(block, self.distance, "the queries")
            hidden = None if masked is None else masked[part].to(block.device)
            near = self._searcher.search(block, k, hidden, all_exact=distances)
            values = finish(near.squared, block, self.distance) if distances else None
            yield NeighborBlock(part, near.indices, values)

    def _own_way(
        self, distance: Comparison, queries: Tensor, k: int, self_index: Tensor | None, rows: Tensor
    ) -> NeighborBlock:
        chosen = queries if len(rows) == len(queries) else queries[rows.to(queries.device)]
        hidden = None if self_index is None else self_index[rows].to(queries.device)
        indices, values = distance.nearest(chosen, self.vectors, k, hidden)
        return NeighborBlock(rows, indices, values)

    def check_k(self, k: Count, masked: bool) -> None:
        """Check that the gallery has enough neighbours; ``masked``: one of them is the query itself.

        Raises:
            InputError: It is not a whole number, or out of range.
        """
        most = len(self) - masked
        if k > most:
            raise InputError(
                f"k must be between 1 and {most}, the size of the gallery{' without the query' if masked else ''}, "
                f"but is {k!r}."
            )


def checked_self_index(self_index: np.ndarray | Tensor, queries: int, gallery: int) -> Tensor:
    """``self_index`` as ``(Q,)`` int64.

    Raises:
        InputError: Another shape or type, or rows outside the gallery.
    """
    rows = torch.from_numpy(as_numbers(self_index, "'self_index'"))
    if rows.shape != (queries,) or bool((rows != rows.round()).any()):
        raise InputError(
            f"'self_index' must hold one gallery row for each of the {queries} queries, or -1 for none."
        )
    if int(rows.min()) < -1 or int(rows.max()) >= gallery:
        raise InputError(f"'self_index' must be -1 or a row of the gallery, 0 to {gallery - 1}.")
    return rows.long()
