"""The loaders of a training: which pixels train, which are measured, and what each of several processes gets."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog
from likewise.data.replace_background import ReplaceBackground
from likewise.training import Experiment, dataloaders
from likewise.training.dataloaders import TrainingInputs, make_dataloaders
from likewise.training.images import TrainingImages, training_images
from likewise.training.sampler import BatchSampler


def inputs_of(
    small: Experiment,
    changes: dict[str, Any],
    images: TrainingImages | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> TrainingInputs:
    settings = Experiment.parse(small.model_dump(mode="json") | changes)
    preprocessing = settings.model.preprocessing
    assert preprocessing is not None
    images = images or training_images(settings)
    return make_dataloaders(settings, images, preprocessing, rank=rank, world_size=world_size)


@pytest.mark.parametrize(("side", "expected"), [(None, (32, 40)), (24, (24, 40)), (48, (48, 48))])
def test_only_training_images_have_the_side_of_the_training(
    small: Experiment, side: int | None, expected: tuple[int, int]
) -> None:
    made = inputs_of(small, {"train_crop_px": side})
    train: Any = made.train.dataset
    validation: Any = made.validations["original"]._loader.dataset
    sides = [
        (dataset._transform.preprocessing.crop_px, dataset._transform.preprocessing.resize_px)
        for dataset in (train, made.plain, validation)
    ]
    assert sides == [expected, (32, 40), (32, 40)]
    assert next(iter(made.train)).images.shape == (12, 3, expected[0], expected[0])


def test_training_images_vary_from_draw_to_draw_and_measured_ones_do_not(small: Experiment) -> None:
    made = inputs_of(small, {})
    train: Any = made.train.dataset
    assert not train[0, 0].image.equal(train[0, 1].image)
    assert train[0, 1].image.equal(inputs_of(small, {}).train.dataset[0, 1].image)  # type: ignore[index]
    assert not train[0, 1].image.equal(inputs_of(small, {"seed": 4}).train.dataset[0, 1].image)  # type: ignore[index]
    assert made.plain[0, 0].image.equal(made.plain[0, 1].image)  # type: ignore[union-attr]
    assert (len(train), len(made.plain), made.num_classes, list(made.validations)) == (
        48,
        48,
        6,
        ["original"],
    )


def test_each_epoch_has_the_batches_of_its_seed_and_number(small: Experiment) -> None:
    made = inputs_of(small, {}, rank=1, world_size=2)
    labels = made.plain.label_codes
    for epoch in (0, 3):
        made.before_epoch(epoch)
        sampler = BatchSampler(labels, small.sampler, seed=small.seed, rank=1, world_size=2)
        sampler.set_epoch(epoch)
        assert list(made.train.batch_sampler) == list(sampler)  # type: ignore[arg-type]


def test_the_replacement_while_loading_follows_the_epochs(
    small: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []

    class Replacement(ReplaceBackground):
        def set_epoch(self, epoch: int) -> None:
            epochs.append(epoch)

    replacement = Replacement.__new__(Replacement)
    monkeypatch.setattr(dataloaders, "training_replacement", lambda *_, **__: replacement)
    inputs_of(small, {}).before_epoch(7)
    assert epochs == [7]


def test_every_process_measures_its_share_of_the_images(small: Experiment) -> None:
    shares = [inputs_of(small, {}, rank=rank, world_size=2).validations["original"] for rank in (0, 1)]
    rows = [[row for batch in share._loader.batch_sampler for row in batch] for share in shares]  # type: ignore[union-attr]
    assert rows == [list(range(0, 24, 2)), list(range(1, 24, 2))]
    assert [share._queries for share in shares] == [24, 24]


def test_measured_batches_have_64_images(small: Experiment) -> None:
    images = training_images(small)
    wide = Catalog.from_table(pd.concat([images.val.table] * 6, ignore_index=True).assign(  # type: ignore[union-attr]
        path=[f"{row}.png" for row in range(144)]), images.train.root)  # fmt: skip
    made = inputs_of(small, {}, TrainingImages(images.train, wide, None))
    assert [len(batch) for batch in made.validations["original"]._loader.batch_sampler] == [64, 64, 16]  # type: ignore[union-attr]


def test_without_validation_images_nothing_is_measured(small: Experiment, tmp_path: Path) -> None:
    images = training_images(small)
    settings = {"validation": {"backgrounds": str(tmp_path / "nothing is read")}}
    assert inputs_of(small, settings, TrainingImages(images.train, None, None)).validations == {}


def test_queries_come_first_and_distractors_join_the_gallery(small: Experiment) -> None:
    images = training_images(small)
    assert images.val is not None
    val = images.val.take(np.arange(8))
    divided = TrainingImages(images.train, val, None, distractors=images.train.take(np.arange(5)))
    validation = inputs_of(small, {}, divided).validations["original"]
    dataset: Any = validation._loader.dataset
    assert [dataset.id(row) for row in range(len(dataset))] == [*val.ids, *images.train.ids[:5]]
    assert validation._queries == 8


def test_replaced_backgrounds_are_a_condition_with_masks(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (48, 48), (90, 90, 90)).save(tmp_path / "photos" / "grey.png")
    made = inputs_of(small, {"validation": {"backgrounds": str(tmp_path / "photos")}})
    datasets: dict[str, Any] = {name: each._loader.dataset for name, each in made.validations.items()}
    samples = {name: dataset[0] for name, dataset in datasets.items()}
    assert list(samples) == ["original", "replaced"]
    assert samples["original"].mask is None and samples["replaced"].mask is not None
    left, right = samples["replaced"].image[..., :10], samples["replaced"].image[..., -8:]
    assert left.equal(samples["original"].image[..., :10]) and bool((right == 90).all())
