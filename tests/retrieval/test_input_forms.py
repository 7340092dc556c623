"""The form of what is given changes nothing: lists, arrays of any type and order, tensors, columns with any index."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from input_forms import NUMBERS, TEXT, WHOLE
from likewise.audit import adjusted_purity, correlation, fisher_mean, jensen_shannon
from likewise.errors import InputError
from likewise.retrieval import (
    average_precision,
    calibrate,
    error_curve,
    evaluate,
    evaluate_queries,
    holm,
    mann_whitney,
    map_at_r,
    mean_difference,
    nearest,
    normalized_r_precision,
    paired_difference,
    permutation_test,
    precision_at_k,
    property_correlations,
    property_scores,
    property_significance,
    r_precision,
    rank_biserial,
    recall_at_k,
    sign_permutation,
    supported_rate,
)

ROWS, DIM = 40, 4


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of small whole numbers, exact in every type, and classes."""
    random = np.random.default_rng(seed)
    classes = np.arange(ROWS) % 5
    return (random.integers(-3, 4, (ROWS, DIM)) + 4.0 * np.eye(5, DIM)[classes]), classes.astype(np.float64)


def same(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            same(found[name], expected[name])
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    elif hasattr(expected, "per_query"):
        same(found.per_query, expected.per_query)
    elif hasattr(expected, "model_dump"):
        assert found == expected
    elif isinstance(expected, tuple) and hasattr(expected, "_fields"):
        for name in expected._fields:
            same(getattr(found, name), getattr(expected, name))
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif hasattr(expected, "__dataclass_fields__"):
        for name in expected.__dataclass_fields__:
            same(getattr(found, name), getattr(expected, name))
    else:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


VECTORS: dict[str, Callable[[Any], Any]] = {
    "evaluate": lambda rows: evaluate(rows, example()[1]),
    "evaluate_queries": lambda rows: evaluate_queries(rows, example()[1]),
    "evaluate a gallery": lambda rows: evaluate(
        rows, example()[1], gallery_vectors=rows, gallery_labels=example()[1], self_index=np.arange(ROWS)
    ),
    "nearest": partial(nearest, k=3),
    "nearest in a gallery": lambda rows: nearest(example()[0], rows, 3, distance="euclidean"),
    "calibrate": lambda rows: calibrate(rows, example()[1], false_match_rate=0.2, repeats=100),
    "error_curve": lambda rows: error_curve(rows, example()[1]),
    "normalized_r_precision": lambda rows: normalized_r_precision(rows, example()[1]),
    "property_scores": lambda rows: property_scores(rows, {"x": example()[1]})["x"].score,
    "property_significance": lambda rows: property_significance(rows, {"x": example()[1]}, permutations=19)["x"],
    "property_correlations": lambda rows: property_correlations(rows, {"x": example()[1]}, permutations=19)["x"],
    "correlation": lambda rows: correlation(rows, example(1)[0]),
    "jensen_shannon": lambda rows: jensen_shannon(example()[0] + 9, example()[0] + 9) * (correlation(rows, rows) > 0),
    "fisher_mean": lambda rows: fisher_mean(correlation(rows, example(1)[0])),
}  # fmt: skip
LABELS: dict[str, Callable[[Any], Any]] = {
    "evaluate": lambda labels: evaluate(example()[0], labels),
    "gallery_labels": lambda labels: evaluate(
        example()[0], labels, gallery_vectors=example()[0], gallery_labels=labels, self_index=np.arange(ROWS)
    ),
    "calibrate": lambda labels: calibrate(example()[0], labels, false_match_rate=0.2, repeats=100),
    "error_curve": lambda labels: error_curve(example()[0], labels),
    "supported_rate": supported_rate,
    "normalized_r_precision": lambda labels: normalized_r_precision(example()[0], labels),
    "property_scores": lambda labels: property_scores(example()[0], {"x": labels})["x"].per_image,
    "property_significance": lambda labels: property_significance(example()[0], {"x": labels}, permutations=19)["x"],
    "adjusted_purity": lambda labels: adjusted_purity(property_scores(example()[0], {"x": labels})["x"], labels),
    "groups of a paired difference": lambda labels: paired_difference(
        example()[0][:, 0], example()[0][:, 1], labels, repeats=100
    ),
}  # fmt: skip
COLUMN = example()[0][:, 0]
STATISTICS: dict[str, Callable[[Any], Any]] = {
    "mann_whitney": lambda values: mann_whitney(values, COLUMN + 1),
    "rank_biserial": lambda values: rank_biserial(COLUMN + 1, values),
    "mean_difference": lambda values: mean_difference(values, COLUMN + 1),
    "permutation_test": lambda values: permutation_test(values, COLUMN + 1, permutations=99),
    "paired_difference": lambda values: paired_difference(values, COLUMN + 1, repeats=100),
    "sign_permutation": lambda values: sign_permutation(values, permutations=99),
    "property_correlations": lambda values: property_correlations(example()[0], {"x": values}, permutations=19)["x"],
    "fisher_mean": lambda values: fisher_mean(np.asarray(as_plain(values)) / 16),
}  # fmt: skip


def as_plain(values: Any) -> Any:
    return (
        values.detach().double().numpy()
        if isinstance(values, torch.Tensor)
        else np.array(list(values), float)
    )


@pytest.mark.parametrize("form", NUMBERS)
@pytest.mark.parametrize("function", VECTORS)
def test_the_form_of_vectors_changes_nothing(function: str, form: str) -> None:
    vectors, _ = example()
    same(VECTORS[function](NUMBERS[form](vectors)), VECTORS[function](vectors))


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("function", LABELS)
def test_the_form_of_whole_numbers_changes_nothing(function: str, form: str) -> None:
    _, labels = example()
    same(LABELS[function](WHOLE[form](labels)), LABELS[function](labels))


@pytest.mark.parametrize("form", TEXT)
@pytest.mark.parametrize("function", LABELS)
def test_the_form_of_text_changes_nothing(function: str, form: str) -> None:
    labels = np.array([f"class {int(label)}" for label in example()[1]])
    same(LABELS[function](TEXT[form](labels)), LABELS[function](labels))


@pytest.mark.parametrize("form", NUMBERS)
@pytest.mark.parametrize("function", STATISTICS)
def test_the_form_of_scores_changes_nothing(function: str, form: str) -> None:
    same(STATISTICS[function](NUMBERS[form](COLUMN)), STATISTICS[function](COLUMN))


@pytest.mark.parametrize("form", NUMBERS)
def test_the_form_of_p_values_changes_nothing(form: str) -> None:
    values = np.array([0.25, 0.5, 0.0625])  # exact in every type
    same(holm(NUMBERS[form](values)), holm(values))


@pytest.mark.parametrize("form", [name for name in WHOLE if name not in {"categorical", "index", "nullable"}])
@pytest.mark.parametrize("metric", [
    lambda hits, relevant: recall_at_k(hits, relevant, 2), lambda hits, relevant: precision_at_k(hits, relevant, 2),
    r_precision, map_at_r, average_precision,
])  # fmt: skip
def test_the_form_of_hits_changes_nothing(metric: Callable[..., torch.Tensor], form: str) -> None:
    hits, relevant = np.array([[0.0, 1, 0], [1, 0, 1]]), np.array([2.0, 3])
    if form not in {"NumPy scalars", "0-d tensors"}:
        hits_given = WHOLE[form](hits) if form != "range or list" else hits.astype(int).tolist()
    else:
        hits_given = hits
    expected = metric(torch.from_numpy(hits).bool(), torch.from_numpy(relevant).long())
    same(metric(hits_given, WHOLE[form](relevant)), expected)


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=6, max_size=30),
    form=st.sampled_from(sorted(WHOLE)), dtype=st.sampled_from(sorted(NUMBERS)), seed=st.integers(0, 9),
)  # fmt: skip
def test_any_labels_in_any_form(labels: list[int], form: str, dtype: str, seed: int) -> None:
    vectors = np.random.default_rng(seed).integers(1, 9, (len(labels), 3)).astype(float)
    plain = np.array(labels, float)

    def outcome(rows: Any, classes: Any) -> Any:
        try:
            return evaluate(rows, classes, recall_at=[1])
        except InputError as error:
            return str(error)

    assert outcome(NUMBERS[dtype](vectors), WHOLE[form](plain)) == outcome(vectors, plain)


