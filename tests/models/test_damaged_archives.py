"""Files of arrays whose archive is damaged: one sentence from every reader, whatever the archive claims to be."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import likewise
from likewise import Catalog, Embeddings
from likewise.curation import duplicates
from likewise.errors import LikewiseError

NAMES = ["a.png", "b.png", "c.png"]
CLAIMS = {"deflate": 8, "deflate64": 9, "bzip2": 12, "lzma": 14, "unknown": 99, "encrypted": None}


def claiming(data: bytes, method: int | None) -> bytes:
    """An archive whose entries claim another compression, or encryption."""
    changed = bytearray(data)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = changed.find(signature)
        while place >= 0:
            if method is None:
                changed[place + flags] |= 1
            else:
                changed[place + flags + 2 : place + flags + 4] = struct.pack("<H", method)
            place = changed.find(signature, place + 4)
    return bytes(changed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("archives")
    for number, name in enumerate(NAMES):
        Image.new("RGB", (40, 40), (80 * number, 1, 9)).save(place / name)
    Embeddings(np.eye(3, dtype=np.float32), NAMES, None, "0" * 16).save(place / "ours.npz")
    np.savez(place / "foreign.npz", vectors=np.eye(3), ids=np.array(NAMES))
    duplicates(Catalog.from_images([place / name for name in NAMES]), state=place / "state.npz")
    return place


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("ours", Embeddings.load),
        ("ours", lambda path: likewise.load(f"vectors:{path}")),
        ("foreign", lambda path: likewise.load(f"vectors:{path}")),
        (
            "state",
            lambda path: duplicates(Catalog.from_images([path.parent / name for name in NAMES]), state=path),
        ),
    ],
    ids=["embeddings", "a model of ours", "a model of another program", "a state"],
)
def test_a_damaged_archive_is_refused_in_a_sentence_and_stays(
    folder: Path, name: str, use: Callable[[Path], object], claim: str
) -> None:
    file = folder / f"damaged-{name}.npz"
    use(folder / f"{name}.npz")
    file.write_bytes(claiming((folder / f"{name}.npz").read_bytes(), CLAIMS[claim]))
    before = file.read_bytes()
    with pytest.raises(LikewiseError, match=f"damaged-{name}"):
        use(file)
    assert file.read_bytes() == before
