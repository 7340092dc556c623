"""Limits of images: pixels, file size, and memory for decoding.

The limits hold for every image likewise opens. Three environment variables raise them for images you trust:
``LIKEWISE_MAX_PIXELS``, ``LIKEWISE_MAX_FILE_MB`` and ``LIKEWISE_MAX_MEMORY_MB``.
"""

import os
from dataclasses import dataclass, field

from likewise.errors import ConfigError, ImageError
from likewise.jpeg_header import JpegCost, jpeg_cost

_MB = 1_000_000

# Bytes per pixel at the peak: the decoder's own buffers, the decoded image and one converted copy of it.
# Measured with Pillow 13 and pillow-heif 1.8 on images of 12 million pixels, and rounded up.
_BYTES_PER_PIXEL = {"TIFF": 12, "WEBP": 17, "AVIF": 17, "HEIF": 10, "JPEG2000": 32}
_OTHER_BYTES_PER_PIXEL = 8
_JPEG_BYTES = 200_000  # rows that libjpeg works on
_TRANSPARENT_PNG_BYTES_PER_PIXEL = 12
# A progressive JPEG is decoded once per scan. Cameras and editors write up to about 15 scans.
_MOST_SCANS = 50
_MOST_SCANNED_PIXELS = 500_000_000


def _from_environment(name: str, default: int, unit: int = 1) -> int:
    text = os.environ.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ConfigError(f"The environment variable {name} is {text!r}: it must be a number above 0.")
    return int(value * unit)


@dataclass(frozen=True)
class Limits:
    """Limits checked before decoding.

    Attributes:
        max_pixels: Largest width times height.
        max_bytes: Largest size of the encoded file, in bytes.
        max_memory: Most memory that decoding may take, in bytes. Large JPEGs are decoded at a fraction of
            their size where that is enough, and take less.
    """

    max_pixels: int = field(default_factory=lambda: _from_environment("LIKEWISE_MAX_PIXELS", 250_000_000))
    max_bytes: int = field(
        default_factory=lambda: _from_environment("LIKEWISE_MAX_FILE_MB", 256 * 1024 * 1024, _MB)
    )
    max_memory: int = field(
        default_factory=lambda: _from_environment("LIKEWISE_MAX_MEMORY_MB", 500 * _MB, _MB)
    )

    def check_length(self, length: int, name: str) -> None:
        """Refuse an encoded image that is empty or too long.

        Args:
            length: Bytes.
            name: Name of the image in messages.

        Raises:
            ImageError: It is refused.
        """
        if length == 0:
            raise ImageError(f"{name} is empty (0 bytes): replace or remove the file.")
        if length > self.max_bytes:
            raise ImageError(
                f"{name} is larger than {self.max_bytes:,} bytes: make it smaller, or raise the limit with the "
                f"environment variable LIKEWISE_MAX_FILE_MB (now {self.max_bytes // _MB})."
            )

    def check_pixels(self, size: tuple[int, int], name: str) -> None:
        """Refuse an image with too many pixels; ``size`` is (width, height).

        Raises:
            ImageError: It is refused.
        """
        pixels = size[0] * size[1]
        if pixels > self.max_pixels:
            raise ImageError(
                f"{name} has {size[0]} x {size[1]} pixels, more than the limit of {self.max_pixels:,}: make it "
                f"smaller, or raise the limit with the environment variable LIKEWISE_MAX_PIXELS={pixels}."
            )

    def check_decoding(
        self, data: bytes, kind: str, size: tuple[int, int], min_side_px: int | None, name: str
    ) -> None:
        """Refuse an image whose decoding would take too much memory or time.

        Args:
            data: The encoded image.
            kind: Its format in Pillow's notation.
            size: (width, height).
            min_side_px: The shorter side may be decoded this small, if the format can do so.
            name: Name of the image in messages.

        Raises:
            ImageError: It is refused.
        """
        pixels, extra = size[0] * size[1], 0
        per_pixel = _BYTES_PER_PIXEL.get(kind, _OTHER_BYTES_PER_PIXEL)
        if kind == "PNG" and _is_transparent_png(data):
            per_pixel = _TRANSPARENT_PNG_BYTES_PER_PIXEL
        if kind in ("JPEG", "MPO"):
            cost = jpeg_cost(data)
            _check_scans(cost, pixels, name)
            extra = int(pixels * cost.buffered_per_pixel) + _JPEG_BYTES
            pixels //= jpeg_step(size, min_side_px) ** 2
        need = pixels * per_pixel + extra + len(data)
        if need > self.max_memory:
            raise ImageError(
                f"{name} ({size[0]} x {size[1]} pixels, {kind}) needs about {need / _MB:,.0f} MB to be decoded, more "
                f"than the limit of {self.max_memory / _MB:,.0f} MB: make it smaller, or raise the limit with the "
                f"environment variable LIKEWISE_MAX_MEMORY_MB={-(-need // _MB)}."
            )


def jpeg_step(size: tuple[int, int], min_side_px: int | None) -> int:
    """Reduction (1, 2, 4 or 8) for decoding a JPEG whose shorter side must keep ``min_side_px``."""
    if min_side_px is None:
        return 1
    room = min(size) // max(1, min_side_px)
    return next((step for step in (8, 4, 2) if room >= step), 1)


def _is_transparent_png(data: bytes) -> bool:
    """Whether the colour type has an alpha channel (4 and 6), or there is a chunk tRNS."""
    at = len(b"\x89PNG\r\n\x1a\n")
    while at < len(data):
        name = data[at + 4 : at + 8]
        if name == b"tRNS" or (name == b"IHDR" and data[at + 17 : at + 18] in (b"\4", b"\6")):
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")  # length, name and checksum take 12 bytes
    return False


def _check_scans(cost: JpegCost, pixels: int, name: str) -> None:
    if cost.scans > _MOST_SCANS and cost.scans * pixels > _MOST_SCANNED_PIXELS:
        raise ImageError(
            f"{name} is a JPEG of {cost.scans} scans, which would take very long to decode: save it again as a usual "
            f"JPEG."
        )
