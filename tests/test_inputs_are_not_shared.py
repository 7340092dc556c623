"""Changes of an array or a table after the call do not change what was made of it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from likewise import Catalog, Embeddings
from likewise.models import Projection

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize(
    "given",
    [
        ROWS.copy(),
        ROWS.copy()[:],
        np.asfortranarray(ROWS),
        ROWS.astype(np.float64),
        torch.from_numpy(ROWS.copy()),
        pd.DataFrame(ROWS.copy()),
        np.concatenate([ROWS, ROWS])[::2][:4] * 1,
    ],
    ids=lambda given: type(given).__name__,
)
def test_embeddings_hold_vectors_of_their_own(given: Any) -> None:
    made = Embeddings(given, list("wxyz"), None, "f")
    before = made.vectors.copy()
    if isinstance(given, pd.DataFrame):
        given.iloc[:, :] = 99
    else:
        given[:] = 99
    assert np.array_equal(made.vectors, before)
    made.vectors[0] = 7  # they are plain arrays
    some = made.take([0, 1])
    some.vectors[0] = 5
    assert made.vectors[0, 0] == 7


def test_ids_and_labels_are_copied() -> None:
    ids, labels = list("wxyz"), np.array(list("aabb"), object)
    made = Embeddings(ROWS, ids, labels, "f")
    ids[0] = labels[0] = "changed"
    assert made.ids[0] == "w" and made.labels is not None and made.labels[0] == "a"


def test_a_catalog_is_not_its_table() -> None:
    table = pd.DataFrame({"path": ["a.jpg", "b.jpg"], "label": ["x", "y"]})
    catalog = Catalog.from_table(table, ".")
    table.loc[0, "label"] = "changed"
    shown = catalog.table
    shown.loc[1, "label"] = "changed"
    assert catalog.labels.tolist() == ["x", "y"]


def test_a_projection_has_weights_of_its_own() -> None:
    weight, center = torch.eye(3), torch.zeros(3)
    made = Projection(weight, center)
    before = made.digest()
    weight[0] = center[0] = 9.0
    assert made.digest() == before
