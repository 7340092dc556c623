"""Cut-offs per query against one common cut-off, both calibrated on half of the classes."""

import numpy as np
import pytest

from likewise.checks.query_cutoff import CutoffTest, compare_cutoffs


def neighbors(classes: int, per_class: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, neighbours and distances of points around the centre of their class."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.array([f"class {number}" for number in range(classes)]), per_class)
    points = (
        np.repeat(random.normal(size=(classes, 4)), per_class, axis=0)
        + random.normal(size=(len(labels), 4)) / 3
    )
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    indices = distances.argsort(axis=1)[:, :6]
    return labels, indices, np.take_along_axis(distances, indices, 1).astype(np.float32)


@pytest.mark.parametrize(("classes", "measured"), [(6, True), (5, False)])
def test_each_half_needs_three_classes(classes: int, measured: bool) -> None:
    result = compare_cutoffs(*neighbors(classes))
    assert isinstance(result, CutoffTest) == measured
    assert measured or "there are 5 classes" in str(result)


def test_three_neighbours_are_needed() -> None:
    labels, indices, distances = neighbors(6)
    assert isinstance(compare_cutoffs(labels, indices[:, :3], distances[:, :3]), CutoffTest)
    assert isinstance(compare_cutoffs(labels, indices[:, :2], distances[:, :2]), str)


def test_features_are_standardised_and_a_constant_one_is_zero() -> None:
    from likewise.checks.query_cutoff import _features

    distances = np.sort(np.random.default_rng(0).uniform(0.1, 1, (50, 6)), axis=1).astype(np.float32)
    features = _features(distances)
    assert features.mean(0) == pytest.approx(np.zeros(3), abs=1e-9) and features.std(0) == pytest.approx(
        np.ones(3)
    )
    distances[:, 0] = 0.0
    assert not _features(distances)[:, 0].any() and np.isfinite(_features(distances)).all()
