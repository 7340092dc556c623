"""Pairs of images that may be copies, proposed by the layout of their colours or by a model."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from likewise.arrays import Floats32
from likewise.curation.alignment import descriptors, window_descriptors
from likewise.curation.prints import Prints
from likewise.models import Embeddings
from likewise.retrieval import NeighborSearch, nearest

# Left, width, top, height of the windows in which crops are searched for, besides the whole image.
_WINDOWS = np.array([[left, 0.8, top, 0.8] for left, top in [(0.1, 0.1), (0, 0), (0.2, 0), (0, 0.2), (0.2, 0.2)]],
                    np.float32)  # fmt: skip
_COMPONENTS = 64
_IMAGES_AT_ONCE = 4096


def layout_candidates(
    pixels: NDArray[np.uint8], neighbors: int, new_images: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Pairs in which one image resembles the other, its mirror image, or a large window of it.

    Args:
        pixels: ``(N, 32, 32, 3)`` from :func:`image_prints`.
        neighbors: Windows per image.
        new_images: ``(N,)`` images of which each pair needs at least one.

    Returns:
        ``(P, 3)`` unique rows: inner image, outer image, whether the inner one is mirrored (0 or 1).
    """
    count, every = len(pixels), np.arange(len(pixels))
    wholes = np.stack([descriptors(pixels), descriptors(pixels, mirrored=True)])
    axes = _principal_axes(wholes)
    queries = wholes @ axes
    # A new image may be a crop of an old one, and an old one a crop of a new one.
    new = np.flatnonzero(new_images)
    sides = [(every, every)] if len(new) == count else [(new, every), (every, new)]
    codes = []
    for inner, outer in sides:
        if not len(inner) or not len(outer):
            continue
        blocks = np.split(outer, range(_IMAGES_AT_ONCE, len(outer), _IMAGES_AT_ONCE))
        windows = np.concatenate([window_descriptors(pixels[rows], _WINDOWS) @ axes for rows in blocks])
        keys = np.concatenate([queries[0, outer][:, None], windows], 1).reshape(-1, axes.shape[1])
        search = NeighborSearch(_searchable(keys))
        for mirrored in (0, 1):
            rows = search.accept(_searchable(queries[mirrored, inner]))
            for block in search.blocks(rows, min(2 * neighbors + 1, len(keys)), distances=False):
                first = inner[block.rows.numpy()][:, None]
                second = outer[block.indices.numpy() // (1 + len(_WINDOWS))]
                code = (2 * (count * first + second) + mirrored)[first != second]
                codes.append(np.unique(code))
    return _rows(np.unique(np.concatenate(codes)) if codes else np.empty(0, np.int64), count)


def model_candidates(
    ids: list[str], embedded: Embeddings, prints: Prints, neighbors: int, new_images: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """As :func:`layout_candidates`: nearest neighbours by a model, in both directions, mirrored or not."""
    embedded = embedded.usable()
    place = {ids[row]: number for number, row in enumerate(prints.rows)}
    rows = [row for row, name in enumerate(embedded.ids) if name in place]
    if len(rows) < 2:
        return np.empty((0, 3), np.int64)
    numbers = np.array([place[embedded.ids[row]] for row in rows])
    distance = embedded.distance if embedded.distance != "avsl" else "euclidean"
    indices = nearest(embedded.vectors[rows], k=min(neighbors, len(rows) - 1), distance=distance).indices
    first, second = np.repeat(numbers, indices.shape[1]), numbers[indices.ravel()]
    has_new = new_images[first] | new_images[second]
    pairs = np.stack([first[has_new], second[has_new]], 1)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return np.concatenate([np.insert(both, 2, mirrored, axis=1) for mirrored in (0, 1)])


def _principal_axes(wholes: Floats32) -> Floats32:
    """The directions ``(192, 64)`` that hold nearly all of the layout."""
    rows = wholes.reshape(-1, wholes.shape[-1])
    _, axes = eigh(rows.T @ rows, subset_by_index=[rows.shape[1] - _COMPONENTS, rows.shape[1] - 1])
    return np.ascontiguousarray(axes, dtype=np.float32)


def _searchable(rows: Floats32) -> Floats32:
    """Images without contrast are close to each other; their fit refuses them."""
    rows[np.linalg.norm(rows, axis=1) < 1e-6, 0] = 1.0
    return rows


def _rows(codes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.stack([codes // 2 // count, codes // 2 % count, codes % 2], 1)
