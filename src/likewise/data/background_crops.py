"""Random crops of background photos, either cut for each draw or taken from a prepared set.

Cutting and resizing a photo costs about a tenth of loading a training image; a prepared crop costs only
the blending. The prepared set is made once, by the same random transform, and memory-mapped.
"""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.data.augmentation import Augmentation, change_colors, random_box
from likewise.data.backgrounds import BackgroundBank
from likewise.data.preprocessing import Preprocessing
from likewise.errors import ConfigError
from likewise.files import digest, whole_file
from likewise.seeds import stream

_FORM = "1"  # of the files in the cache


class BackgroundCrops(Protocol):
    """Something to draw backgrounds from."""

    def draw(self, generator: np.random.Generator) -> Tensor:
        """A random background, uint8 (3, crop_px, crop_px); not to be written to."""


class FreshCrops:
    """Each draw applies the training augmentation to a random photo (published)."""

    def __init__(
        self, bank: BackgroundBank, preprocessing: Preprocessing, augmentation: Augmentation | None = None
    ) -> None:
        if bank.resize_px != preprocessing.resize_px:
            raise ConfigError(
                f"The backgrounds were resized to {bank.resize_px} pixels but the model wants "
                f"{preprocessing.resize_px}: open the bank with resize_px={preprocessing.resize_px}."
            )
        self._bank = bank
        self._side = preprocessing.crop_px
        # What torch resizes tensors with; a background need not be resampled as the photo is.
        self._method = "bilinear" if preprocessing.interpolation == "bilinear" else "bicubic"
        self._augmentation = Augmentation() if augmentation is None else augmentation

    def draw(self, generator: np.random.Generator) -> Tensor:
        """Each photo is as likely as the other, with replacement."""
        photo = self._bank[int(generator.integers(len(self._bank)))]
        options = self._augmentation
        size = (photo.shape[1], photo.shape[0])
        left, top, right, bottom = random_box(size, options.scale, options.ratio, generator)
        flip = generator.random() < options.flip
        colors = options.draw_colors(generator)
        part = torch.from_numpy(photo[top:bottom, left:right].copy()).permute(2, 0, 1)
        square = torch.nn.functional.interpolate(
            part[None], size=(self._side, self._side), mode=self._method, antialias=True, align_corners=False
        )[0]
        square = (square.flip(-1) if flip else square).contiguous()
        return square if colors is None else change_colors(square, colors)


class PreparedCrops:
    """Each draw uses one of ``count`` random crops, which are cut once and stored in the bank's cache."""

    def __init__(
        self,
        bank: BackgroundBank,
        preprocessing: Preprocessing,
        augmentation: Augmentation | None = None,
        *,
        count: int = 2048,
        seed: int = 0,
    ) -> None:
        """Cut the crops, or find them in the cache.

        Args:
            bank: Photos; each gives the same number of crops, up to one.
            preprocessing: Preprocessing of the model.
            augmentation: Augmentation of the training images.
            count: Number of crops; at 224 pixels 2048 of them take 308 MB of disk.
            seed: Another seed cuts other crops.

        Raises:
            ConfigError: ``count`` is below 1, or the bank was made for another size.
        """
        if count < 1:
            raise ConfigError(f"The number of prepared background crops is {count}: give 1 or more.")
        fresh = FreshCrops(bank, preprocessing, augmentation)
        options = Augmentation() if augmentation is None else augmentation
        key = digest(
            _FORM,
            bank.fingerprint,
            preprocessing.model_dump_json(),
            options.model_dump_json(),
            f"{count} {seed}",
        )
        self._file = bank.cache / f"crops-{key}.npy"
        self._count = count
        if not self._file.is_file():
            self._cut(fresh, preprocessing.crop_px, seed)

    def __len__(self) -> int:
        return self._count

    def __getstate__(self) -> dict[str, Any]:
        return {"_file": self._file, "_count": self._count}

    def draw(self, generator: np.random.Generator) -> Tensor:
        """Each crop is as likely as the other, with replacement."""
        return torch.from_numpy(self._pixels()[int(generator.integers(self._count))])

    def draw_many(self, count: int, generator: np.random.Generator) -> Tensor:
        """``count`` crops, each as likely as the other, with replacement: uint8 (count, 3, crop_px, crop_px)."""
        return torch.from_numpy(self._pixels()[generator.integers(self._count, size=count)])

    def _pixels(self) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] | None = self.__dict__.get("_mapped")
        if pixels is None:
            # Copy-on-write: torch wants writable memory, and the file stays as it is whatever happens.
            pixels = np.load(self._file, mmap_mode="c")
            self.__dict__["_mapped"] = pixels
        return pixels

    def _cut(self, fresh: FreshCrops, side: int, seed: int) -> None:
        with whole_file(self._file) as temporary:
            crops = np.lib.format.open_memmap(
                temporary, mode="w+", dtype=np.uint8, shape=(self._count, 3, side, side)
            )
            for number in range(self._count):
                crops[number] = fresh.draw(stream(seed, "background crop", number)).numpy()
            crops.flush()
