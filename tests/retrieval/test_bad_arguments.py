"""Every argument of every public function on arrays: a bad value is refused in one sentence, at once."""

import inspect
from typing import Any

import numpy as np
import pytest

from likewise import audit, retrieval
from likewise.errors import LikewiseError

VECTORS = np.random.default_rng(0).random((40, 4))
LABELS = np.arange(40) % 5
HITS, RELEVANT = np.array([[True, False, True]] * 4), np.array([2] * 4)

GOOD: dict[str, dict[str, Any]] = {
    "evaluate": {"vectors": VECTORS, "labels": LABELS},
    "evaluate_queries": {"vectors": VECTORS, "labels": LABELS},
    "nearest": {"queries": VECTORS, "k": 3},
    "calibrate": {"vectors": VECTORS, "labels": LABELS, "false_match_rate": 0.2, "repeats": 100},
    "error_curve": {"vectors": VECTORS, "labels": LABELS},
    "supported_rate": {"labels": LABELS},
    "normalized_r_precision": {"vectors": VECTORS, "values": LABELS},
    "property_scores": {"vectors": VECTORS, "properties": {"x": LABELS}},
    "property_significance": {"vectors": VECTORS, "properties": {"x": LABELS}, "permutations": 19},
    "property_correlations": {"vectors": VECTORS, "properties": {"x": LABELS}, "permutations": 19},
    "holm": {"p_values": [0.1, 0.2]},
    "mann_whitney": {"a": [1.0, 2], "b": [3.0, 4]},
    "rank_biserial": {"a": [1.0, 2], "b": [3.0, 4]},
    "mean_difference": {"a": [1.0, 2], "b": [3.0, 4]},
    "permutation_test": {"a": [1.0, 2], "b": [3.0, 4], "permutations": 19},
    "paired_difference": {"a": VECTORS[:, 0], "b": VECTORS[:, 1], "repeats": 100, "permutations": 19},
    "sign_permutation": {"differences": [1.0, 2], "permutations": 19},
    "recall_at_k": {"hits": HITS, "relevant": RELEVANT, "k": 2},
    "precision_at_k": {"hits": HITS, "relevant": RELEVANT, "k": 2},
    "r_precision": {"hits": HITS, "relevant": RELEVANT},
    "map_at_r": {"hits": HITS, "relevant": RELEVANT},
    "average_precision": {"hits": HITS, "relevant": RELEVANT},
    "metric_names": {}, "resolve_metrics": {},
    "correlation": {"maps_a": VECTORS, "maps_b": VECTORS + 1},
    "jensen_shannon": {"maps_a": VECTORS, "maps_b": VECTORS + 1},
    "fisher_mean": {"correlations": [0.1, 0.2]},
}  # fmt: skip
BAD = [
    object(),
    "x",
    "",
    -1,
    2.5,
    float("nan"),
    float("inf"),
    [],
    {},
    None,
    {"a": 1},
    2**70,
    b"x",
    1j,
]


def function(name: str) -> Any:
    return getattr(retrieval, name, None) or getattr(audit, name)


@pytest.mark.parametrize("name", GOOD)
def test_a_bad_value_is_refused_or_right(name: str) -> None:
    called = function(name)
    called(**GOOD[name])
    for parameter in inspect.signature(called).parameters:
        for bad in BAD:
            try:
                called(**{**GOOD[name], parameter: bad})
            except LikewiseError as error:
                told = str(error)
                assert told and "\n" not in told and "Traceback" not in told, (parameter, bad, told)
            except Exception as error:
                pytest.fail(f"{name}({parameter}={bad!r}): {type(error).__name__}: {error}")


@pytest.mark.parametrize(("name", "parameter"), [
    ("calibrate", "repeats"), ("paired_difference", "repeats"), ("paired_difference", "permutations"),
    ("sign_permutation", "permutations"), ("permutation_test", "permutations"), ("nearest", "k"),
    ("property_significance", "permutations"), ("property_correlations", "permutations"), ("error_curve", "points"),
])  # fmt: skip
@pytest.mark.parametrize("value", ["3", 2.5, True, -1, 2**70, None, [3]])
def test_counts_are_whole_numbers_within_bounds(name: str, parameter: str, value: Any) -> None:
    with pytest.raises(LikewiseError, match=parameter):
        function(name)(**{**GOOD[name], parameter: value})
