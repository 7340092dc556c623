"""The background bank: photos without an object, decoded once into one memory-mapped file.

Drawing a background then costs a crop and no decoding, and all loader workers share the same pages.
"""

import functools
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from likewise.data.failures import Failure
from likewise.data.folder_scan import photo_files
from likewise.data.preprocessing import resized_size
from likewise.errors import ImageError, InputError
from likewise.files import digest, whole_file, write_json
from likewise.images import open_image

_FORM = "1"  # of the files in the cache


@dataclass(frozen=True)
class _Photo:
    """Position of a photo in the file, and a digest of its pixels."""

    name: str
    height: int
    width: int
    offset: int
    pixels: str


class BackgroundBank:
    """Photos in the order of their names, the shorter side resized to ``resize_px``. Use :meth:`open`.

    Attributes:
        resize_px: Shorter side of the photos.
        failures: Files that could not be read; they are not in the bank.
    """

    def __init__(self, file: Path, photos: Sequence[_Photo], resize_px: int, failures: list[Failure]) -> None:
        self._file = file
        self._photos = list(photos)
        self.resize_px = resize_px
        self.failures = failures

    @classmethod
    def open(
        cls, source: Path | str | Sequence[Path], *, resize_px: int = 256, cache: Path | str | None = None
    ) -> "BackgroundBank":
        """Decode the photos, or take them from the cache if the same files were decoded before.

        Resizing the shorter side first is what the published transform does, so crops from the bank are
        the published ones.

        Args:
            source: A folder, searched through, or image files.
            resize_px: Length of the shorter side; the model's ``preprocessing.resize_px``.
            cache: Folder for the decoded pixels; default ``likewise/backgrounds`` in the user's cache.

        Raises:
            InputError: No folder, no photo in it, or no photo that can be read.
        """
        files = photo_files(source)
        contents = [file.read_bytes() for file in files]
        names = _names(source, files)
        key = digest(_FORM, str(resize_px), *(digest(n, c) for n, c in zip(names, contents, strict=True)))
        folder = _cache_folder() if cache is None else Path(cache)
        file, record = folder / f"{key}.npy", folder / f"{key}.json"
        stored = _read_record(record, file)
        if stored is None:
            stored = _decode(names, contents, resize_px, file)
            write_json(record, stored)
        photos = [_Photo(**photo) for photo in stored["photos"]]
        failures = [Failure(**failure) for failure in stored["failures"]]
        if not photos:
            raise InputError(f"No background photo could be read ({failures[0].reason}): give other photos.")
        return cls(file, photos, resize_px, failures)

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Photo ``index`` as uint8 RGB (height, width, 3), a read-only view of the file."""
        photo = self._photos[index]
        flat = self._pixels[photo.offset : photo.offset + photo.height * photo.width * 3]
        return flat.reshape(photo.height, photo.width, 3)

    def __getstate__(self) -> dict[str, Any]:
        # Worker processes map the file again instead of receiving its pixels.
        return {name: value for name, value in self.__dict__.items() if name != "_pixels"}

    @property
    def names(self) -> list[str]:
        """Names of the photos, in order."""
        return [photo.name for photo in self._photos]

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all pixels, in order."""
        return digest(*(photo.pixels for photo in self._photos))

    @cached_property
    def _pixels(self) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = np.load(self._file, mmap_mode="r")
        return pixels

    @property
    def cache(self) -> Path:
        """The folder of the decoded pixels."""
        return self._file.parent


def require_disjoint(banks: Mapping[str, BackgroundBank]) -> None:
    """Refuse banks that share a photo (by its pixels, whatever its name).

    The published training draws from the photos its model selection is later measured on; such scores are too
    optimistic.

    Raises:
        InputError: Names the photo and the two banks.
    """
    owners: dict[str, tuple[str, str]] = {}
    for bank_name, bank in banks.items():
        for photo in bank._photos:
            other, name = owners.setdefault(photo.pixels, (bank_name, photo.name))
            if other != bank_name:
                raise InputError(
                    f"The background {photo.name} of {bank_name!r} is {name} of {other!r}: training, "
                    "validation and test need different photos, so move it out of one of them."
                )


def _names(source: Path | str | Sequence[Path], files: Sequence[Path]) -> list[str]:
    if isinstance(source, str | Path):
        return [file.relative_to(source).as_posix() for file in files]
    return [str(file) for file in files]


def _cache_folder() -> Path:
    """The user's cache, or a folder that lives as long as this process where that cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(base) if base else Path.home() / ".cache") / "likewise" / "backgrounds"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return Path(_folder_of_process().name)
    return folder if os.access(folder, os.W_OK) else Path(_folder_of_process().name)


@functools.cache
def _folder_of_process() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="likewise-backgrounds-")


def _read_record(record: Path, file: Path) -> dict[str, Any] | None:
    try:
        stored: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        is_complete = file.stat().st_size >= stored["bytes"]
    except (OSError, ValueError, KeyError):
        return None
    return stored if is_complete else None


_MOST_THIN = 50  # longer side over shorter: resized, a thinner photo would fill the memory


def _decode(names: Sequence[str], contents: Sequence[bytes], resize_px: int, file: Path) -> dict[str, Any]:
    photos: list[_Photo] = []
    failures: list[Failure] = []
    parts: list[NDArray[np.uint8]] = []
    offset = 0
    for name, content in zip(names, contents, strict=True):
        try:
            image = open_image(content)
        except ImageError as error:
            failures.append(Failure(name, str(error).replace("the image", name, 1)))
            continue
        if max(image.size) > _MOST_THIN * min(image.size):
            failures.append(
                Failure(name, f"{name} is {image.width} x {image.height} pixels: too thin to fill a square.")
            )
            continue
        size = resized_size(image.size, resize_px)
        pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        photos.append(_Photo(name, size[1], size[0], offset, digest(pixels.tobytes(), str(size))))
        parts.append(pixels.reshape(-1))
        offset += pixels.size
    with whole_file(file) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.concatenate(parts) if parts else np.empty(0, np.uint8))
    return {
        "bytes": offset,
        "photos": [asdict(photo) for photo in photos],
        "failures": [asdict(failure) for failure in failures],
    }
