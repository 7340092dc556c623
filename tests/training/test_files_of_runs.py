"""Paths, files and choices of a run that no training reaches by itself."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from likewise.data import Augmentation, Catalog, Preprocessing
from likewise.training import Experiment, comparison, reality_check
from likewise.training.backgrounds import batch_backgrounds
from likewise.training.experiment import ReplaceBackgroundSpec
from likewise.training.fit import _log
from likewise.training.fitting import BackboneSize, fit
from likewise.training.images import _unseen
from likewise.training.paths import PATH_KEYS, with_absolute_paths
from likewise.training.preparation import backbone_size
from likewise.training.preprocessing import scaled
from likewise.training.run_folder import Run, remove_files


@pytest.mark.parametrize("key", PATH_KEYS)
def test_every_path_of_an_experiment_becomes_absolute(
    small: Experiment, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    part, name = key.split(".")
    values = small.model_dump(mode="json")
    for before, absolute in (("some/file", Path.cwd() / "some/file"), ("~/file", Path("/home/me/file"))):
        values[part] = (values[part] or {"source": "bank"}) | {name: before}
        settings = Experiment.parse(values)
        made = with_absolute_paths(settings)
        assert Path(getattr(getattr(made, part), name)) == absolute
        inner = getattr(settings, part).model_copy(update={name: getattr(getattr(made, part), name)})
        assert made == settings.model_copy(update={part: inner})


def test_metrics_and_log_of_a_run_are_read_as_they_were_written(small: Experiment, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", small)
    run.write_metrics([{"epoch": 0, "a": 0.5}, {"epoch": 1, "a": 0.25, "loss": 2.0}])
    assert (run.folder / "metrics.csv").read_text().splitlines() == ["epoch,a,loss", "0,0.5,", "1,0.25,2.0"]
    _log(run, "first words")
    _log(run, "second words")
    lines = run.log.read_text().splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in lines] == [
        "first words",
        "second words",
    ]
    assert not any(line.startswith("first") for line in lines)
    remove_files(run.folder, ["metrics.csv", "not there"])
    assert not (run.folder / "metrics.csv").exists()


@pytest.mark.parametrize(
    ("crop_px", "any_size", "side"),
    [(224, True, 160), (256, True, 192), (192, True, 128), (191, True, None), (224, False, None)],
)
def test_training_images_are_five_sevenths_of_large_inputs(
    small: Experiment, crop_px: int, any_size: bool, side: int | None
) -> None:
    free = small.model_copy(update={"fit": ("train_crop_px",)})
    chosen = fit(free, None, {"a": 9, "b": 9}, BackboneSize(64, crop_px, any_size))
    assert chosen.values == ({} if side is None else {"train_crop_px": side})
    assert chosen.words == ([] if side is None else [f"trained on images of {side} px"])


def test_properties_of_a_backbone(small: Experiment) -> None:
    """A vision transformer has one input size, a convolutional network any."""
    spec = small.model.model_copy(update={"preprocessing": None})
    found = backbone_size(spec.model_copy(update={"backbone": "test_vit"}))
    assert (found.features, found.crop_px, found.any_size) == (64, 160, False)
    assert backbone_size(spec).any_size and backbone_size(small.model).crop_px == 32


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"crop_px": 112}, {"resize_px": 128}),
        ({"crop_px": 112, "resize_px": 200}, {}),
        ({"crop_px": True}, {}),
        ({"crop_px": 0}, {}),
        ({"crop_px": "112"}, {}),
        ({}, {}),
    ],
)
def test_the_resizing_follows_a_crop_given_alone(settings: dict[str, Any], expected: dict[str, int]) -> None:
    assert scaled(settings, Preprocessing(resize_px=256, crop_px=224)) == expected


def catalog(labels: str, split: str | None = None) -> Catalog:
    table = pd.DataFrame(
        {"path": [f"{labels}{row}.png" for row in range(len(labels))], "label": list(labels)}
    )
    table["split"] = split if split is not None else ""
    return Catalog.from_table(table, ".")


@pytest.mark.parametrize(
    ("labels", "left"),
    [
        ("aabb", None),
        ("aabbcc", None),
        ("aabbcd", None),
        ("aabbccd", ["c", "c", "d"]),
        ("aabbccdd", list("ccdd")),
    ],
)
def test_unseen_classes_are_two_with_a_pair_among_them(labels: str, left: list[str] | None) -> None:
    found = _unseen(catalog(labels), catalog("aa"), catalog("bb"))
    assert (None if found is None else found.labels.tolist()) == left


def test_queries_come_before_the_images_they_are_hidden_among() -> None:
    joined = comparison._joined(catalog("ab"), catalog("xyz"))
    assert joined.ids == [*catalog("ab").ids, *catalog("xyz").ids]


def test_the_year_of_a_loss_is_the_last_of_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    described = SimpleNamespace(
        source="Yi et al. 2014; in this form Kaya 2019, 12345 and 3012", kind="ranking"
    )
    monkeypatch.setattr(reality_check, "describe", lambda loss: described)
    assert reality_check.sweep_loss("mine:Loss") == ("Loss", 2019, "ranking")
    described.source = "mine"
    assert reality_check.sweep_loss("mine:Loss").year is None


@pytest.mark.parametrize(("source", "crops", "is_made"), [("bank", "fresh", False), ("batch", "fresh", True)])
def test_fresh_crops_of_photos_are_pasted_while_loading(source: Any, crops: Any, is_made: bool) -> None:
    spec = ReplaceBackgroundSpec(source=source, crops=crops)
    made = batch_backgrounds(spec, Augmentation(), Preprocessing(), max_epochs=2, seed=0)
    assert (made is not None) == is_made
    assert batch_backgrounds(None, Augmentation(), Preprocessing(), max_epochs=2, seed=0) is None
