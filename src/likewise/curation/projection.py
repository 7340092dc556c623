"""A two-dimensional map of embeddings: principal components, or UMAP."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from torch import Tensor

from likewise.arguments import checked
from likewise.arrays import Floats, Floats32
from likewise.bounds import Seed
from likewise.errors import InputError, MissingExtraError
from likewise.models import Embeddings
from likewise.readable import readable
from likewise.retrieval.distances import Vectors, checked_vectors
from likewise.torch_settings import threads_stay

Method = Literal["pca", "umap"]

_BLOCK_ROWS = 8192
_NEIGHBORS = 15  # the default of umap-learn
_FEWEST_FOR_UMAP = 4


@readable
@dataclass(frozen=True)
class Projection:
    """The result of :func:`projection`.

    Attributes:
        points: ``(N, 2)`` float32 in 0..1. Both axes have one scale: the longer one fills 0..1, the other is centred.
        method: "pca" or "umap".
        explained_variance: Share of the variance along the two axes of a PCA, each 0 to 1; None for UMAP.
    """

    points: Floats32
    method: Method
    explained_variance: tuple[float, float] | None


@checked
def projection(vectors: Vectors | Embeddings, method: Method = "pca", seed: Seed = 0) -> Projection:
    """Two coordinates per image, for a map on which similar images lie close together.

    Args:
        vectors: ``(N, D)``, one row per image. They are used as they are: normalise them first for a cosine map.
        method: "pca" (linear, exact, quick; keeps large distances) or "umap" (keeps neighbourhoods, distances
            between groups mean little; needs ``pip install 'likewise[map]'``).
        seed: Seed of UMAP. PCA is deterministic.

    Raises:
        InputError: Vectors that are not finite, or fewer than 4 rows for UMAP.
        MissingExtraError: UMAP is not installed.

    Example:
        >>> projection(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 1.0]])).points.shape
        (3, 2)

    Source: McInnes, Healy & Melville 2018 (UMAP), by umap-learn.
    """
    rows = checked_vectors(vectors.vectors if isinstance(vectors, Embeddings) else vectors)
    if method == "umap":
        return Projection(_fitted(_umap(rows.cpu().numpy(), seed)), method, None)
    scores, variances = _principal_scores(rows)
    return Projection(_fitted(scores), method, variances)


def _principal_scores(rows: Tensor) -> tuple[Floats, tuple[float, float]]:
    """Coordinates ``(N, 2)`` along the first two components, and their shares of the variance."""
    center = rows.mean(0, dtype=torch.float64)
    count, width = rows.shape
    if count < width:
        centered = rows.double() - center
        values, vectors, total = _largest_two((centered @ centered.T).cpu().numpy())
        scores = vectors * np.sqrt(values)
    else:
        scatter = torch.zeros((width, width), dtype=torch.float64, device=rows.device)
        for block in torch.split(rows, _BLOCK_ROWS):
            centered = block.double() - center
            scatter += centered.T @ centered
        values, vectors, total = _largest_two(scatter.cpu().numpy())
        axes = torch.from_numpy(vectors).to(rows.device)
        blocks = [(block.double() - center) @ axes for block in torch.split(rows, _BLOCK_ROWS)]
        scores = torch.cat(blocks).cpu().numpy()
    # The sign of an axis is arbitrary; fixed here, so that the same vectors give the same map on every machine.
    extremes = scores[np.abs(scores).argmax(0), [0, 1]]
    scores = np.where(extremes < 0, -scores, scores)
    shares = values / total if total > 0 else np.zeros(2)
    return scores, (float(shares[0]), float(shares[1]))


def _largest_two(matrix: Floats) -> tuple[Floats, Floats, float]:
    """The two largest eigenvalues, largest first, their vectors ``(K, 2)``, and the sum of all eigenvalues."""
    total, size = float(np.trace(matrix)), len(matrix)
    values, vectors = eigh(matrix, subset_by_index=[max(0, size - 2), size - 1])
    values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
    if size == 1:
        values, vectors = np.append(values, 0.0), np.column_stack([vectors, np.zeros(1)])
    return values, np.ascontiguousarray(vectors), total


def check_umap(images: int) -> None:
    """Refuse a map by UMAP that cannot be made, before any work.

    Raises:
        InputError: Fewer than 4 images.
        MissingExtraError: UMAP is not installed.
    """
    if images < _FEWEST_FOR_UMAP:
        raise InputError(
            f"UMAP needs at least {_FEWEST_FOR_UMAP} images, but there are {images}: use the method 'pca'."
        )
    if find_spec("umap") is None:
        raise MissingExtraError("A map with UMAP", "map")


def _umap(rows: NDArray[np.float32], seed: int) -> Floats:
    check_umap(len(rows))
    with threads_stay(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import umap

        # Spectral initialisation fails on few or equal rows; one thread, because several make the result random.
        reducer: Any = umap.UMAP(
            n_neighbors=min(_NEIGHBORS, len(rows) - 1), init="pca", random_state=seed % 2**32, n_jobs=1
        )
        points: Floats = reducer.fit_transform(rows).astype(np.float64)
    return points


def _fitted(points: Floats) -> Floats32:
    """Points scaled alike along both axes into 0..1, centred; all in the middle if they are equal."""
    low, high = points.min(0), points.max(0)
    span = float((high - low).max())
    middle = (low + high) / 2
    scaled = (points - middle) / span if span > 0 else np.zeros_like(points)
    return np.clip(scaled + 0.5, 0, 1).astype(np.float32)
