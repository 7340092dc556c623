"""The map of embeddings: against scikit-learn, for every form of the vectors, and what it refuses."""

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from likewise.curation import projection
from likewise.errors import ConfigError, InputError, MissingExtraError
from likewise.models import Embeddings


def stretched(rows: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(rows, width)) * np.linspace(5, 1, width) + 3).astype(np.float32)


@pytest.mark.parametrize(("rows", "width"), [(300, 12), (40, 200), (9000, 5), (2, 3), (3, 2)])
def test_pca_agrees_with_scikit_learn(rows: int, width: int) -> None:
    vectors = stretched(rows, width)
    found = projection(vectors)
    reference = PCA(2, svd_solver="full").fit(vectors.astype(np.float64))
    assert found.explained_variance == pytest.approx(reference.explained_variance_ratio_, abs=1e-6)
    expected = reference.transform(vectors.astype(np.float64))
    span = np.ptp(expected, axis=0).max()
    for axis in range(2):
        mine = (found.points[:, axis] - found.points[:, axis].mean()) * span
        theirs = expected[:, axis] * np.sign(expected[np.abs(expected[:, axis]).argmax(), axis])
        assert mine == pytest.approx(theirs - theirs.mean(), abs=1e-4 * span)


def test_the_longer_axis_fills_the_map_and_both_have_one_scale() -> None:
    found = projection(stretched(500, 6)).points
    spans = np.ptp(found, axis=0)
    assert found.dtype == np.float32 and found.shape == (500, 2)
    assert spans.max() == pytest.approx(1) and 0.1 < spans.min() < 1
    assert (found.min(0) + found.max(0)) / 2 == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.ones((7, 3)), np.ones((5, 1))])
def test_equal_rows_lie_in_the_middle(vectors: np.ndarray) -> None:
    found = projection(vectors)
    assert (found.points == 0.5).all() and found.explained_variance == (0.0, 0.0)


def test_one_dimension_becomes_a_line() -> None:
    found = projection(np.array([[0.0], [1.0], [4.0]]))
    assert sorted(found.points[:, 0].tolist()) == pytest.approx([0, 0.25, 1]) or sorted(
        found.points[:, 0].tolist()
    ) == pytest.approx([0, 0.75, 1])
    assert (found.points[:, 1] == 0.5).all() and found.explained_variance == pytest.approx((1, 0))


VECTORS = stretched(20, 4)


@pytest.mark.parametrize("given", [
    VECTORS, VECTORS.tolist(), torch.from_numpy(VECTORS), pd.DataFrame(VECTORS), VECTORS.astype(">f8"),
    Embeddings(VECTORS, [str(row) for row in range(20)], None, "model"),
], ids=["array", "list", "tensor", "frame", "foreign", "embeddings"])  # fmt: skip
def test_the_form_of_the_vectors_changes_nothing(given: Any) -> None:
    assert np.array_equal(projection(given).points, projection(VECTORS).points)


def test_umap_keeps_groups_apart_and_repeats_itself() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat([0, 1], 30)
    vectors = random.normal(size=(60, 8)) + 30 * groups[:, None]
    threads = torch.get_num_threads()
    found = projection(vectors, "umap", seed=3)
    assert torch.get_num_threads() == threads, "the first call starts the threads of numba"
    assert np.array_equal(found.points, projection(vectors, "umap", seed=3).points)
    assert found.explained_variance is None and 0 <= found.points.min() <= found.points.max() <= 1
    centers = np.stack([found.points[groups == group].mean(0) for group in range(2)])
    radius = np.linalg.norm(found.points - centers[groups], axis=1).max()
    assert np.linalg.norm(centers[0] - centers[1]) > 2 * radius


def test_too_few_rows_for_umap() -> None:
    with pytest.raises(InputError, match=r"at least 4 images, but there are 3: use the method 'pca'"):
        projection(np.eye(3), "umap")


def test_umap_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'likewise\[map\]'"):
        projection(np.eye(5), "umap")


@pytest.mark.parametrize(("vectors", "words"), [
    ([[1.0, float("nan")], [0, 1]], "Row 0 of vectors contains a value that is not finite"),
    (np.empty((0, 3)), "at least one row"),
    ([1.0, 2.0], r"must be \(N, D\)"),
])  # fmt: skip
def test_vectors_that_are_none(vectors: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        projection(vectors)


def test_an_unknown_method() -> None:
    with pytest.raises(ConfigError, match=r"method must be a known name, but is 'umpa'.*did you mean 'umap'"):
        projection(VECTORS, "umpa")  # type: ignore[arg-type]
