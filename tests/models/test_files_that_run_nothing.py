"""Arrays of Python objects, which numpy would unpickle, are refused in every file of vectors, and nothing runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import likewise
from likewise.curation.search_state import read_state
from likewise.errors import LikewiseError
from likewise.models import Embeddings


class Payload:
    """Writes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


def arrays(mark: Path, odd: str) -> dict[str, np.ndarray]:
    """Those of a file of embeddings, of which one holds objects."""
    plain = {
        "vectors": np.eye(2, dtype=np.float32), "ids": np.array(["a", "b"]), "labels": np.array(["x", "y"]),
        "about": np.array("{}"), "size": np.array([1, 2]), "mtime_ns": np.array([1, 2]),
        "digest": np.array(["0", "1"]),
    }  # fmt: skip
    return plain | {odd: np.array([Payload(mark), None], dtype=object)}


@pytest.mark.parametrize("odd", ["vectors", "ids", "labels", "about", "size", "digest"])
def test_an_npz_of_our_own_form(odd: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "mark", tmp_path / "photos.npz"
    np.savez(file, **arrays(mark, odd))  # type: ignore[arg-type]
    for read in (Embeddings.load, likewise.load):
        with pytest.raises(LikewiseError, match=r"photos\.npz"):
            read(file)
    assert not mark.exists()


@pytest.mark.parametrize("odd", ["vectors", "ids"])
@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_vectors_of_another_program(odd: str, ending: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "mark", tmp_path / f"photos{ending}"
    content = arrays(mark, odd)
    if ending == ".npz":
        np.savez(file, vectors=content["vectors"], ids=content["ids"])
    else:
        np.save(file, content[odd])
        file.with_suffix(".txt").write_text("a\nb\n")
    with pytest.raises(LikewiseError, match="photos"):
        likewise.load(f"vectors:{file}")
    assert not mark.exists()


@pytest.mark.parametrize("odd", ["about", "pixels", "sizes"])
def test_the_state_of_a_search_for_duplicates(odd: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "mark", tmp_path / "photos.state"
    content = {"about": np.array("{}"), "pixels": np.zeros((1, 2)), "sizes": np.zeros((1, 2))}
    with file.open("wb") as stream:
        np.savez(stream, **content | {odd: np.array([Payload(mark)], dtype=object)})  # type: ignore[arg-type]
    with pytest.raises(LikewiseError, match=r"photos\.state"):
        read_state(file, "settings")
    assert not mark.exists()
