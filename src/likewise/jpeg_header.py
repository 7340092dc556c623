"""JPEG header: size of the image and cost of decoding.

Ten times faster than opening the file as an image.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_START, _SCAN, _EXIF_OR_XMP = 0xD8, 0xDA, 0xE1
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive: what every JPEG reader decodes
_ALL_FRAMES = tuple(code for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
_TABLES = (0xC4, 0xCC, 0xDB, 0xDD)  # Huffman, arithmetic, quantisation, restart interval
_NOTES = (*range(0xE0, 0xF0), 0xFE)  # applications' data, comment


def plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a plain JPEG: 8 bits, three channels, and no EXIF or XMP that could turn it.

    None for everything else, damaged headers included: that is for a full reader to judge.
    """
    size = None
    for marker, at in _segments(data):
        if marker == _SCAN:
            return size
        if marker in _FRAMES and size is None:
            size = _frame_size(data, at)
        elif marker not in (*_TABLES, *_NOTES) or marker == _EXIF_OR_XMP:
            return None
    return None


@dataclass(frozen=True)
class JpegCost:
    """Memory for decoding a JPEG in addition to its pixels.

    Attributes:
        scans: Number of passes of the decoder over the image, thumbnails in the header included.
        buffered_per_pixel: Bytes per pixel that the decoder keeps between scans; 0 for a single scan.
    """

    scans: int
    buffered_per_pixel: float


def jpeg_cost(data: bytes) -> JpegCost:
    """The cost of decoding ``data``; of a damaged header, that of three full components."""
    # Inside the coded pixels FF is always followed by 00 or a restart marker, so that every FF DA begins a scan.
    scans = data.count(bytes((0xFF, _SCAN)))
    if scans < 2:
        return JpegCost(scans, 0.0)
    components = next((_samples(data, at) for marker, at in _segments(data) if marker in _ALL_FRAMES), 3.0)
    return JpegCost(scans, 2 * components)  # coefficients have 16 bits


def _samples(data: bytes, at: int) -> float:
    """Samples per pixel of all components, from the frame header."""
    count = data[at + 5] if at + 5 < len(data) else 0
    factors = [data[at + 7 + 3 * index] for index in range(count) if at + 7 + 3 * index < len(data)]
    across, down = [factor >> 4 for factor in factors], [factor & 15 for factor in factors]
    if not factors or not all(across) or not all(down):
        return 3.0
    largest = max(across) * max(down)
    return sum(a * d for a, d in zip(across, down, strict=True)) / largest


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and first byte of each segment up to the scan; ends early where the header is damaged."""
    at = 2
    while data[:2] == bytes((0xFF, _START)) and at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filler
            at += 1
            continue
        yield marker, at + 4
        if marker == _SCAN:
            return
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _frame_size(data: bytes, at: int) -> tuple[int, int] | None:
    if at + 6 > len(data) or data[at] != 8 or data[at + 5] != 3:
        return None
    height, width = int.from_bytes(data[at + 1 : at + 3], "big"), int.from_bytes(data[at + 3 : at + 5], "big")
    return (width, height) if width and height else None
