"""What a notebook shows of a result: one bounded line, whatever the result holds; and results can be compared."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from likewise import Embeddings
from likewise.data import CheckReport, Issue
from likewise.readable import brief, readable
from likewise.report import Report, Table
from likewise.results import Verdict
from likewise.retrieval import Interval, Neighbors, evaluate_queries, nearest
from likewise.retrieval.index.results import Hit, SearchResult
from test_public_arguments import PACKAGES

LONG = re.compile(r"ndarray|Tensor|DataFrame|\bImage\b|list\[|Sequence\[|dict\[")
# Descriptions that users write or read in full, small values, and tables of functions.
IN_FULL = {
    "CheckContext", "CheckOptions", "Check", "Job", "Verdict", "Line", "Searched", "AVSLDistance",
    "LossDescription", "IndexInfo", "RuntimeChoice", "Picture", "Prepared", "GroupTest", "Capability", "Property",
}  # fmt: skip
SHORT = 700


def results() -> Iterator[Any]:
    for package in (*PACKAGES, "likewise.checks"):
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) and dataclasses.is_dataclass(thing)) or name in IN_FULL:
                continue
            if LONG.search(" ".join(str(each.type) for each in dataclasses.fields(thing))):
                yield pytest.param(thing, id=f"{package}.{name}")


@pytest.mark.parametrize("result", results())
def test_a_result_with_arrays_or_lists_does_not_print_them(result: type) -> None:
    assert not hasattr(vars(result)["__repr__"], "__wrapped__"), "decorate it with likewise.readable.readable"


def hit(rank: int) -> Hit:
    return Hit(rank, f"photos/{rank}.jpg", "mug", rank / 10, None, None, "", {})


VECTORS, LABELS = np.random.default_rng(0).normal(size=(40, 8)), np.arange(40) // 4


@pytest.mark.parametrize(("result", "line"), [
    (nearest(VECTORS, k=3), "Neighbors(indices=int64 (40, 3), distances=float32 (40, 3))"),
    (SearchResult([hit(1), hit(2)], 1200, None, True),
     "SearchResult(2 hits of 1,200: 'photos/1.jpg' 0.100, 'photos/2.jpg' 0.200)"),
    (CheckReport(3, 1, {}, [Issue("empty", "error", ["a"] * 99, "One file is empty." * 9, [])]),
     "CheckReport(images=3, classes=1, splits={}, issues=[Issue(kind='empty', ...)])"),
    (Table(["a", "b"], [[1, 2]] * 50), "Table(columns=[Column(name='a', ...), Column(name='b', ...)], rows=[50 tuple], "
     "caption='')"),
])  # fmt: skip
def test_the_line_of_a_result(result: Any, line: str) -> None:
    assert repr(result) == line


def test_the_scores_of_an_evaluation_are_in_its_line() -> None:
    line = repr(evaluate_queries(VECTORS, LABELS))
    assert line.startswith("RetrievalResult(40 queries, gallery of 40: recall@1 0.") and "map@r 0." in line
    assert len(line) < SHORT


@readable
@dataclasses.dataclass
class Everything:
    """A value of any kind."""

    values: Any

    def verdict(self) -> Verdict:
        return Verdict("Yes, it is\nreadable.")


@pytest.mark.parametrize(("value", "words"), [
    (0.123456, "0.1235"), (None, "None"), ("x" * 500, "'" + "x" * 56 + "..."), ("a\nb", r"'a\nb'"),
    (torch.zeros(4, 5, dtype=torch.uint8), "torch.uint8 (4, 5)"), (pd.DataFrame({"a": [1, 2]}), "table (2, 1)"),
    (Image.new("L", (4, 3)), "image 4 x 3"), ([1, 2], "[1, 2]"), (list(range(2000)), "[2,000 int]"),
    ({"a": 1.0}, "{'a': 1}"), (dict.fromkeys("abcd", 1), "{4 int}"), ((), "[]"), (["x" * 99] * 3, "[3 str]"),
    (Interval(0.0, 0.5), "Interval(low=0.0, high=0.5)"),
])  # fmt: skip
def test_each_value_has_a_short_form(value: Any, words: str) -> None:
    assert brief(value) == words


def test_a_verdict_comes_first() -> None:
    line = repr(Everything(np.zeros(3)))
    assert line == r"Everything(verdict='Yes, it is\nreadable.', values=float64 (3,))"


@pytest.mark.parametrize("values", [
    np.array([1.0, np.nan]), torch.ones(3), pd.DataFrame({"a": [1.0, None]}), [np.ones(2)], {"a": np.ones(2)},
])  # fmt: skip
def test_results_that_hold_arrays_are_compared_as_a_whole(values: Any) -> None:
    assert Everything(values) == Everything(copy.deepcopy(values))
    assert Everything(values) != Everything(0) and Everything(values) != 0
    other = copy.deepcopy(values)
    part = other[0] if isinstance(other, list) else other["a"] if isinstance(other, dict) else other
    if isinstance(part, pd.DataFrame):
        part.loc[0, "a"] = 7
    else:
        part[0] = 7
    assert Everything(values) != Everything(other)


def test_results_are_equal_after_pickle_and_copy() -> None:
    embeddings = Embeddings(VECTORS, [str(row) for row in range(40)], LABELS.astype(str), "f")
    for result in (nearest(VECTORS, k=3), evaluate_queries(VECTORS, LABELS), embeddings):
        for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
            assert again == result
    assert Neighbors(np.zeros((1, 1)), np.zeros((1, 1))) != nearest(VECTORS, k=3)


def test_a_report_is_shown_in_one_line() -> None:
    assert len(repr(Report("Title", "Lead" * 500, []))) < SHORT
