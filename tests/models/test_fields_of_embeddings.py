"""Each field of embeddings is stored, read, taken with its rows, and left alone by what does not concern it."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.data import Failure
from likewise.files import ContentRecord
from likewise.models import Embeddings
from likewise.runtime_choice import RuntimeChoice

WHOLE = Embeddings(
    vectors=np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32),
    ids=["a", "é", "c"],
    labels=np.array(["wren", "", "tit"], object),
    fingerprint="f1",
    failures=[Failure("x", "truncated"), Failure("y", "no image")],
    distance="euclidean",
    records=[ContentRecord(size, 10 * size, f"d{size}") for size in (1, 2, 3)],
    runtime="onnx",
    runtime_choice=RuntimeChoice(
        "onnx", 0.99999, {"torch": 0.2, "onnx": 0.1}, {"openvino": "no"}, 4, 3, "torch"
    ),
)
NAMES = [field.name for field in fields(Embeddings)]


def values(embeddings: Embeddings) -> dict[str, Any]:
    """The fields as plain values."""
    return {
        name: value.tolist() if isinstance(value := getattr(embeddings, name), np.ndarray) else value
        for name in NAMES
    }


def test_no_field_has_its_default_here() -> None:
    plain = values(Embeddings(WHOLE.vectors, ["1", "2", "3"], None, ""))
    assert [name for name in NAMES if name != "vectors" and plain[name] == values(WHOLE)[name]] == []


@pytest.mark.parametrize("ending", ["npz", "parquet"])
@pytest.mark.parametrize(
    "change", [{}, {"labels": None}, {"records": None}, {"runtime_choice": None}, {"failures": []}]
)
def test_every_field_is_stored(tmp_path: Path, ending: str, change: dict[str, Any]) -> None:
    expected = replace(WHOLE, **change)
    expected.save(tmp_path / f"v.{ending}")
    assert values(Embeddings.load(tmp_path / f"v.{ending}")) == values(expected)


@pytest.mark.parametrize("rows", [[2, 0], [False, True, False], []])
def test_rows_are_taken_from_every_field_that_has_them(rows: list[Any]) -> None:
    chosen = np.arange(3)[np.array(rows, bool if rows and isinstance(rows[0], bool) else int)].tolist()
    whole, taken = values(WHOLE), values(WHOLE.take(rows))
    by_row = {"vectors", "ids", "labels", "records"}
    assert taken == {
        name: [whole[name][row] for row in chosen] if name in by_row else whole[name] for name in NAMES
    }
    bare = replace(WHOLE, labels=None, records=None).take(rows)
    assert bare.labels is None and bare.records is None


@pytest.mark.parametrize(
    ("distance", "bad", "words"),
    [
        ("cosine", [0, 0], "no cosine distance"), ("snr", [2, 2], "no snr distance"), ("snr", [0, 0], "no snr"),
        ("euclidean", [np.nan, 0], "NaN, infinity or numbers beyond"), ("cosine", [np.inf, 0], "NaN, infinity"),
        ("snr", [1.1e15, 0], "beyond 1e15"), ("avsl", [-1.1e15, 0], "beyond 1e15"),
    ],
)  # fmt: skip
def test_a_vector_that_cannot_be_compared_is_a_failure_beside_the_others(
    distance: str, bad: list[float], words: str
) -> None:
    vectors = WHOLE.vectors.copy()
    vectors[1] = bad
    given = replace(WHOLE, vectors=vectors, distance=distance)
    usable = given.usable()
    expected = values(given.take([0, 2]))
    found = values(usable)
    failures = found.pop("failures")
    assert failures[:2] == expected.pop("failures") and found == expected
    assert failures[2].id == "é" and words in failures[2].reason and len(failures) == 3


@pytest.mark.parametrize(
    ("distance", "vector"),
    [("euclidean", [0, 0]), ("avsl", [0, 0]), ("euclidean", [2, 2]), ("cosine", [2, 2]), ("snr", [1e15, 0])],
)
def test_what_can_be_compared_stays(distance: str, vector: list[float]) -> None:
    vectors = WHOLE.vectors.copy()
    vectors[1] = vector
    given = replace(WHOLE, vectors=vectors, distance=distance)
    assert given.usable() is given


def test_the_line_of_embeddings() -> None:
    assert repr(WHOLE) == "Embeddings(3 x 2, 3 labels, 2 failed, euclidean, model f1)"
    assert repr(Embeddings(WHOLE.vectors, list("abc"), None, "")).endswith(
        "no labels, cosine, model unknown)"
    )
