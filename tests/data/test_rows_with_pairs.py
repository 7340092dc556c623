"""Rows of whole groups: what two samples of images share."""

import numpy as np
import pytest

from likewise.data.sampling import rows_with_pairs


@pytest.mark.parametrize("seed", range(5))
def test_whole_groups_come_first_and_single_rows_last(seed: int) -> None:
    codes = np.random.default_rng(seed).permutation(np.repeat(np.arange(30), [3] * 10 + [1] * 20))
    rows = rows_with_pairs(codes, 20, np.random.default_rng(seed))
    assert rows.tolist() == sorted(rows) and len(rows) <= 20
    sizes = np.bincount(codes[rows], minlength=30)
    assert set(sizes[:10]) == {0, 3} and sizes[:10].sum() == 18 and not sizes[10:].any()
    rows = rows_with_pairs(codes, 35, np.random.default_rng(seed))
    assert np.bincount(codes[rows], minlength=30)[:10].sum() == 30 and len(rows) == 35
    rows = rows_with_pairs(codes, 35, np.random.default_rng(seed), singles=False)
    assert len(rows) == 30 and set(codes[rows]) == set(range(10))


def test_large_groups_are_thinned_evenly() -> None:
    codes = np.repeat([0, 1], 100)
    assert rows_with_pairs(codes, 8, np.random.default_rng(0), most=4).tolist() == [
        0, 25, 50, 75, 100, 125, 150, 175,
    ]  # fmt: skip
    assert len(rows_with_pairs(codes, 8, np.random.default_rng(0))) == 200  # two groups at least
