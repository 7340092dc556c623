"""Validation over several processes: each embeds a share of the images, and all see the same rows in their order."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from likewise.errors import WorkError
from likewise.training import validation
from likewise.training.validation import Validation

ROWS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])


def measured(
    monkeypatch: pytest.MonkeyPatch, own: list[list[int]], others: list[int], queries: int = 4
) -> tuple[Any, ...]:
    """Vectors, labels and queries of the search, of a process whose batches hold the images ``own``."""
    searched: list[tuple[Any, ...]] = []

    def search(vectors: np.ndarray, labels: np.ndarray, queries: int, model: Any) -> Any:
        searched.append((vectors.tolist(), labels.tolist(), queries))
        return SimpleNamespace(scores=dict)

    def gathered(values: Tensor) -> Tensor:
        return torch.cat(
            [ROWS[others] if values.dim() == 2 else torch.tensor(others, dtype=torch.int64), values]
        )

    monkeypatch.setattr(validation, "search", search)
    monkeypatch.setattr(validation, "gather_rows", gathered)
    measure = Validation.__new__(Validation)
    measure._labels, measure._queries = np.array([7, 8, 7, 8]), queries
    batches = [SimpleNamespace(images=ROWS[rows], indices=torch.tensor(rows)) for rows in own]
    monkeypatch.setattr(measure, "_batches", lambda _: iter(batches))
    module: Any = SimpleNamespace(
        network=nn.Identity(), model=SimpleNamespace(dim=2), device=torch.device("cpu")
    )
    assert measure.measure(module) == {}
    return searched[0]


@pytest.mark.parametrize(
    ("own", "others"), [([], [0, 2, 1, 3]), ([[1], [3]], [0, 2]), ([[0, 1, 2, 3]], []), ([[2, 0]], [3, 1])]
)
def test_rows_are_in_the_order_of_the_images_whoever_embedded_them(
    own: list[list[int]], others: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured(monkeypatch, own, others) == (ROWS.tolist(), [7, 8, 7, 8], 4)


def test_only_queries_that_could_be_read_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, [[3, 0]], [2], queries=2) == (ROWS[[0, 2, 3]].tolist(), [7, 7, 8], 1)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_embeddings_that_are_no_longer_usable_end_the_training(
    bad: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ROWS.clone()
    rows[2] = torch.tensor(bad)
    monkeypatch.setattr(f"{__name__}.ROWS", rows)
    with pytest.raises(WorkError, match="no longer usable"):
        measured(monkeypatch, [[0, 1, 2, 3]], [])
