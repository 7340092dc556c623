"""Searches and pairs of many vectors show their progress, and count to the end."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from likewise.curation import duplicates, suspects
from likewise.models import Embeddings
from likewise.retrieval import (
    calibrate,
    error_rates,
    evaluate_queries,
    nearest,
    property_scores,
    property_significance,
)

VECTORS = np.random.default_rng(0).standard_normal((3000, 4)).astype(np.float32)
LABELS = np.arange(3000) % 5
LARGE_CLASS = np.where(np.arange(3000) < 1500, 0, np.arange(3000))  # searched deeper than the others
GAPS = np.where(np.arange(3000) < 500, None, (LABELS % 2).astype(object))
STORED = Embeddings(VECTORS, [str(row) for row in range(3000)], LABELS.astype(str), "f")

WORK: dict[str, tuple[Callable[..., Any], int]] = {
    "nearest": (lambda **more: nearest(VECTORS, k=3, **more), 3000),
    "evaluate_queries": (lambda **more: evaluate_queries(VECTORS, LABELS, metrics=["map@r"], **more), 3000),
    "a large class": (lambda **more: evaluate_queries(VECTORS, LARGE_CLASS, metrics=["map@r"], **more), 1500),
    "calibrate": (lambda **more: calibrate(VECTORS, LABELS, **more), 2 * 6),
    "calibrate, both orders": (lambda **more: calibrate(VECTORS, LABELS, distance="snr", **more), 2 * 9),
    "error_rates": (lambda **more: error_rates(VECTORS, LABELS, 0.5, **more), 6),
    "property_scores": (
        lambda **more: property_scores(VECTORS, {"a": LABELS, "b": GAPS}, **more),
        3000 + 2500,
    ),
    "property_significance": (
        lambda **more: property_significance(VECTORS, {"a": LABELS, "b": GAPS}, permutations=19, **more),
        38,
    ),
    "suspects": (lambda **more: suspects(STORED, **more), 3000),
    "duplicates": (lambda **more: duplicates(STORED, **more), 3000),
}


class Counted:
    def __init__(self) -> None:
        self.bars: list[list[int]] = []  # total and done of each

    @contextmanager
    def bar(self, _: str, total: int, *, enabled: bool, **__: Any) -> Iterator["Counted"]:
        if enabled:
            self.bars.append([total, 0])
        self.enabled = enabled
        yield self

    def advance(self, count: int = 1) -> None:
        if self.enabled:
            self.bars[-1][1] += count


@pytest.mark.parametrize("work", WORK)
def test_the_bar_counts_to_its_end(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    for module in (
        "neighbors",
        "evaluation",
        "calibration",
        "normalized_r_precision",
        "property_significance",
    ):
        # normalized_r_precision is a function of the package, too
        monkeypatch.setattr(sys.modules[f"likewise.retrieval.{module}"], "progress_bar", counted.bar)
    call, total = WORK[work]
    call()
    assert counted.bars == []
    call(progress=True)
    assert counted.bars == [[total, total]]
