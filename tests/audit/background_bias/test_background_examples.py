"""Which searches the background audit shows: from losses and neighbours written by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from likewise.audit.background_bias.examples import _hurt_most

LABELS = np.array(["a", "a", "b", "b", "c", "c", "d"])


def shown(before: list[float], after: list[float], first: list[int], then: list[int]) -> list[int]:
    scores = SimpleNamespace(per_query={"map@r": np.array(after)})
    evaluation: Any = SimpleNamespace(
        per_query=lambda name, metric: np.array(before), results={"replaced": [scores]}
    )
    neighbors: Any = SimpleNamespace(before=np.array(first)[:, None], after=np.array(then)[:, None])
    return _hurt_most(evaluation, neighbors, LABELS, "map@r")


RIGHT = [1, 0, 3, 2, 5, 4, 0]


def test_one_search_per_class_the_largest_loss_first() -> None:
    before, after = [0.9] * 6 + [np.nan], [0.8, 0.5, 0.1, 0.2, 0.9, 0.95, np.nan]
    assert shown(before, after, RIGHT, RIGHT) == [2, 1, 4]


def test_a_first_hit_that_turns_wrong_comes_before_larger_losses() -> None:
    after = [0.8, 0.5, 0.1, 0.2, 0.9, 0.6, np.nan]
    assert shown([0.9] * 6 + [np.nan], after, RIGHT, [2, 0, 3, 2, 5, 4, 1]) == [0, 2, 5]


def test_a_first_hit_that_was_wrong_before_does_not_count_as_turned() -> None:
    after = [0.8, 0.5, 0.1, 0.2, 0.9, 0.6, np.nan]
    assert shown([0.9] * 6 + [np.nan], after, [2, *RIGHT[1:]], [3, *RIGHT[1:]]) == [2, 1, 5]
