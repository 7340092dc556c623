"""Reads the uncompressed OpenEXR files that the renderer writes, and the coverage of an object in them.

Blender's Python module cannot hand over the passes of a render, so they go through a small file. Only what
Blender writes with "no compression" and 32 bits is read. Source: openexr.com, "OpenEXR File Layout";
Friedman and Jones, "Cryptomatte specification" 1.2 (how object coverage is stored).
"""

import struct
from pathlib import Path

import numpy as np

_PIXEL_BYTES = {0: 4, 1: 2, 2: 4}
_PIXEL_TYPES = {0: "<u4", 1: "<f2", 2: "<f4"}


def read_channels(path: Path | str) -> dict[str, np.ndarray]:
    """All channels of all parts: name -> array ``(height, width)``."""
    data = Path(path).read_bytes()
    version = struct.unpack_from("<I", data, 4)[0]
    if data[:4] != b"\x76\x2f\x31\x01" or version & 0x200:
        raise ValueError(f"{path} is not a scanline OpenEXR file")
    multipart = bool(version & 0x1000)
    headers, offset = [], 8
    while data[offset] != 0:
        header, offset = _read_header(data, offset)
        headers.append(header)
        if not multipart:
            break
    offset += 1 if multipart else 0
    channels: dict[str, np.ndarray] = {}
    for header in headers:
        rows = _rows(header)
        table = np.frombuffer(data, "<u8", rows, offset)
        offset += 8 * rows
        channels |= _read_part(data, header, table, 4 if multipart else 0)
    return channels


def coverage(channels: dict[str, np.ndarray], layer: str, name: str) -> np.ndarray:
    """Fraction of each pixel covered by the object ``name``, 0 to 1, shape ``(height, width)``."""
    ranks = [key[:-2] for key in channels if key.startswith(f"{layer}.Crypto") and key.endswith(".r")]
    object_hash = np.uint32(object_id(name))
    total: np.ndarray | None = None
    for rank in ranks:
        for identity, share in (("r", "g"), ("b", "a")):
            ids = np.ascontiguousarray(channels[f"{rank}.{identity}"]).view(np.uint32)
            part = np.where(ids == object_hash, channels[f"{rank}.{share}"], 0.0)
            total = part if total is None else total + part
    if total is None:
        raise ValueError(f"no object coverage in layer {layer!r}")
    return total


def object_id(name: str) -> int:
    """The 32-bit id of a name in a Cryptomatte: MurmurHash3, avoiding infinities and NaN."""
    value = murmur3(name.encode())
    exponent = (value >> 23) & 0xFF
    return value ^ (1 << 23) if exponent in (0, 255) else value


def murmur3(data: bytes, seed: int = 0) -> int:
    """MurmurHash3, x86, 32 bits (Austin Appleby, public domain)."""
    mask, state = 0xFFFFFFFF, seed
    words = len(data) // 4
    for (word,) in struct.iter_unpack("<I", data[: 4 * words]):
        state ^= _scramble(word)
        state = ((state << 13) | (state >> 19)) & mask
        state = (state * 5 + 0xE6546B64) & mask
    rest = data[4 * words :]
    if rest:
        state ^= _scramble(int.from_bytes(rest, "little"))
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = ((state ^ (state >> shift)) * factor) & mask
    return state ^ (state >> 16)


def _scramble(word: int) -> int:
    word = (word * 0xCC9E2D51) & 0xFFFFFFFF
    word = ((word << 15) | (word >> 17)) & 0xFFFFFFFF
    return (word * 0x1B873593) & 0xFFFFFFFF


def _read_header(data: bytes, offset: int) -> tuple[dict[str, bytes], int]:
    header: dict[str, bytes] = {}
    while data[offset] != 0:
        name, offset = _text(data, offset)
        _, offset = _text(data, offset)
        size = struct.unpack_from("<i", data, offset)[0]
        header[name] = data[offset + 4 : offset + 4 + size]
        offset += 4 + size
    if header["compression"] != b"\0":
        raise ValueError("a compressed OpenEXR file")
    return header, offset + 1


def _text(data: bytes, offset: int) -> tuple[str, int]:
    end = data.index(b"\0", offset)
    return data[offset:end].decode(), end + 1


def _window(header: dict[str, bytes]) -> tuple[int, int, int, int]:
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    return left, top, right, bottom


def _rows(header: dict[str, bytes]) -> int:
    _, top, _, bottom = _window(header)
    return bottom - top + 1


def _read_part(data: bytes, header: dict[str, bytes], table: np.ndarray, skip: int) -> dict[str, np.ndarray]:
    left, top, right, _ = _window(header)
    width, rows = right - left + 1, _rows(header)
    names, types, offset = [], [], 0
    listing = header["channels"]
    while listing[offset] != 0:
        name, offset = _text(listing, offset)
        names.append(name)
        types.append(struct.unpack_from("<i", listing, offset)[0])
        offset += 16
    line_bytes = width * sum(_PIXEL_BYTES[kind] for kind in types)
    block = np.empty((rows, line_bytes), np.uint8)
    for start in table.tolist():
        row, size = struct.unpack_from("<ii", data, start + skip)
        block[row - top] = np.frombuffer(data, np.uint8, size, start + skip + 8)
    channels, position = {}, 0
    for name, kind in zip(names, types, strict=True):
        size = width * _PIXEL_BYTES[kind]
        piece = np.ascontiguousarray(block[:, position : position + size])
        channels[name] = piece.view(_PIXEL_TYPES[kind])
        position += size
    return channels
