"""Saliency maps of models with different input sizes, brought onto one grid over the same part of the photo.

A model sees the centre of a photo, ``crop_px / resize_px`` of its shorter side (of both sides if it squashes), at its
own number of pixels. Maps are cropped to the part that all models see and averaged over the cells of the coarsest grid.
The mean over each cell is preserved exactly for any two sizes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from likewise.arrays import Floats32
from likewise.data import Preprocessing
from likewise.errors import InputError
from likewise.explain import SaliencyStore


class _View(NamedTuple):
    """The part of a store's maps that all models see, in its own pixels: top, left, height, width."""

    top: float
    left: float
    height: float
    width: float


class CommonGrid:
    """Reads stores as maps of one size.

    Attributes:
        shape: (height, width) of the maps that :meth:`read` gives.
        words: Changes of the maps, for a report; empty if all have the same size and view.
    """

    def __init__(self, stores: Sequence[SaliencyStore]) -> None:
        """Determine the part of the photo and the grid size that all stores share.

        Args:
            stores: Stores of the same images.

        Raises:
            InputError: Some models see the whole photo squashed to a square, others its centre: no grid fits both.
        """
        if len({store.preprocessing.resize_mode for store in stores}) > 1:
            raise InputError(
                "Some of these models squash the whole photo to a square, others see its centre in its proportions, so "
                "their maps do not lie on each other: compare models with the same resize_mode."
            )
        seen = [_seen(store.preprocessing) for store in stores]
        smallest = min(seen)
        self._stores = list(stores)
        self._views = [
            _centre(store.shape, smallest / visible) for store, visible in zip(stores, seen, strict=True)
        ]
        self.shape: tuple[int, int] = (
            max(1, round(min(view.height for view in self._views))),
            max(1, round(min(view.width for view in self._views))),
        )
        self._same = all(store.shape == self.shape for store in stores) and len(set(seen)) == 1
        self.words = "" if self._same else self._described(smallest < max(seen))

    def read(self, store: int, start: int, stop: int) -> Floats32:
        """Maps ``start`` to ``stop`` (not included) of one of the stores, float32 (n, *shape) in 0..1."""
        return self.place(self._stores[store].read(start, stop), store)

    def place(self, maps: NDArray[np.generic], store: int) -> Floats32:
        """Values of a store's own pixels ``(..., H, W)`` on the grid."""
        if self._same:
            return np.asarray(maps, dtype=np.float32)
        view = self._views[store]
        rows = cell_means(maps.shape[-2], view.top, view.height, self.shape[0])
        columns = cell_means(maps.shape[-1], view.left, view.width, self.shape[1])
        placed: Floats32 = (rows @ maps.astype(np.float64) @ columns.T).astype(np.float32)
        return placed

    def _described(self, cut: bool) -> str:
        sizes = sorted({store.shape for store in self._stores})
        sides = ", ".join(f"{width} x {height}" for height, width in sizes)
        part = ", on the part of the photo that all models see" if cut else ""
        return f"maps of {sides} px averaged onto {self.shape[1]} x {self.shape[0]}{part}"


def cell_means(pixels: int, start: float, length: float, cells: int) -> NDArray[np.float64]:
    """Weights ``(cells, pixels)`` that average a row of pixels over equal cells of [start, start + length].

    Each row sums to 1; a pixel that a border cuts counts by the part inside.

    Example:
        >>> cell_means(4, 0, 4, 2).tolist()
        [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges = start + length * np.arange(cells + 1) / cells
    places = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    weights: NDArray[np.float64] = np.clip(overlap, 0, None) * cells / length
    return weights


def _seen(preprocessing: Preprocessing) -> float:
    """Share of the shorter side of the photo that the model sees."""
    return preprocessing.crop_px / preprocessing.resize_px


def _centre(shape: tuple[int, int], share: float) -> _View:
    height, width = (side * share for side in shape)
    return _View((shape[0] - height) / 2, (shape[1] - width) / 2, height, width)
