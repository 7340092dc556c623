"""Photos that training draws from and photos that pick the model are kept apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from likewise.data import Batch, Preprocessing
from likewise.data.conditions import ShowCondition
from likewise.data.replace_background import probability_at
from likewise.errors import InputError
from likewise.training import Experiment
from likewise.training.backgrounds import (
    BatchBackgrounds,
    batch_backgrounds,
    probability_points,
    replaced_condition,
    training_replacement,
)
from likewise.training.experiment import ReplaceBackgroundSpec

SMALL = Preprocessing(resize_px=40, crop_px=32)


def photos(folder: Path, *seeds: int) -> Path:
    folder.mkdir()
    for seed in seeds:
        pixels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{folder.name}{seed}.png")
    return folder


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def drawing_from(small: Experiment, bank: Path, validation: Path) -> Experiment:
    return Experiment.parse(
        {
            **small.model_dump(),
            "replace_background": {"bank": str(bank)},
            "validation": {"backgrounds": str(validation), "select_on": "replaced"},
        }
    )


def condition_of(experiment: Experiment) -> ShowCondition:
    photos = experiment.validation.backgrounds
    assert photos is not None
    return replaced_condition(photos, experiment.replace_background, SMALL)


def loaded_backgrounds(experiment: Experiment) -> BatchBackgrounds | None:
    return batch_backgrounds(
        experiment.replace_background, experiment.augmentation, SMALL,
        max_epochs=experiment.trainer.max_epochs, seed=experiment.seed,
    )  # fmt: skip


@pytest.mark.parametrize(("final", "epochs", "expected"), [
    (None, 5, [0.8] * 5), (0.0, 5, [0.8, 0.6, 0.4, 0.2, 0.0]), (1.0, 2, [0.8, 1.0]), (0.2, 1, [0.8]),
])  # fmt: skip
def test_the_probability_reaches_its_final_value_at_the_last_epoch(
    final: float | None, epochs: int, expected: list[float]
) -> None:
    points = probability_points(ReplaceBackgroundSpec(probability=0.8, final_probability=final), epochs)
    assert [probability_at(points, epoch) for epoch in range(epochs)] == pytest.approx(expected)


def test_a_photo_in_both_folders_is_refused(small: Experiment, tmp_path: Path) -> None:
    mixed = drawing_from(small, photos(tmp_path / "walls", 1, 2), photos(tmp_path / "skies", 3, 2))
    with pytest.raises(
        InputError, match=r"skies2.png of 'validation.backgrounds' is walls2.png of 'replace_back"
    ):
        condition_of(mixed)


@pytest.mark.parametrize("crops", ["fresh", "prepared"])
def test_training_draws_crops_of_the_photos(small: Experiment, tmp_path: Path, crops: str) -> None:
    folder = tmp_path / "grey"
    folder.mkdir()
    Image.new("RGB", (64, 48), (90, 90, 90)).save(folder / "grey.png")
    spec = {"replace_background": {"bank": str(folder), "crops": crops}}
    experiment = Experiment.parse({**small.model_dump(), **spec})
    loading = training_replacement(
        experiment.replace_background,
        experiment.augmentation,
        SMALL,
        max_epochs=experiment.trainer.max_epochs,
    )
    loaded = loaded_backgrounds(experiment)
    image = tv_tensors.Image(torch.full((3, 32, 32), 200, dtype=torch.uint8))
    mask = tv_tensors.Mask(torch.zeros((1, 32, 32), dtype=torch.uint8))
    mask[..., :16] = 255
    if crops == "fresh":
        assert loading is not None and loaded is None
        changed = loading(image, mask, np.random.default_rng(0))[0][None]
    else:
        assert loading is None and loaded is not None
        changed = loaded(batch_of(image[None], mask[None]), 0, 0, 0)
    assert bool((changed[..., :16] == 200).all()) and bool((changed[..., 16:] == 90).all())
    prepared = list((tmp_path / "cache").rglob("crops-*.npy"))
    assert len(prepared) == (crops == "prepared")


def batch_of(images: torch.Tensor, masks: torch.Tensor) -> Batch:
    zeros = torch.zeros(len(images), dtype=torch.int64)
    return Batch(images.as_subclass(torch.Tensor), masks.as_subclass(torch.Tensor), zeros, zeros)


def test_the_choices_of_a_batch_are_its_own(small: Experiment, tmp_path: Path) -> None:
    bank = photos(tmp_path / "walls", 1, 2, 3)
    spec = {"replace_background": {"bank": str(bank), "probability": 0.5}}
    change = loaded_backgrounds(Experiment.parse({**small.model_dump(), **spec}))
    assert change is not None
    images, masks = torch.full((40, 3, 32, 32), 9, dtype=torch.uint8), torch.zeros((40, 1, 32, 32)).byte()
    batch = batch_of(images, masks)
    again = [change(batch, *key) for key in ((1, 2, 0), (1, 2, 0), (1, 3, 0), (2, 2, 0), (1, 2, 1))]
    assert torch.equal(again[0], again[1])
    assert all(not torch.equal(again[0], other) for other in again[2:])
    share = (torch.cat(again[1:]) != 9).flatten(1).any(1).float().mean()
    assert 0.35 < share < 0.65 and bool((images == 9).all())


def test_other_photos_and_the_very_same_folder_are_taken(small: Experiment, tmp_path: Path) -> None:
    walls, skies = photos(tmp_path / "walls", 1, 2), photos(tmp_path / "skies", 3, 4)
    for folder in (skies, walls):  # the same folder as published
        image = tv_tensors.Image(torch.full((3, 32, 32), 200, dtype=torch.uint8))
        mask = tv_tensors.Mask(torch.zeros((1, 32, 32), dtype=torch.uint8))
        shown = condition_of(drawing_from(small, walls, folder))(image, mask, np.random.default_rng(0))[0]
        assert not bool((shown == 200).all())
