"""Photos that training draws from and photos that pick the model are kept apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from likewise.data import Preprocessing
from likewise.errors import InputError
from likewise.training import Experiment
from likewise.training.backgrounds import training_replacement, validation_condition

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


def test_a_photo_in_both_folders_is_refused(small: Experiment, tmp_path: Path) -> None:
    mixed = drawing_from(small, photos(tmp_path / "walls", 1, 2), photos(tmp_path / "skies", 3, 2))
    with pytest.raises(
        InputError, match=r"skies2.png of 'validation.backgrounds' is walls2.png of 'replace_back"
    ):
        validation_condition(mixed, "replaced", SMALL)


@pytest.mark.parametrize("crops", ["fresh", "prepared"])
def test_training_draws_crops_of_the_photos(small: Experiment, tmp_path: Path, crops: str) -> None:
    folder = tmp_path / "grey"
    folder.mkdir()
    Image.new("RGB", (64, 48), (90, 90, 90)).save(folder / "grey.png")
    spec = {"replace_background": {"bank": str(folder), "crops": crops}}
    replace = training_replacement(Experiment.parse({**small.model_dump(), **spec}), SMALL)
    assert replace is not None
    image = tv_tensors.Image(torch.full((3, 32, 32), 200, dtype=torch.uint8))
    mask = tv_tensors.Mask(torch.zeros((1, 32, 32), dtype=torch.uint8))
    mask[..., :16] = 255
    changed, _ = replace(image, mask, np.random.default_rng(0))
    assert bool((changed[..., :16] == 200).all()) and bool((changed[..., 16:] == 90).all())
    prepared = list((tmp_path / "cache").rglob("crops-*.npy"))
    assert len(prepared) == (crops == "prepared")


def test_other_photos_and_the_very_same_folder_are_taken(small: Experiment, tmp_path: Path) -> None:
    walls, skies = photos(tmp_path / "walls", 1, 2), photos(tmp_path / "skies", 3, 4)
    assert validation_condition(drawing_from(small, walls, skies), "replaced", SMALL) is not None
    assert (
        validation_condition(drawing_from(small, walls, walls), "replaced", SMALL) is not None
    )  # as published
    assert validation_condition(drawing_from(small, walls, skies), "original", SMALL) is None
