"""The distances a search can use, all of them a squared Euclidean distance of *prepared* vectors.

cosine: 1 - cos(a, b) = |a' - b'|^2 / 2 with a', b' of length 1. SNR: var(a - b) / var(a) = |a' - b'|^2 / |a'|^2
with a', b' less their own mean. So one search serves all three, and small distances come from differences
instead of from 1 minus nearly 1.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from likewise.arguments import checked
from likewise.arrays import as_array, as_numbers
from likewise.avsl.search.comparison import AVSLComparison
from likewise.distances import DISTANCES, require_vector_distance
from likewise.errors import ConfigError, InputError
from likewise.models import SimilarityModel

Vectors = np.ndarray | Tensor

_CHUNK_ROWS = 8192
LARGEST_VALUE = 1e15  # squares of larger values leave the range of float32
_NEARLY_EQUAL = 1e-4  # squared distance, relative to the squared lengths, below which a product is too coarse


@runtime_checkable
class Comparison(Protocol):
    """A distance that searches in its own way, such as the one of AVSL; smaller is more similar."""

    name: str

    def nearest(
        self, queries: Tensor, gallery: Tensor, k: int, self_index: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The k nearest gallery rows of each query row, nearest first; equal distances by lower index.

        Args:
            queries: ``(Q, D)`` float32.
            gallery: ``(N, D)`` float32, the same tensor as ``queries`` in leave-one-out.
            k: 1 to N, or N - 1 with ``self_index``.
            self_index: ``(Q,)`` int64: the gallery row of the query itself, which is excluded; -1 for none.

        Returns:
            Indices ``(Q, k)`` int64 and distances ``(Q, k)`` float32.
        """
        ...

    def pairwise(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """All distances ``(Q, N)`` float32 of two blocks small enough for that."""
        ...


def check_distance(distance: str | Comparison) -> None:
    """Refuse an unknown name.

    Raises:
        ConfigError: It is neither one of DISTANCES nor a Comparison.
    """
    if isinstance(distance, str):
        require_vector_distance(distance)
    elif not isinstance(distance, Comparison):
        raise ConfigError(
            f"A distance must be one of {', '.join(DISTANCES)}, or an object with nearest and pairwise, "
            f"not a {type(distance).__name__}."
        )


def checked_vectors(vectors: Vectors, name: str = "vectors") -> Tensor:
    """``vectors`` as a float32 tensor ``(N, D)`` without a copy where that is possible; tensors stay on their device.

    Raises:
        InputError: No numbers, another shape, no rows, or a value that is not finite (or beyond 1e15).
    """
    rows = _tensor(vectors, name)
    if rows.dim() != 2 or 0 in rows.shape:
        raise InputError(
            f"{name} must be (N, D) with at least one row and column, but got {tuple(rows.shape)}."
        )
    rows = rows.to(torch.float32).contiguous()
    for start in range(0, len(rows), _CHUNK_ROWS):
        fine = rows[start : start + _CHUNK_ROWS].abs().amax(1) <= LARGEST_VALUE  # False for NaN too
        if not bool(fine.all()):
            row = start + int((~fine).int().argmax())
            raise InputError(
                f"Row {row} of {name} contains a value that is not finite or beyond {LARGEST_VALUE:g}: "
                "such an embedding has no distance; leave the image out or look at its model."
            )
    return rows


def _tensor(vectors: Vectors, name: str) -> Tensor:
    """The numbers of any array-like as a tensor."""
    if isinstance(vectors, Tensor) and vectors.layout == torch.strided and not vectors.is_complex():
        return vectors.detach()
    values = as_array(vectors, name)
    if values.dtype.kind != "f" or values.dtype.itemsize > 8:
        values = as_numbers(vectors, name)
    if any(stride < 0 for stride in values.strides) or not values.flags.writeable:
        values = values.copy()
    return torch.from_numpy(values)


def prepare(vectors: Tensor, distance: str, name: str = "vectors") -> Tensor:
    """Rows float32 ``(N, D)`` whose squared Euclidean distance orders as ``distance`` does.

    Raises:
        InputError: A row of zeros for cosine, or of equal values for SNR: the distance is not defined.
    """
    if distance == "euclidean":
        return vectors
    prepared = torch.empty_like(vectors)
    for start in range(0, len(vectors), _CHUNK_ROWS):
        rows = vectors[start : start + _CHUNK_ROWS].double()
        if distance == "snr":
            rows -= rows.mean(1, keepdim=True)
        length = rows.norm(dim=1, keepdim=True)
        if distance == "cosine":
            if not bool((length > 0).all()):
                row = start + int((length == 0).int().argmax())
                raise InputError(
                    f"Row {row} of {name} is all zeros: it has no cosine distance; leave it out."
                )
            rows /= length
        prepared[start : start + _CHUNK_ROWS] = rows.float()
    return prepared


def finish(squared: Tensor, queries: Tensor, distance: str) -> Tensor:
    """Distances float32 from squared distances ``(Q, k)`` float64 of prepared rows.

    Raises:
        InputError: A query without variance has no SNR distance.
    """
    if distance == "euclidean":
        return squared.sqrt().float()
    if distance == "cosine":
        return (squared / 2).clamp_(max=2.0).float()
    return (squared / _variances(queries)).float()


def to_each(query: Tensor, rows: Tensor, distance: str) -> Tensor:
    """Distances ``(N,)`` float32 of one vector ``(D,)`` to each of ``rows`` ``(N, D)``, exact as in a search."""
    return to_own(query[None], rows[None], distance)[0]


def to_own(queries: Tensor, rows: Tensor, distance: str) -> Tensor:
    """Distances ``(Q, k)`` float32 of queries ``(Q, D)`` to rows of their own ``(Q, k, D)``, exact as in a search."""
    first = prepare(queries, distance, "the query")
    others = prepare(rows.flatten(0, 1), distance).view_as(rows)
    squared = torch.linalg.vector_norm(others.double() - first[:, None], dim=2).square_()
    return finish(squared, first, distance)


def prepared_distances(queries: Tensor, gallery: Tensor, distance: str) -> Tensor:
    """All distances ``(Q, N)`` float32 of two blocks of prepared rows, as a matrix product.

    Nearly equal pairs are computed again from their differences, so that small distances are right.
    """
    squared_a, squared_b = queries.square().sum(1, keepdim=True), gallery.square().sum(1)
    lengths = squared_a + squared_b
    squared = torch.addmm(lengths, queries, gallery.T, alpha=-2).clamp_(min=0)
    row, column = (squared < _NEARLY_EQUAL * lengths).nonzero(as_tuple=True)
    for start in range(0, len(row), _CHUNK_ROWS):
        r, c = row[start : start + _CHUNK_ROWS], column[start : start + _CHUNK_ROWS]
        squared[r, c] = (queries[r] - gallery[c]).square_().sum(1)
    if distance == "euclidean":
        return squared.sqrt_()
    return squared.div_(2) if distance == "cosine" else squared.div_(_variances(queries).float())


def _variances(queries: Tensor) -> Tensor:
    variances = queries.double().square().sum(1, keepdim=True)
    if not bool((variances > 0).all()):
        row = int((variances == 0).int().argmax())
        raise InputError(
            f"Query {row} has the same value in every dimension: the SNR distance var(a - b) / var(a) divides by "
            "its variance; leave it out or use another distance."
        )
    return variances


@checked
def search_distance(model: SimilarityModel) -> str | Comparison:
    """The name of the model's distance, or for AVSL models the Comparison with their links and reliabilities.

    Raises:
        ModelError: An AVSL head that has no links yet.
    """
    if model.distance != "avsl":
        return model.distance
    head: Any = model.network.embedder.head  # type: ignore[union-attr]  # an AVSLHead
    return AVSLComparison(head.distance())
