"""Small copies of images, which find duplicates without a model."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.data import Catalog, Failure
from likewise.data.containment import Files
from likewise.errors import CatalogError, ImageError
from likewise.images import EncodedImage
from likewise.progress import progress_bar

SIDE_PX = 32
_BLOCK = 4096


@dataclass(frozen=True)
class Prints:
    """Small copies of the readable images of a catalog.

    Attributes:
        pixels: ``(N, 32, 32, 3)`` uint8 RGB: each whole image squeezed into a square (3 KB per image).
        sizes: ``(N, 2)`` int64 width and height of the images in pixels, upright.
        rows: ``(N,)`` int64 rows of the catalog.
        failures: Images that could not be read.
    """

    pixels: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    rows: NDArray[np.int64]
    failures: list[Failure]


def image_prints(
    catalog: Catalog,
    chosen: Sequence[int] | None = None,
    *,
    workers: int | None = None,
    progress: bool = False,
) -> Prints:
    """Decode each image of ``catalog``, or of the chosen rows, once, reduced, in threads."""
    look, names = _Look(Files(catalog.root, contained=catalog.contained)), catalog.ids
    chosen = range(len(names)) if chosen is None else chosen
    pixels = np.empty((len(chosen), SIDE_PX, SIDE_PX, 3), np.uint8)
    sizes = np.zeros((len(chosen), 2), np.int64)
    read, failures, ids = [], [], [names[row] for row in chosen]
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as threads,
        progress_bar("reading", len(ids), enabled=progress) as bar,
    ):
        for start in range(0, len(ids), _BLOCK):  # a million waiting tasks would fill the memory
            for place, image_print in enumerate(threads.map(look, ids[start : start + _BLOCK]), start):
                bar.advance()
                if isinstance(image_print, Failure):
                    failures.append(image_print)
                else:
                    sizes[place], pixels[place] = image_print
                    read.append(place)
    places = np.array(read, np.int64)
    return Prints(pixels[places], sizes[places], np.array(chosen, np.int64)[places], failures)


def squeezed(source: object, side_px: int) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """Upright size of an image and its pixels ``(side_px, side_px, 3)``.

    Raises:
        ImageError: It cannot be read.
    """
    encoded = EncodedImage(source)  # type: ignore[arg-type]  # a path, or what EncodedImage refuses
    picture = encoded.decode(2 * side_px)
    return encoded.size, np.asarray(picture.resize((side_px, side_px), Image.Resampling.BOX))


@dataclass(frozen=True)
class _Look:
    files: Files

    def __call__(self, identity: str) -> "tuple[tuple[int, int], NDArray[np.uint8]] | Failure":
        try:
            return squeezed(self.files.path(identity), SIDE_PX)
        except (ImageError, CatalogError) as error:
            return Failure(identity, str(error))
