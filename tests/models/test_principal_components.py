"""Principal components against numpy's covariance, and the choice of one of several copies of the same weights."""

import numpy as np
import pytest
import torch

from likewise.errors import ModelError
from likewise.models.principal_components import principal_components
from likewise.models.published.checkpoint_keys import _only


@pytest.mark.parametrize("count", [1, 3, 5])
def test_components_diagonalise_the_covariance(count: int) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 5)) * [5, 4, 3, 2, 1] + [1, 2, 3, 4, 5]
    found = principal_components(torch.from_numpy(rows).float(), count)
    covariance = np.cov(rows.T)
    weights = found.weights.numpy()
    np.testing.assert_allclose(found.center, rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.variances, np.linalg.eigvalsh(covariance)[::-1], rtol=1e-5)
    np.testing.assert_allclose(weights @ covariance @ weights.T, np.diag(found.variances[:count]), atol=1e-4)
    assert all(row[np.abs(row).argmax()] > 0 for row in weights), "the sign is that of the largest weight"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"a": torch.zeros(2), "b": torch.ones(1)}, True),
        ({"a": torch.zeros(2), "b": torch.ones(1), "counter": torch.ones(1)}, True),  # it has more
        ({"a": torch.zeros(2)}, False),
        ({"a": torch.ones(2), "b": torch.ones(1)}, False),
        ({"a": torch.zeros(3), "b": torch.ones(1)}, False),
    ],
)
def test_copies_are_one_where_every_weight_of_the_first_is_in_all(
    other: dict[str, torch.Tensor], same: bool
) -> None:
    first = {"a": torch.zeros(2), "b": torch.ones(1)}
    if same:
        assert _only({"first": first, "other": other}, "networks", "net.pt") == "first"
        return
    with pytest.raises(ModelError) as refused:
        _only({"first": first, "again": dict(first), "other": other}, "networks", "net.pt")
    assert str(refused.value) == (
        "net.pt contains 3 different networks ('first', 'again', 'other'): save the intended state dict to a separate "
        "file."
    )
