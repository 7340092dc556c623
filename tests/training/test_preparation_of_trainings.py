"""A training is prepared from its settings: which parts are built, from what, and what is said."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from handmade_runs import catalog, changed, data

from likewise.errors import ConfigError, LikewiseError, NothingToLearnError
from likewise.models import TrainedOn
from likewise.training import Experiment, preparation
from likewise.training.experiment import DataSpec
from likewise.training.images import TrainingImages
from likewise.training.preparation import check_settings, known_classes, prepare_training


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trainer": {"accelerator": "gpu"}}, "trainer.accelerator is 'gpu', but torch sees no GPU: set -o "
         "trainer.accelerator=auto or cpu."),
        ({"loss": "triplet", "sampler": {"per_class": 1}}, "Loss 'triplet' compares images of one class, but "
         "sampler.per_class is 1: set it to 2 or more."),
        ({"validation": {"select_on": "replaced"}}, "validation.select_on is 'replaced', but validation.backgrounds "
         "is not "
         "set: name the folder of photos."),
        ({"start": {"head": "whitened"}, "model": {"head": "avsl"}}, "start.head is 'whitened', which an AVSL head "
         "cannot "
         "start from: set -o start.head=pca."),
    ],
)  # fmt: skip
def test_settings_that_contradict_are_refused_whole(
    small: Experiment, changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError) as refused:
        check_settings(changed(small, **changes))
    assert str(refused.value) == words


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"loss": "triplet"}, {"sampler": {"per_class": 1}}, {"start": {"head": "pca"}, "model": {"head": "avsl"}},
        {"start": {"head": "whitened"}}, {"validation": {"select_on": "replaced", "backgrounds": "photos"}},
    ],
)  # fmt: skip
def test_settings_that_go_together_are_taken(small: Experiment, changes: dict[str, Any]) -> None:
    check_settings(changed(small, **changes))


def test_classes_that_the_start_knows_are_named_by_what_they_judge() -> None:
    known = TrainedOn(catalog="k", fingerprint="f", classes=("c", "e"), images=("c0.png", "e0.png"))
    images = TrainingImages(catalog("ab"), catalog("cd"), catalog("ef"))
    assert (
        known_classes(None, images) == []
        and known_classes(known, TrainingImages(catalog("ce"), None, None)) == []
    )
    first, second = known_classes(known, images)
    assert first.startswith("Warning, validation classes: 1 of the 2 classes, and 1 of its images,")
    assert "by the model that training starts from (c)" in first
    assert second.startswith("Warning, unseen classes: 1 of the 2 classes") and "(e)" in second


class _Parts:
    """Stands in for the parts of ``prepare_training``, and notes what each was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, known: TrainedOn | None) -> None:
        self.calls: dict[str, Any] = {}
        self.images = TrainingImages(catalog("ab"), catalog("kd"), None, notes=())
        self.model = SimpleNamespace(preprocessing="pixels", spec=None, trained_on=None)
        self.inputs = SimpleNamespace(num_classes=2, backgrounds="backgrounds", plain="plain")
        self.module = SimpleNamespace(loss="loss")
        self.untrained: Any = SimpleNamespace(trained_on=None)
        self.known = known
        for name, result in (
            ("build", self.model), ("make_dataloaders", self.inputs), ("make_module", self.module),
            ("initialize_from_images", None), ("training_of_start", known),
        ):  # fmt: skip
            monkeypatch.setattr(preparation, name, self.noting(name, result))
        monkeypatch.setattr(preparation, "fitted_images", self.fitted)
        monkeypatch.setattr(preparation, "untrained_backbone", self.backbone)

    def noting(self, name: str, result: Any) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            self.calls[name] = (given, options)
            return result

        return call

    def fitted(self, settings: Experiment) -> Any:
        return settings, self.images, ["fitted"]

    def backbone(self, *given: Any) -> Any:
        self.calls["untrained_backbone"] = (given, {})
        if isinstance(self.untrained, Exception):
            raise self.untrained
        return self.untrained


KNOWN = TrainedOn(catalog="k", fingerprint="f", classes=("k", "z"), images=("k0.png",))


