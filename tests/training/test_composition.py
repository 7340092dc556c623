"""Presets: every one is valid, the published values are in them, mistakes are named."""

import re
from pathlib import Path

import pytest

from likewise.errors import ConfigError
from likewise.training import Experiment, preset_description, preset_names, resolve

PUBLISHED = ("arcface", "contrastive", "multi_similarity", "normalized_softmax", "triplet")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_and_described(name: str) -> None:
    experiment = resolve(name)
    assert experiment.name == name
    assert preset_description(name)
    assert Experiment.parse(experiment.model_dump(mode="json")) == experiment


def test_the_thirty_published_background_bias_configurations_exist() -> None:
    wanted = {
        f"{data}/{loss}{variant}"
        for data in ("cars196", "cub200", "sop")
        for loss in PUBLISHED
        for variant in ("", "/bgaugment")
    }
    assert len(wanted) == 30
    assert wanted <= set(preset_names())


def test_published_values_of_one_configuration() -> None:
    """Kobs & Hotho 2022, released configuration of ArcFace with BGAugment on CUB-200-2011."""
    experiment = resolve("cub200/arcface/bgaugment")
    assert experiment.seed == 42
    assert experiment.loss.params["scale"] == pytest.approx(100)
    assert experiment.loss.params["margin"] == pytest.approx(23.2259, abs=1e-4)
    assert experiment.optimizer.lr_loss == pytest.approx(0.0051384, abs=1e-7)
    assert (experiment.optimizer.name, experiment.optimizer.lr_backbone) == ("rmsprop", 1e-6)
    assert (experiment.sampler.batch_size, experiment.sampler.per_class, experiment.sampler.iterations) == (
        32,
        1,
        100,
    )
    assert experiment.model.preprocessing is not None
    assert experiment.model.preprocessing.mean == (104, 117, 128)
    assert experiment.replace_background is not None
    assert experiment.replace_background.probability == 1
    assert experiment.validation.select_on == "replaced"
    assert experiment.validation.patience == 15


def test_base_and_bgaugment_differ_in_background_and_selection_only() -> None:
    base = resolve("sop/triplet").model_dump()
    augmented = resolve("sop/triplet/bgaugment").model_dump()
    different = {key for key in base if base[key] != augmented[key]}
    assert different == {"name", "replace_background", "validation"}


def test_overrides_win_and_replace_a_loss_whole() -> None:
    experiment = resolve(
        "cub200/arcface", ["optimizer.lr_head=1e-4", "loss.name=triplet", "sampler.per_class=4"]
    )
    assert experiment.optimizer.lr_head == 1e-4
    assert "scale" not in experiment.loss.params
    assert resolve("cub200/arcface", ["loss.params.scale=7"]).loss.params["scale"] == 7


def test_named_weights_replace_published_ones() -> None:
    experiment = resolve("cub200/arcface", ["model.weights=here.pth"])
    assert experiment.model.weights == Path("here.pth")
    assert not experiment.model.pretrained


def test_yaml_file_round_trip(tmp_path: Path) -> None:
    experiment = resolve("catalog/proxy_anchor", ["seed=7"])
    experiment.write(tmp_path / "mine.yaml")
    assert resolve(tmp_path / "mine.yaml") == experiment


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optimzer.lr_head=1", "did you mean 'optimizer'"),
        ("optimizer.lr_hed=1", "did you mean 'lr_head'"),
        ("trainer.max_epochs=0", "trainer.max_epochs"),
        ("loss.params.margn=2", "did you mean 'margin'"),
        ("augmentation.scale=[0.5, 2]", "augmentation"),
        ("nothing", "key=value"),
        ("optimizer.name=adamm", "optimizer.name"),
        ("seed=[", "not valid YAML"),
    ],
)
def test_mistakes_in_overrides_are_named(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        resolve("cub200/arcface", [override])


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cub200/arcface/bgaugment'"):
        resolve("cub200/arcface/bgaugmnt")


@pytest.mark.parametrize(
    ("text", "sentence"), [("- 1", "no mapping"), ("a: [", "not valid YAML"), (None, "Cannot read")]
)
def test_broken_experiment_files_are_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    file = tmp_path / "broken.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        resolve(file)


@pytest.mark.parametrize(("override", "meant"), [
    ("catalog=x.csv", "did you mean 'data.catalog'?"), ("epochs=2", "did you mean 'trainer.max_epochs'?"),
    ("dim=64", "did you mean 'model.dim' or 'model.avsl.dim'?"), ("los=triplet", "did you mean 'loss'?"),
    ("schedule.warmup=1", "did you mean 'warmup_epochs'?"), ("zzz=1", "choose one of: augmentation, data, "),
])  # fmt: skip
def test_a_setting_without_its_group_is_named_in_full(override: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"unknown key '{override.partition('=')[0]}': {meant}")):
        resolve("catalog/triplet", [override])