BAD_VECTORS: dict[str, Any] = {
    "text": [["a", "b"]] * ROWS, "ragged": [[1.0, 2.0]] * (ROWS - 1) + [[1.0]], "complex": np.ones((ROWS, 2), complex),
    "complex tensor": torch.ones(ROWS, 2, dtype=torch.complex64), "NaN": np.full((ROWS, 2), np.nan),
    "sparse": torch.eye(ROWS).to_sparse(), "set": {1.0, 2.0}, "dictionary": {"a": 1}, "one word": "vectors",
    "none": None,
    "dates": np.full((ROWS, 2), np.datetime64("2024-01-01")), "one row": np.ones(ROWS), "empty": np.empty((0, 2)),
    "objects": np.full((ROWS, 2), object()), "None inside": [[1.0, None]] * ROWS,
    "masked": np.ma.masked_array(np.ones((ROWS, 2)), mask=np.eye(ROWS, 2)), "infinite": np.full((ROWS, 2), 1e300),
}  # fmt: skip
BAD_LABELS: dict[str, Any] = {
    "empty text": [""] * ROWS, "missing": [None] + ["a"] * (ROWS - 1), "NaN": np.full(ROWS, np.nan),
    "half": [0.5] * ROWS,
    "too few": ["a", "b"], "two columns": np.ones((ROWS, 2), int), "mixed": [1, "1"] * (ROWS // 2),
    "mixed objects": np.array([1, "1"] * (ROWS // 2), dtype=object), "bytes": [b"a"] * ROWS, "set": {"a", "b"},
    "missing nullable": pd.Series([1, None] * (ROWS // 2), dtype="Int64"), "one word": "a" * ROWS, "none": None,
    "missing category": pd.Series(["a", None] * (ROWS // 2)).astype("category"),
    "too large": np.full(ROWS, 2**64 - 1, np.uint64),
    "larger still": [2**70] * ROWS, "dates": np.full(ROWS, np.datetime64("2024-01-01")), "lists": [[1]] * ROWS,
    "infinite": np.full(ROWS, np.inf), "complex": np.ones(ROWS, complex),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD_VECTORS)
@pytest.mark.parametrize(
    "function", ["evaluate", "nearest", "calibrate", "normalized_r_precision", "property_correlations"]
)
def test_what_is_no_vector_is_refused_in_a_sentence(function: str, bad: str) -> None:
    with pytest.raises(InputError, match=r"^.+\.$|\?$"):
        VECTORS[function](BAD_VECTORS[bad])


@pytest.mark.parametrize("bad", BAD_LABELS)
@pytest.mark.parametrize("function", ["evaluate", "calibrate", "error_curve", "supported_rate"])
def test_what_is_no_class_is_refused_in_a_sentence(function: str, bad: str) -> None:
    if function == "supported_rate" and bad == "too few":
        pytest.skip("any number of images is right here")
    with pytest.raises(InputError, match=r"labels (must|has)"):
        LABELS[function](BAD_LABELS[bad])


@pytest.mark.parametrize("bad", [
    ["a"] * ROWS, np.ones(ROWS, complex), {1, 2}, None, np.full(ROWS, np.nan), [[1, 2]] * ROWS, [1, "a"], [],
    np.full(ROWS, np.datetime64("2024-01-01")),
])  # fmt: skip
@pytest.mark.parametrize(
    "function", ["mann_whitney", "sign_permutation", "permutation_test", "paired_difference"]
)
def test_what_is_no_score_is_refused_in_a_sentence(function: str, bad: Any) -> None:
    with pytest.raises(InputError):
        STATISTICS[function](bad)


@pytest.mark.parametrize("bad", [
    [[1]] * ROWS, np.ones((ROWS, 2)), {"a": 1}, "text", None, ["a"] * 3, [None] * ROWS,
])  # fmt: skip
def test_what_is_no_property_is_refused_in_a_sentence(bad: Any) -> None:
    with pytest.raises(InputError, match=r"Property 'values'|values must be a list"):
        normalized_r_precision(example()[0], bad)
