"""Maps of a store lie in several files, some of them out of date; a file of another form is damaged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likewise.errors import InputError
from likewise.explain import SaliencyStore
from likewise.explain.store_record import StoreRecord

SHAPE = (2, 3)


def store(folder: Path, *counts: int, rows: list[int], dtype: Any = np.uint8) -> SaliencyStore:
    """Map n of all shards has the value n everywhere (times 1 / 255 for uint8)."""
    names = [f"{number}.npy" for number in range(len(counts))]
    first = 0
    for name, count in zip(names, counts, strict=True):
        values = np.arange(first, first + count)[:, None, None] * np.ones(SHAPE)
        np.save(folder / name, values.astype(dtype))
        first += count
    record = StoreRecord.model_construct(
        ids=[f"image {row}" for row in rows], shape=SHAPE, model="m", model_fingerprint="f", settings=None,
        preprocessing=None, shards=names, counts=list(counts), rows=rows,
    )  # fmt: skip
    return SaliencyStore(folder, record)


@pytest.mark.parametrize(("dtype", "unit"), [(np.uint8, 255), (np.float16, 1)])
def test_maps_are_read_in_the_order_of_the_images(tmp_path: Path, dtype: Any, unit: int) -> None:
    rows = [4, 0, 5, 2]  # map 1 and map 3 are out of date
    made = store(tmp_path, 2, 1, 3, rows=rows, dtype=dtype)
    assert len(made) == 4 and made.rows == {f"image {row}": place for place, row in enumerate(rows)}
    means = [float(values.mean()) * unit for values in made]
    assert means == pytest.approx(rows)
    assert [len(block) for block in made.blocks(3)] == [3, 1]
    assert (made.read(1, 3).mean((1, 2)) * unit).tolist() == pytest.approx([0, 5])
    assert made[-1].mean() * unit == pytest.approx(2) and made[0].shape == SHAPE
    assert len(made.read(3, 99)) == 1 and len(made.read(4, 9)) == 0
    for index in (4, -5):
        with pytest.raises(IndexError, match=f"there is no map {index}"):
            _ = made[index]


@pytest.mark.parametrize(
    "values",
    [np.zeros((1, *SHAPE), np.uint8), np.zeros((2, 3, 2), np.uint8), np.zeros((2, *SHAPE), np.float32)],
)
def test_a_file_of_another_form_is_damaged(tmp_path: Path, values: np.ndarray) -> None:
    made = store(tmp_path, 2, rows=[0, 1])
    np.save(tmp_path / "0.npy", values)
    with pytest.raises(InputError, match=r"0\.npy"):
        _ = made[0]
