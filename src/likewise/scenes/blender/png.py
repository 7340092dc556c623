"""Writes black-and-white PNG files with one bit per pixel."""

import struct
import zlib

import numpy as np


def one_bit_png(white: np.ndarray) -> bytes:
    """The PNG file of a boolean image ``(height, width)``."""
    height, width = white.shape
    rows = np.packbits(white, axis=1)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pieces = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in pieces)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
