"""Changes as shares of what was: by hand, and against resampling the share itself."""

import numpy as np
import pytest

from likewise.audit.background_bias.relative_change import relative_change
from likewise.retrieval.bootstrap import draws

CLASSES = np.repeat([f"class {number}" for number in range(12)], 5)
BEFORE = np.random.default_rng(0).uniform(0.2, 0.9, len(CLASSES))


def test_a_loss_of_the_same_share_everywhere_has_no_uncertainty() -> None:
    found = relative_change(0.7 * BEFORE, BEFORE, CLASSES)
    assert found.change == pytest.approx(-0.3)
    assert found.interval == pytest.approx((-0.3, -0.3))
    assert found.linear == pytest.approx(np.full(len(BEFORE), -0.3))
    assert found.p_value < 0.01


def test_the_interval_is_that_of_the_resampled_share() -> None:
    after = BEFORE * np.random.default_rng(1).uniform(0.3, 0.9, 12).repeat(5)
    found = relative_change(after, BEFORE, CLASSES)
    codes = np.unique(CLASSES, return_inverse=True)[1]
    sums = [np.bincount(codes, values) for values in (after, BEFORE)]
    weights = np.concatenate(list(draws(12, 4000, 3)))
    low, high = np.quantile((weights @ sums[0]) / (weights @ sums[1]) - 1, [0.025, 0.975])
    assert (
        found.linear.mean() == pytest.approx(found.change) == pytest.approx(after.mean() / BEFORE.mean() - 1)
    )
    assert found.interval == pytest.approx((low, high), abs=0.1 * (high - low))


def test_lone_queries_count_nowhere() -> None:
    lone = np.append(BEFORE, np.nan)
    found = relative_change(0.5 * lone, lone, np.append(CLASSES, "alone"))
    assert found.change == pytest.approx(-0.5) and np.isnan(found.linear[-1])


def test_of_nothing_no_share_can_be_lost() -> None:
    found = relative_change(BEFORE, np.zeros_like(BEFORE), CLASSES)
    assert np.isnan([found.change, *found.interval, found.p_value]).all() and np.isnan(found.linear).all()
