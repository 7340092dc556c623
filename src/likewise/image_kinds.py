"""Format of an image file from its first bytes, regardless of the name.

Also the one way to open a file that may be anything: pipes, devices and sockets are never opened for reading.
"""

import functools
import importlib.util
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from likewise.errors import ImageError

HEAD_BYTES = 64
HEIF = "HEIF"

# First bytes that nothing but an image begins with.
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",
}
_TIFF = (b"II*\x00", b"MM\x00*")
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}


def image_kind(head: bytes) -> str | None:
    r"""The format that the first bytes of a file announce, or None if they announce no image.

    Formats with ambiguous first bytes (PPM, ICO, PCX) give None.

    Args:
        head: At least the first 32 bytes, better :data:`HEAD_BYTES`.

    >>> image_kind(b"\xff\xd8\xff\xe0 and so on")
    'JPEG'
    """
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(_TIFF):
        return "TIFF"
    if head.startswith(b"BM") and head[6:10] == b"\x00\x00\x00\x00" and head[14:18] in _BITMAP_HEADERS:
        return "BMP"
    return _boxed_kind(head)


_BITMAP_HEADERS = {bytes((size, 0, 0, 0)) for size in (12, 40, 52, 56, 64, 108, 124)}


def _boxed_kind(head: bytes) -> str | None:
    """AVIF or HEIF, whose first box lists the brands the file is compatible with."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return HEIF if brands & _HEIF_BRANDS else None


@functools.cache
def can_read_heif() -> bool:
    """Whether the optional reader of HEIC and HEIF photos is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def missing_image(path: Path | str) -> ImageError:
    """The error for a file that is not there."""
    problem = (
        address_problem(path) or f"There is no file {path}: correct the path, or remove it from the list."
    )
    return ImageError(problem)


def address_problem(path: Path | str) -> str:
    """Why an address is no image file; "" for a path. A Path, also a relative one, has a single slash in an address."""
    if re.search(r"://|(^|/)(https?|ftp|s3|gs|az|abfs|hdfs):/", str(path), re.IGNORECASE):
        return f"{path} is an address, not a file: download the image and name its file."
    return ""


def open_regular(path: Path | str) -> BinaryIO:
    """Open a regular file for reading; never waits for the other end of a pipe, never reads a device.

    Raises:
        OSError: It cannot be opened, or is not a regular file (``errno`` is then None).
    """
    # Without O_NONBLOCK, opening a pipe nobody writes to would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            raise OSError(f"it is {_kind_of_file(kind)}")
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def _kind_of_file(mode: int) -> str:
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((words for test, words in kinds.items() if test(mode)), "no file")
