"""Open every file of a catalog once, in threads, to find missing or damaged images and unsuitable masks."""

import errno
import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from likewise.data.catalog import Catalog
from likewise.data.containment import Files
from likewise.data.mask_problems import UprightImage, mask_problem
from likewise.errors import CatalogError, ImageError
from likewise.image_kinds import open_regular
from likewise.images import DEFAULT, EncodedImage
from likewise.progress import progress_bar

# Decoding a JPEG reduced reads all of its data, so damage is found in a third of the time.
_MIN_SIDE_PX = 64
_BLOCK = 4096
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


@dataclass(frozen=True)
class Finding:
    """Result of opening one row.

    Attributes:
        id: ``path`` of the row.
        missing: The image file does not exist.
        problem: Why the image cannot be decoded; "" if it can or was not tried.
        unreadable: The system does not give the file: rights, a failing disk, something that is not a file.
        content: Digest of the file; equal for exact copies; "" if not read.
        mask_problem: ``mask_missing``, ``mask_unreadable``, ``mask_undecodable``, ``mask_wrong_size``, ``mask_empty``,
            ``mask_zero_one``, ``mask_class_numbers``, ``mask_not_turned``, ``mask_perhaps_not_turned``,
            ``mask_full``, ``mask_tiny``, or "".
    """

    id: str
    missing: bool = False
    problem: str = ""
    unreadable: bool = False
    content: str = ""
    mask_problem: str = ""


def inspect_images(
    catalog: Catalog, *, decode: bool = True, workers: int | None = None, progress: bool = False
) -> list[Finding]:
    """One finding for each row, in order; see :func:`likewise.data.check` for the arguments."""
    table = catalog.table
    ids = catalog.ids
    masks = table["mask"].tolist() if "mask" in table else [""] * len(table)
    inspect = _Opener(Files(catalog.root, contained=catalog.contained), with_masks=any(masks), decode=decode)
    findings: list[Finding] = []
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as threads,
        progress_bar("checking", len(table), enabled=progress) as bar,
    ):
        try:
            for start in range(0, len(table), _BLOCK):  # a million waiting tasks would fill the memory
                rows = slice(start, start + _BLOCK)
                for finding in threads.map(inspect, ids[rows], masks[rows]):
                    findings.append(finding)
                    bar.advance()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return findings


@dataclass(frozen=True)
class _Opener:
    files: Files
    with_masks: bool
    decode: bool

    def __call__(self, identity: str, mask: str) -> Finding:
        image, problem, unreadable, content = None, "", False, ""
        try:
            path = Path(self.files.path(identity))
            if not _is_file(path):
                return Finding(identity, missing=True, mask_problem=self._mask(mask, None))
            if self.decode:
                data = _bytes(path)
                content = hashlib.blake2b(data, digest_size=16).hexdigest()
                encoded = EncodedImage(data, name=str(path))
                size, orientation = encoded.size, encoded.orientation
                image = UprightImage(size, orientation, encoded.decode(_MIN_SIDE_PX))
        except (ImageError, CatalogError) as error:
            problem, unreadable = str(error), _is_of_system(error)
        return Finding(
            identity,
            problem=problem,
            unreadable=unreadable,
            content=content,
            mask_problem=self._mask(mask, image),
        )

    def _mask(self, relative: str, image: UprightImage | None) -> str:
        if not self.with_masks:
            return ""
        try:
            path = Path(self.files.path(relative))
            if not relative or not _is_file(path):
                return "mask_missing"
            if not self.decode:
                return ""
            encoded = EncodedImage(path)
            orientation = encoded.orientation
            mask = encoded.decode_mask()
        except (ImageError, CatalogError) as error:
            return "mask_unreadable" if _is_of_system(error) else "mask_undecodable"
        return mask_problem(mask, orientation, image)


def _is_of_system(error: Exception) -> bool:
    """Whether the system refused the file; decoders raise OSError, too, but without a number."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno is not None


def _is_file(path: Path) -> bool:
    """Whether there is such a file; unreadable folders are an error, invalid names are not.

    Raises:
        ImageError: The folder cannot be looked into.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: this system cannot write the name (LANG=C)
        if isinstance(error, OSError) and error.errno in _NOTHING_THERE:
            return False
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path} cannot be looked at ({reason}): check that you may read it.") from error


def _bytes(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            return stream.read(DEFAULT.max_bytes + 1)
    except OSError as error:
        raise ImageError(
            f"{path} cannot be read ({error.strerror or error}): it must be an image file you may read."
        ) from error
