"""Batches: the same whatever the workers and the order; a bad image is listed and the batch smaller."""

import multiprocessing
import pickle
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from likewise.data import (
    Batch,
    Catalog,
    CatalogDataset,
    EvalTransform,
    Failure,
    Preprocessing,
    Sample,
    TrainTransform,
    default_workers,
    make_loader,
)
from likewise.errors import CatalogError, ConfigError
from likewise.images import Limits

SMALL = Preprocessing(resize_px=20, crop_px=16)
BAD = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photos of four classes with masks; number 7 is a truncated JPEG."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(24):
        noise = np.random.default_rng(number).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        image = Image.fromarray(noise).resize((60, 48), Image.Resampling.BICUBIC)
        image.save(root / f"{number:02d}.jpg")
        image.convert("L").save(root / f"{number:02d}.png")
    data = (root / f"{BAD:02d}.jpg").read_bytes()
    (root / f"{BAD:02d}.jpg").write_bytes(data[: len(data) // 2])
    return root


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Catalog:
    names = [f"{number:02d}" for number in range(24)]
    table = pd.DataFrame(
        {"path": [f"{name}.jpg" for name in names], "mask": [f"{name}.png" for name in names]}
    )
    table["label"] = [f"class{number % 4}" for number in range(24)]
    return Catalog.from_table(table, folder)


def by_key(batches: list[Batch]) -> dict[int, torch.Tensor]:
    return {int(i): image for batch in batches for i, image in zip(batch.indices, batch.images, strict=True)}


def test_batches(catalog: Catalog) -> None:
    dataset = CatalogDataset(catalog, EvalTransform(SMALL), with_masks=True)
    batches = list(make_loader(dataset, batch_size=10))
    assert [len(batch) for batch in batches] == [9, 10, 4]
    first = batches[0]
    assert (first.images.shape, first.images.dtype) == ((9, 3, 16, 16), torch.uint8)
    assert first.masks is not None and (first.masks.shape, first.masks.dtype) == ((9, 1, 16, 16), torch.uint8)
    assert first.indices.tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 9] and first.indices.dtype == torch.int64
    assert first.labels.tolist() == [index % 4 for index in first.indices.tolist()]
    assert dataset.label_names == ["class0", "class1", "class2", "class3"]
    assert [failure.id for failure in first.failures] == ["07.jpg"] and batches[1].failures == []
    assert "07.jpg cannot be decoded" in first.failures[0].reason
    assert type(first.images) is torch.Tensor


def test_samples_agree_with_the_transform(catalog: Catalog, folder: Path) -> None:
    sample = CatalogDataset(catalog, EvalTransform(SMALL), with_masks=True)[3]
    assert isinstance(sample, Sample) and sample.mask is not None
    image, mask = EvalTransform(SMALL)(Image.open(folder / "03.jpg"), Image.open(folder / "03.png"))
    assert torch.equal(sample.image, image) and mask is not None and torch.equal(sample.mask, mask)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(catalog: Catalog, workers: int) -> None:
    dataset = CatalogDataset(catalog, TrainTransform(SMALL), with_masks=True, seed=5)
    keys = [[(i, 1) for i in range(0, 12)], [(i, 2) for i in range(12)], [(i, 1) for i in range(12, 24)]]
    alone = list(make_loader(dataset, batch_sampler=keys, num_workers=0))
    shared = list(make_loader(dataset, batch_sampler=keys, num_workers=workers))
    for one, other in zip(alone, shared, strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
        assert one.masks is not None and other.masks is not None and torch.equal(one.masks, other.masks)
        assert one.failures == other.failures


def test_order_and_neighbours_change_nothing(catalog: Catalog) -> None:
    dataset = CatalogDataset(catalog, TrainTransform(SMALL), seed=5)
    forward = by_key(list(make_loader(dataset, batch_sampler=[[(i, 0) for i in range(24)]])))
    backward = by_key(list(make_loader(dataset, batch_sampler=[[(i, 0)] for i in reversed(range(24))])))
    assert forward.keys() == backward.keys() and len(forward) == 23
    assert all(torch.equal(forward[key], backward[key]) for key in forward)


def test_draw_and_seed_change_the_crop(catalog: Catalog) -> None:
    def image(seed: int, key: int | tuple[int, int]) -> torch.Tensor:
        sample = CatalogDataset(catalog, TrainTransform(SMALL), seed=seed)[key]
        assert isinstance(sample, Sample)
        return sample.image

    assert torch.equal(image(1, 3), image(1, (3, 0)))
    different = [image(1, (3, 0)), image(1, (3, 1)), image(2, (3, 0)), image(1, (3, 2**40))]
    for i, one in enumerate(different):
        for other in different[i + 1 :]:
            assert not torch.equal(one, other)


def test_a_batch_of_bad_images_is_empty(catalog: Catalog) -> None:
    dataset = CatalogDataset(catalog, EvalTransform(SMALL), with_masks=True)
    (batch,) = make_loader(dataset, batch_sampler=[[BAD, BAD]])
    assert len(batch) == 0 and len(batch.failures) == 2
    assert batch.masks is not None
    assert (batch.images.shape, batch.masks.shape) == ((0, 3, 16, 16), (0, 1, 16, 16))
    assert batch.labels.dtype == batch.indices.dtype == torch.int64


@pytest.mark.parametrize("workers", [0, 2])
def test_the_epoch_goes_on_after_a_bad_image(catalog: Catalog, workers: int) -> None:
    dataset = CatalogDataset(catalog, TrainTransform(SMALL))
    batches = list(make_loader(dataset, batch_size=4, num_workers=workers, persistent_workers=True))
    assert sum(map(len, batches)) == 23
    assert [failure for batch in batches for failure in batch.failures] == [dataset[BAD]]


def test_each_kind_of_failure(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "out" / "x.png")
    root = tmp_path / "in"
    root.mkdir()
    (root / "link.png").symlink_to(tmp_path / "out" / "x.png")
    Image.new("RGB", (9, 9)).save(root / "good.png")
    Image.new("L", (5, 5)).save(root / "small.png")
    Image.new("RGB", (50, 50)).save(root / "big.png")
    (root / "text.jpg").write_text("no image")
    rows = [
        ("gone.png", "good.png", "There is no file"),
        ("link.png", "good.png", "is a link that leads out of"),
        ("text.jpg", "good.png", "is not an image"),
        ("big.png", "big.png", "50 x 50 pixels, more than the limit"),
        ("good.png", "gone.png", "There is no file .*gone"),
        ("./good2.png", "small.png", "The mask is 5 x 5 pixels but its image 9 x 9"),
    ]
    Image.new("RGB", (9, 9)).save(root / "good2.png")
    table = pd.DataFrame([row[:2] for row in rows], columns=["path", "mask"])
    dataset = CatalogDataset(
        Catalog.from_table(table, root, contained=True),
        EvalTransform(SMALL),
        with_masks=True,
        limits=Limits(max_pixels=100),
    )
    for index, (_, _, words) in enumerate(rows):
        failure = dataset[index]
        assert isinstance(failure, Failure), rows[index]
        assert re.search(words, failure.reason)


def test_rows_without_mask_are_refused_at_once(catalog: Catalog) -> None:
    table = catalog.table
    table.loc[[1, 2], "mask"] = ""
    with pytest.raises(CatalogError, match="2 of 24 rows have no mask: make masks with  likewise masks"):
        CatalogDataset(Catalog.from_table(table, catalog.root), EvalTransform(SMALL), with_masks=True)
    with pytest.raises(CatalogError, match="24 of 24 rows have no mask"):
        CatalogDataset(
            Catalog.from_table(table.drop(columns="mask"), catalog.root),
            EvalTransform(SMALL),
            with_masks=True,
        )


def test_rows_that_do_not_exist(catalog: Catalog) -> None:
    dataset = CatalogDataset(catalog, EvalTransform(SMALL))
    for key in (24, -1, (99, 0)):
        with pytest.raises(IndexError, match="is not in a catalog of 24 images"):
            dataset[key]


def test_bad_loader_options(catalog: Catalog) -> None:
    dataset = CatalogDataset(catalog, EvalTransform(SMALL))
    with pytest.raises(ConfigError, match=r"batch_size must be .* but is 0"):
        make_loader(dataset, batch_size=0)
    with pytest.raises(ConfigError, match=r"num_workers must be .* but is -1"):
        make_loader(dataset, num_workers=-1)


def test_default_workers() -> None:
    assert default_workers(10) == 0
    assert 1 <= default_workers(100_000) <= 8


def test_batch_moves_between_devices(catalog: Catalog) -> None:
    (batch,) = make_loader(
        CatalogDataset(catalog, EvalTransform(SMALL), with_masks=True), batch_sampler=[[0, BAD]]
    )
    moved = batch.to("meta")
    assert moved.images.device.type == moved.labels.device.type == "meta"
    assert moved.masks is not None and moved.masks.device.type == "meta"
    assert moved.failures == batch.failures and len(moved) == 1


def test_a_dataset_holds_no_object_for_each_image(tmp_path: Path) -> None:
    """What Python counts references of would be copied into every worker; arrays are shared."""
    count = 20_000
    table = pd.DataFrame({"path": [f"folder/{number:08d}.jpg" for number in range(count)], "label": "x"})
    dataset = CatalogDataset(Catalog.from_table(table, tmp_path), EvalTransform(SMALL))
    seen: dict[str, int] = defaultdict(int)
    todo: list[object] = list(vars(dataset).values())
    visited: set[int] = set()
    while todo:
        item = todo.pop()
        if id(item) in visited:
            continue
        visited.add(id(item))
        seen[type(item).__name__] += 1
        if isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set):
            todo += item
        elif hasattr(item, "__dict__"):
            todo += vars(item).values()
    assert sum(seen.values()) < 200
    assert len(pickle.dumps(dataset)) < 60 * count
    assert sys.getsizeof(dataset.label_codes) < 10 * count


@pytest.mark.skipif("spawn" not in multiprocessing.get_all_start_methods(), reason="no spawn here")
def test_a_dataset_can_be_sent_to_another_process(catalog: Catalog) -> None:
    dataset = CatalogDataset(catalog, TrainTransform(SMALL), with_masks=True, seed=3)
    copy = pickle.loads(pickle.dumps(dataset))
    one, other = dataset[(4, 2)], copy[(4, 2)]
    assert isinstance(one, Sample) and isinstance(other, Sample) and torch.equal(one.image, other.image)


@pytest.mark.photos
def test_real_photos_load(photos: Path) -> None:
    catalog = Catalog.read(photos / "sample" / "catalog.csv")
    dataset = CatalogDataset(catalog, TrainTransform(Preprocessing(resize_px=64, crop_px=56)))
    batches = list(make_loader(dataset, batch_size=32))
    assert sum(map(len, batches)) == len(catalog)
    assert not any(batch.failures for batch in batches)


def test_reduced_decoding_of_large_photos_hardly_changes_evaluation(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((2600, 2100), Image.Resampling.BICUBIC).save(
        tmp_path / "big.jpg", quality=92
    )
    wanted = Preprocessing(resize_px=256, crop_px=224)
    catalog = Catalog.from_images([tmp_path / "big.jpg"])
    quick, exact = (
        CatalogDataset(catalog, EvalTransform(wanted, exact_decoding=how))[0] for how in (False, True)
    )
    assert isinstance(quick, Sample) and isinstance(exact, Sample)
    difference = (quick.image.int() - exact.image.int()).abs().float()
    assert 0 < difference.mean() < 1
