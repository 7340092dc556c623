import numpy as np
import pandas as pd
import pytest
import torch

from likewise.data import Failure
from likewise.errors import InputError
from likewise.models import Embeddings


@pytest.fixture
def embeddings():
    vectors = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    failures = [Failure("x.jpg", "x.jpg is truncated.")]
    return Embeddings(
        vectors, ["a", "é/b.jpg", "c"], np.array(["k", "l", ""], object), "f" * 16, failures, "snr"
    )


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
@pytest.mark.parametrize("labelled", [True, False])
def test_written_and_read_again(tmp_path, embeddings, ending, labelled):
    if not labelled:
        object.__setattr__(embeddings, "labels", None)
    embeddings.save(tmp_path / f"e{ending}")
    found = Embeddings.load(tmp_path / f"e{ending}")
    np.testing.assert_array_equal(found.vectors, embeddings.vectors)
    assert found.vectors.dtype == np.float32
    assert found.ids == embeddings.ids
    assert (found.labels is None) if not labelled else (found.labels.tolist() == ["k", "l", ""])
    assert (found.fingerprint, found.distance) == (embeddings.fingerprint, "snr")
    assert found.failures == embeddings.failures


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_no_rows_at_all(tmp_path, ending):
    empty = Embeddings(np.zeros((0, 4), np.float32), [], None, "f")
    empty.save(tmp_path / f"e{ending}")
    assert Embeddings.load(tmp_path / f"e{ending}").vectors.shape == (0, 4)


def test_bad_input(tmp_path, embeddings):
    with pytest.raises(InputError, match=r"as .npz or .parquet, not as 'e.csv'"):
        embeddings.save(tmp_path / "e.csv")
    with pytest.raises(InputError, match="There is no file"):
        Embeddings.load(tmp_path / "e.npz")
    for name in ("bad.npz", "bad.parquet"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(InputError, match="contains no embeddings"):
            Embeddings.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="contains no embeddings"):
        Embeddings.load(tmp_path / "other.npz")
    with pytest.raises(InputError, match="do not fit together"):
        Embeddings(np.zeros((2, 3), np.float32), ["a"], None, "f")


def test_a_pickle_inside_is_not_read(tmp_path):
    np.savez(tmp_path / "e.npz", vectors=np.array([{}], object), ids=np.array(["a"]), about=np.array("{}"))
    with pytest.raises(InputError, match="contains no embeddings"):
        Embeddings.load(tmp_path / "e.npz")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_an_image_with_an_unusable_vector_is_a_failure_by_name(make, catalog, monkeypatch, bad):
    model = make()
    forward = model.network.forward

    def spoilt(images):
        vectors = forward(images)
        vectors[1:2] = bad
        return vectors

    monkeypatch.setattr(model.network, "forward", spoilt)
    found = model.embed(catalog, batch_size=4, num_workers=0)
    bad_ids = [catalog.ids[row] for row in (1, 5)]
    assert [failure.id for failure in found.failures][:2] == bad_ids and len(found) == len(catalog) - len(
        found.failures
    )
    assert np.isfinite(found.vectors).all() and not set(bad_ids) & set(found.ids)
    assert ("zeros" if bad == 0 else "NaN, infinity") in found.failures[0].reason


@pytest.mark.parametrize(("distance", "usable"), [
    ("cosine", ["fine", "equal"]), ("snr", ["fine"]), ("euclidean", ["fine", "zeros", "equal"]),
])  # fmt: skip
def test_what_no_distance_can_be_measured_from_depends_on_the_distance(distance, usable):
    rows = {
        "fine": [1.0, 2.0],
        "zeros": [0.0, 0.0],
        "equal": [3.0, 3.0],
        "nan": [np.nan, 1.0],
        "huge": [1.0, 1e16],
    }
    found = Embeddings(np.float32([*rows.values()]), [*rows], None, "f", distance=distance).usable()
    assert found.ids == usable and [failure.id for failure in found.failures] == [
        name for name in rows if name not in usable
    ]
    assert [failure.id for failure in found.failures if "NaN, infinity" in failure.reason] == ["nan", "huge"]


def test_zeros_are_usable_where_the_distance_is_euclidean():
    vectors = np.array([[0, 0], [1, np.nan]], np.float32)
    found = Embeddings(vectors, ["a", "b"], np.array(["x", "y"], object), "f", distance="euclidean").usable()
    assert (
        found.ids == ["a"]
        and found.labels.tolist() == ["x"]
        and [each.id for each in found.failures] == ["b"]
    )


NUMBERS = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "form",
    [
        lambda rows: rows[::-1][::-1],
        lambda rows: rows.astype(">f4"),
        lambda rows: rows.astype(np.float64),
        np.asfortranarray,
        lambda rows: rows.astype(object),
        lambda rows: rows.tolist(),
        lambda rows: pd.DataFrame(rows, index=[7, 8, 9]),
        lambda rows: torch.from_numpy(rows.copy()).requires_grad_(),
    ],
    ids=["view", "big-endian", "double", "fortran", "object", "list", "pandas", "torch"],
)
def test_vectors_of_every_form_are_the_same_numbers(form):
    found = Embeddings(form(NUMBERS), ["a", "b", "c"], None, "f").vectors
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_array_equal(found, NUMBERS)


@pytest.mark.parametrize(
    "names",
    [
        [7, 12, 0],
        np.array([7, 12, 0], ">i2"),
        np.array([7.0, 12.0, 0.0]),
        pd.Series([7, 12, 0], index=[5, 5, 5]),
        pd.Categorical([7, 12, 0]),
        torch.tensor([7, 12, 0]),
        ("7", "12", "0"),
    ],
)
def test_ids_and_labels_of_every_form_are_the_same_texts(names):
    found = Embeddings(NUMBERS, names, names, "f")
    assert found.ids == ["7", "12", "0"] and found.labels.tolist() == ["7", "12", "0"]


def test_missing_labels_are_empty():
    assert Embeddings(NUMBERS, list("abc"), [7, None, np.nan], "f").labels.tolist() == ["7", "", ""]


@pytest.mark.parametrize(
    "bad", [np.full((3, 4), "x"), np.zeros((3, 4), complex), np.array([[object()] * 4] * 3)]
)
def test_vectors_that_are_no_numbers_are_refused(bad):
    with pytest.raises(InputError, match="must be numbers"):
        Embeddings(bad, list("abc"), None, "f")


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "nan", "twice"])
def test_damaged_files_are_refused_by_name(tmp_path, ending, damage):
    vectors = np.where(np.arange(12).reshape(3, 4) == 5, np.nan, NUMBERS) if damage == "nan" else NUMBERS
    file = tmp_path / f"e{ending}"
    Embeddings(vectors, ["a", "a" if damage == "twice" else "b", "c"], None, "f").save(file)
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        middle = content.find(NUMBERS.tobytes()[:8]) if ending == ".npz" else 6
        content[middle] ^= 0xFF
        content[-20] ^= 0xFF
    if damage in ("cut", "empty", "flipped"):
        file.write_bytes(content[: {"cut": len(content) // 2, "empty": 0}.get(damage, len(content))])
    with pytest.raises(InputError, match=f"e\\{ending}"):
        Embeddings.load(file)