def test_a_new_training_is_prepared_from_its_settings(
    small: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, said = _Parts(monkeypatch, KNOWN), list[str]()
    settings = changed(small, model={"weights": "/w.pth"}, trainer={"devices": 2})
    made = prepare_training(settings, rank=0, show=said.append)
    assert (
        said == made.notes
        and said[0] == "fitted"
        and said[1].startswith("Warning, validation classes: 1 of the 2")
    )
    calls = parts.calls
    assert calls["build"] == ((settings.model,), {"seed": 3}) and calls["training_of_start"][0] == (
        settings.model,
    )
    assert calls["make_dataloaders"] == ((settings, parts.images, "pixels"), {"rank": 0, "world_size": 2})
    assert calls["make_module"][0] == (settings, parts.model, 2, "backgrounds")
    assert calls["untrained_backbone"][0] == (settings.model, parts.model, 3)
    assert calls["initialize_from_images"] == ((settings.start, parts.model, "loss", "plain"), {"seed": 3})
    assert parts.model.spec == settings.model and made.backbone is parts.untrained
    assert made.backbone is not None and made.backbone.trained_on == KNOWN
    assert made.data.started_from == KNOWN and parts.model.trained_on == made.data.all_trained_on
    assert made.data.trained_on.catalog == str(settings.data.catalog) and made.data.trained_on.classes == (
        "a",
        "b",
    )
    assert (made.experiment, made.images, made.inputs, made.module) == (
        settings, parts.images, parts.inputs, parts.module,
    )  # fmt: skip


def test_a_training_that_has_begun_needs_no_weights_and_says_nothing_again(
    small: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, said = _Parts(monkeypatch, None), list[str]()
    settings = changed(small, model={"weights": "/w.pth"})
    made = prepare_training(
        settings,
        rank=0,
        show=said.append,
        resuming=Path("run"),
        before=data(started_from=KNOWN),
        started=True,
    )
    assert said == [] and len(made.notes) == 2 and "training_of_start" not in parts.calls
    (spec,), _ = parts.calls["build"]
    assert (spec.weights, spec.pretrained) == (None, False) and parts.model.spec == settings.model
    assert "initialize_from_images" not in parts.calls and made.data.started_from == KNOWN
    parts.untrained = LikewiseError("gone")
    assert prepare_training(settings, rank=0, show=said.append, started=True).backbone is None
    with pytest.raises(LikewiseError, match="gone"):
        prepare_training(settings, rank=0, show=said.append)


@pytest.mark.parametrize(("rank", "compare"), [(1, True), (0, False)])
def test_the_backbone_is_built_once_and_only_to_be_compared(
    small: Experiment, rank: int, compare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = _Parts(monkeypatch, None)
    settings = changed(small, validation={"compare": compare})
    assert prepare_training(settings, rank=rank, show=lambda text: None).backbone is None
    assert "untrained_backbone" not in parts.calls


def test_images_that_teach_nothing_can_still_be_searched(
    small: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = _Parts(monkeypatch, None)

    def nothing(settings: Experiment) -> Any:
        raise NothingToLearnError("One class.")

    monkeypatch.setattr(parts, "fitted", nothing)
    monkeypatch.setattr(preparation, "fitted_images", nothing)
    settings = small.model_copy(update={"data": DataSpec(catalog=Path("photos"))})
    with pytest.raises(NothingToLearnError, match=r"^One class\. Search works without training:  likewise index build "
                                                  r"likewise:small photos --out photos\.index"):  # fmt: skip
        prepare_training(settings, rank=0, show=lambda text: None)


def test_what_is_fitted_is_counted_from_the_images(small: Experiment) -> None:
    images = TrainingImages(catalog("aabbcc"), catalog("dd"), catalog("eff"))
    free = small.model_copy(update={"fit": ("trainer.max_epochs", "data.fold")})
    settings, words = preparation.fitted_to(free, None, images)
    assert settings.fit == () and settings.data.fold is None and settings.trainer.max_epochs == 15
    assert words == [
        "fitted to 3 training classes, 6 images (1 validate, 2 are left for the test): 15 epochs"
    ]
    _, alone = preparation.fitted_to(free, None, TrainingImages(images.train, None, None))
    assert alone == ["fitted to 3 training classes, 6 images (none validates): 15 epochs"]
    assert preparation.fitted_to(small, None, images) == (small, [])
