"""Cut-offs per query against one common cut-off, both calibrated on half of the classes."""

import numpy as np
import pytest

from likewise.checks.query_cutoff import CutoffTest, _accepted, _interval, compare_cutoffs


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


@pytest.mark.parametrize(
    ("errors", "count", "expected"),
    [(0, 10, (0, 1 - 0.025**0.1)), (10, 10, (0.025**0.1, 1)), (0, 1, (0, 0.975)), (0, 0, (0, 1))],
)
def test_the_interval_of_wrong_matches_is_the_exact_one_of_95_percent(
    errors: int, count: int, expected: tuple[float, float]
) -> None:
    """Clopper and Pearson: without errors, the upper end is 1 - 0.025^(1/n)."""
    interval = _interval(errors, count)
    assert (interval.low, interval.high) == pytest.approx(expected)


def test_accepted_neighbours_are_counted_among_all_and_among_the_right_ones() -> None:
    chosen, right = np.array([True, True, False, False]), np.array([True, False, True, False])
    accepted = _accepted(chosen, right)
    assert list(vars(accepted).values()) == [0.5, 0.5, 0.5]
    assert list(vars(_accepted(~chosen & chosen, right)).values()) == [0, 0, 0]
    assert list(vars(_accepted(chosen | ~chosen, np.array([True, False, False, False]))).values()) == [
        1,
        0.75,
        1,
    ]
