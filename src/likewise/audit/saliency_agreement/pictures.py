"""The images on which models agree least: the photo, and the map of every model on it."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.audit.saliency_agreement.common_grid import CommonGrid
from likewise.data import Catalog, CatalogDataset, EvalTransform, Failure, Preprocessing
from likewise.drawing import Grid, Tile, heat_overlay
from likewise.explain import SaliencyStore

_ACROSS = 6  # pictures beside each other


class Photos:
    """The squares that the models saw, by id."""

    def __init__(self, catalog: Catalog, preprocessing: Preprocessing) -> None:
        self._rows = {name: row for row, name in enumerate(catalog.ids)}
        self._dataset = CatalogDataset(catalog, EvalTransform(preprocessing))

    def pixels(self, name: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """uint8 (3, H, W); grey where the photo is gone."""
        row = self._rows.get(name)
        sample = None if row is None else self._dataset[row]
        if sample is None or isinstance(sample, Failure) or tuple(sample.image.shape[1:]) != shape:
            return np.full((3, *shape), 128, np.uint8)
        pixels: NDArray[np.uint8] = sample.image.numpy()
        return pixels


def map_sheet(
    grid: CommonGrid, first: SaliencyStore, rows: Mapping[str, int], image: int, photos: Photos
) -> Grid:
    """A photo and the maps of all models; ``rows`` says which store of ``grid`` is whose, ``first`` is its first."""
    pixels = grid.place(photos.pixels(first.ids[image], first.shape), 0).round().astype(np.uint8)
    photo = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    tiles: list[Tile | None] = [Tile(photo, "photo")]
    tiles += [
        Tile(heat_overlay(photo, grid.read(row, image, image + 1)[0]), name) for name, row in rows.items()
    ]
    across = math.ceil(len(tiles) / math.ceil(len(tiles) / _ACROSS))  # rows of about one length
    rows_of_tiles = [tiles[start : start + across] for start in range(0, len(tiles), across)]
    return Grid(rows_of_tiles, caption=first.ids[image], tile_px=130)
