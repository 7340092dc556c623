"""The saliency store: maps of a whole catalog in memory-mapped shards, made by a resumable job.

A folder with ``saliency.json`` (what and how) and ``00000.npy``, ``00001.npy``... with arrays (n, H, W).
uint8 keeps 256 levels of 0..1 (an error of at most 0.002), float16 more at twice the size.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.arrays import Floats32
from likewise.bounds import Count, CountOrZero
from likewise.errors import InputError
from likewise.explain.store_record import StoreRecord, damaged

StoreType = Literal["uint8", "float16"]


@checked
class SaliencyStore:
    """Saliency maps of the images of a catalog, in its order. Use :meth:`open`.

    Attributes:
        folder: Path of the store.
        ids: Names of the images, in order; images that could not be read are not among them.
        shape: (height, width) of the maps.
        model_name: Model that was explained.
        model_fingerprint: Its fingerprint.
        settings: Settings of the maps.
        preprocessing: Preprocessing of the images.
    """

    def __init__(self, folder: Path, record: StoreRecord) -> None:
        self.folder = folder
        self.ids = record.ids
        self.shape = record.shape
        self.model_name = record.model
        self.model_fingerprint = record.model_fingerprint
        self.settings = record.settings
        self.preprocessing = record.preprocessing
        self._files = [folder / name for name in record.shards]
        self._counts = record.counts
        self._starts = np.cumsum([0, *record.counts])
        # Position of the map of each image in the concatenated shards; some maps may be out of date.
        self._rows = np.asarray(record.rows, dtype=np.int64)
        self._open: tuple[int, NDArray[Any]] | None = None

    @classmethod
    def open(cls, folder: Path | str) -> "SaliencyStore":
        """Open a finished store.

        Raises:
            InputError: There is none, it is not finished, or a file of it is missing or damaged.
        """
        folder = Path(folder)
        store = cls(folder, StoreRecord.read(folder))
        for number, file in enumerate(store._files):
            if not file.is_file():
                raise InputError(f"The saliency store {folder} lacks {file.name}: make the maps again.")
            store._shard(number)
        return store

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Floats32:
        """Map ``index`` as float32 (H, W) in 0..1."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"The store has {len(self)} maps; there is no map {index}.")
        values: Floats32 = self.read(index % len(self), index % len(self) + 1)[0]
        return values

    def __iter__(self) -> Iterator[Floats32]:
        for block in self.blocks():
            yield from block

    def read(self, start: CountOrZero, stop: CountOrZero) -> Floats32:
        """Maps ``start`` to ``stop`` (not included) as float32 (n, H, W) in 0..1."""
        rows = self._rows[max(start, 0) : max(stop, 0)]
        maps = np.empty((len(rows), *self.shape), np.float32)
        shards = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(shards):
            chosen = shards == shard
            maps[chosen] = _floats(self._shard(int(shard))[rows[chosen] - self._starts[shard]])
        return maps

    def blocks(self, size: Count = 64) -> Iterator[Floats32]:
        """All maps in order, ``size`` at a time, so that memory does not grow with the store."""
        for start in range(0, len(self), size):
            yield self.read(start, min(start + size, len(self)))

    @cached_property
    def rows(self) -> dict[str, int]:
        """Position of the map of each image."""
        return {name: row for row, name in enumerate(self.ids)}

    def _shard(self, number: int) -> NDArray[Any]:
        # One shard is mapped at a time, so an open store uses one file handle.
        if self._open is None or self._open[0] != number:
            file = self._files[number]
            try:
                maps = np.load(file, mmap_mode="r")
            except Exception as error:  # of a damaged header NumPy raises whatever its parsers raise
                raise damaged(self.folder, file.name) from error
            if maps.shape != (self._counts[number], *self.shape) or maps.dtype not in (np.uint8, np.float16):
                raise damaged(self.folder, file.name)
            self._open = number, maps
        return self._open[1]


@checked
def require_same_images(stores: Sequence[SaliencyStore], *, any_size: bool = False) -> None:
    """Refuse stores that do not hold maps of the same images, in the same order and size.

    Args:
        stores: One or more.
        any_size: Allow maps of different sizes.

    Raises:
        InputError: Names the first difference.
    """
    first = stores[0]
    for other in stores[1:]:
        if not any_size and other.shape != first.shape:
            raise InputError(
                f"The maps of {other.folder} are {other.shape[1]} x {other.shape[0]} pixels, those of "
                f"{first.folder} {first.shape[1]} x {first.shape[0]}: compare models with the same input size."
            )
        if other.ids == first.ids:
            continue
        missing = [name for name in first.ids if name not in other.rows]
        extra = [name for name in other.ids if name not in first.rows]
        difference = (
            f"{missing[0]} is only in {first.folder}" if missing
            else f"{extra[0]} is only in {other.folder}" if extra
            else "the images are the same in another order"
        )  # fmt: skip
        raise InputError(
            f"The saliency stores {first.folder} ({len(first)} images) and {other.folder} ({len(other)}) are "
            f"not of the same images: {difference}. Make both from the same catalog."
        )


def stored_values(maps: Floats32, kind: StoreType) -> NDArray[Any]:
    """Stored maps in 0..1."""
    if kind == "uint8":
        return np.round(maps * 255).astype(np.uint8)
    return maps.astype(np.float16)


def _floats(values: NDArray[Any]) -> Floats32:
    if values.dtype == np.uint8:
        return np.asarray(values, dtype=np.float32) / np.float32(255)
    return np.asarray(values, dtype=np.float32)
