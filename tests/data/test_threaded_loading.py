"""Batches decoded by threads: those of the DataLoader, in order, and no thread stays behind."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.data import Catalog, CatalogDataset, EvalTransform, Preprocessing, make_loader
from likewise.data.threaded_loading import threaded_batches


@pytest.fixture
def dataset(tmp_path: Path) -> CatalogDataset:
    """23 photos, two of them broken."""
    files = [tmp_path / f"{number:02}.jpg" for number in range(23)]
    for number, file in enumerate(files):
        pixels = np.random.default_rng(number).integers(0, 256, (40 + number, 50, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(file)
    for number in (5, 22):
        files[number].write_bytes(files[number].read_bytes()[:300])
    return CatalogDataset(Catalog.from_images(files), EvalTransform(Preprocessing(resize_px=32, crop_px=24)))


@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
def test_the_batches_are_those_of_the_loader(dataset: CatalogDataset, batch_size: int) -> None:
    expected = list(make_loader(dataset, batch_size=batch_size, num_workers=0))
    found = list(threaded_batches(dataset, batch_size))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.images.numpy(), theirs.images.numpy())
        assert ours.indices.tolist() == theirs.indices.tolist()
        assert ours.failures == theirs.failures
    assert sum(len(batch.failures) for batch in found) == 2


def test_no_thread_stays_when_the_work_ends_early(dataset: CatalogDataset) -> None:
    batches = threaded_batches(dataset, 4)
    next(batches)
    assert any(thread.name.startswith("likewise-decode") for thread in threading.enumerate())
    batches.close()
    assert not any(thread.name.startswith("likewise-decode") for thread in threading.enumerate())


def test_no_more_than_two_batches_are_read_ahead(
    dataset: CatalogDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    load = CatalogDataset.__getitem__

    def counted(self: CatalogDataset, row: int) -> object:
        read.append(row)
        return load(self, row)

    monkeypatch.setattr(CatalogDataset, "__getitem__", counted)
    batches = threaded_batches(dataset, 4)
    next(batches)
    assert len(read) <= 12
    batches.close()
