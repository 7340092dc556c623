"""The reader of passes against files written by hand, and hashes against published values."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from likewise.scenes.blender.exr import coverage, murmur3, object_id, read_channels
from likewise.scenes.blender.png import one_bit_png


@pytest.mark.parametrize(
    ("text", "seed", "value"),
    [
        # Published with MurmurHash3 implementations (x86, 32 bits).
        ("", 0, 0), ("", 1, 0x514E28B7), ("test", 0, 0xBA6BD213), ("Hello, world!", 0, 0xC0363E43),
        ("The quick brown fox jumps over the lazy dog", 0, 0x2E4FF723),
    ],
)  # fmt: skip
def test_murmur3(text, seed, value):
    assert murmur3(text.encode(), seed) == value


def _attribute(name, kind, data):
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(data)) + data


def _exr(channels):
    """A single-part scanline file without compression, by the published layout."""
    names = sorted(channels)
    height, width = channels[names[0]].shape
    listing = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", 2, 0, 1, 1) for name in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    header = b"".join(
        [
            _attribute("channels", "chlist", listing), _attribute("compression", "compression", b"\0"),
            _attribute("dataWindow", "box2i", window), _attribute("displayWindow", "box2i", window), b"\0",
        ]
    )  # fmt: skip
    start = 8 + len(header) + 8 * height
    lines = [
        struct.pack("<ii", row, 4 * width * len(names))
        + b"".join(channels[name][row].astype("<f4").tobytes() for name in names)
        for row in range(height)
    ]
    offsets = struct.pack(f"<{height}Q", *(start + row * len(lines[0]) for row in range(height)))
    return b"\x76\x2f\x31\x01" + struct.pack("<I", 2) + header + offsets + b"".join(lines)


def test_channels_come_back(tmp_path):
    numbers = np.random.default_rng(0)
    written = {
        name: numbers.random((5, 7), dtype=np.float32) for name in ("L.Combined.R", "L.Combined.G", "Z")
    }
    (tmp_path / "a.exr").write_bytes(_exr(written))
    read = read_channels(tmp_path / "a.exr")
    assert set(read) == set(written)
    for name, values in written.items():
        np.testing.assert_array_equal(read[name], values)


def test_coverage_adds_up_all_ranks(tmp_path):
    mine = np.full((2, 2), object_id("thing"), np.uint32).view(np.float32)
    other = np.full((2, 2), object_id("floor"), np.uint32).view(np.float32)
    share = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    layers = {
        "V.CryptoAsset00.r": other, "V.CryptoAsset00.g": share, "V.CryptoAsset00.b": mine, "V.CryptoAsset00.a": share,
        "V.CryptoAsset01.r": mine, "V.CryptoAsset01.g": share, "V.CryptoAsset01.b": other, "V.CryptoAsset01.a": share,
    }  # fmt: skip
    (tmp_path / "a.exr").write_bytes(_exr(layers))
    np.testing.assert_allclose(coverage(read_channels(tmp_path / "a.exr"), "V", "thing"), 2 * share)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.exr").write_bytes(b"not an image at all, not at all")
    with pytest.raises(ValueError, match="not a scanline OpenEXR"):
        read_channels(tmp_path / "a.exr")


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (5, 13), (16, 31)])
def test_one_bit_masks(shape):
    white = np.random.default_rng(1).random(shape) > 0.5
    picture = Image.open(io.BytesIO(one_bit_png(white)))
    assert picture.mode == "1"
    np.testing.assert_array_equal(np.asarray(picture), white)
