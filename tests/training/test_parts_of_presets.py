"""How the parts of a preset, a file and overrides are laid over each other, from small mappings written by hand."""

from pathlib import Path
from typing import Any

import pytest

from likewise import extensions
from likewise.errors import ConfigError
from likewise.training import Experiment, composition, preset_description, preset_names, resolve
from likewise.training.composition import _at, _fits, _for_choice, _merge, _set, preset_groups
from likewise.training.overrides import leaves, parse_override, trust_references


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=7", {"seed": 7}),
        (" seed =7", {"seed": 7}),
        ("name=7", {"name": "7"}),
        ("name='a b'", {"name": "a b"}),
        ('name="a"', {"name": "a"}),
        ("name='", {"name": "'"}),
        ("name='a", {"name": "'a"}),
        ("name=", {"name": ""}),
        ("name=null", {"name": "null"}),
        ("name=a=b", {"name": "a=b"}),
        ("data.catalog=photos #1", {"data": {"catalog": "photos #1"}}),
        ("data.catalog=", {"data": {"catalog": None}}),
        ("data.catalog= ~ ", {"data": {"catalog": None}}),
        ("data.catalog=null", {"data": {"catalog": None}}),
        ("data.benchmark=cub200", {"data": {"benchmark": "cub200"}}),
        ("data.benchmark=null", {"data": {"benchmark": None}}),
        ("data.split=null", {"data": {"split": "null"}}),
        ("trainer.precision=32", {"trainer": {"precision": "32"}}),
        ("trainer.wandb=007", {"trainer": {"wandb": "007"}}),
        ("trainer.compile=true", {"trainer": {"compile": True}}),
        ("validation.backgrounds=1e5", {"validation": {"backgrounds": "1e5"}}),
        ("optimizer.lr_head=1e-3", {"optimizer": {"lr_head": 0.001}}),
        ("optimizer.lr_head=1E3", {"optimizer": {"lr_head": 1000.0}}),
        ("optimizer.lr_head=one", {"optimizer": {"lr_head": "one"}}),
        ("sampler.per_class=", {"sampler": {"per_class": None}}),
        ("sampler={batch_size: 6}", {"sampler": {"batch_size": 6}}),
        ("replace_background.source=batch", {"replace_background": {"source": "batch"}}),
        ("replace_background.bank=[a]", {"replace_background": {"bank": "[a]"}}),
        ("loss.params.margin=2", {"loss": {"params": {"margin": 2}}}),
        ("no.such.key=[1]", {"no": {"such": {"key": [1]}}}),
    ],
)
def test_text_is_taken_as_it_is_and_anything_else_is_yaml(text: str, expected: dict[str, Any]) -> None:
    assert parse_override(text, Experiment) == expected


@pytest.mark.parametrize("text", ["seed", "=7", "  =7"])
def test_an_override_has_a_key_and_a_sign(text: str) -> None:
    with pytest.raises(ConfigError, match=f"Override '{text}' is not of the form key=value, for instance "):
        parse_override(text, Experiment)


def test_leaves_are_values_that_hold_no_others() -> None:
    assert list(leaves({"a": {"b": {"c": 1}, "d": {}}, "e": [1]})) == ["a.b.c", "a.d", "e"]


@pytest.mark.parametrize(
    ("texts", "trusted"),
    [
        (["catalog/my.losses:MyLoss"], {"my.losses:MyLoss"}),
        (["loss.name=my.losses:MyLoss", "seed=1"], {"my.losses:MyLoss"}),
        (["loss={name: 'a:B', miner: {name: c.d:E}}"], {"a:B", "c.d:E"}),
        (["fit=[a:B,c:D]"], {"a:B", "c:D"}),
        (["a:B=1", "model.backbone=timm:resnet50.a1_in1k"], set()),
    ],
)
def test_code_that_the_user_names_is_trusted(
    texts: list[str], trusted: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "_trusted", set())
    trust_references(texts)
    assert extensions._trusted == trusted


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": None, "d": 1}, {"a": None, "d": 1}),
        ({"loss": {"name": "x", "params": 1}}, {"loss": {"params": 2}}, {"loss": {"name": "x", "params": 2}}),
        ({"loss": {"name": "x", "params": 1}}, {"loss": {"name": "x"}}, {"loss": {"name": "x", "params": 1}}),
        ({"loss": {"name": "x", "params": 1}}, {"loss": {"name": "y"}}, {"loss": {"name": "y"}}),
        ({"loss": {"params": 1}}, {"loss": {"name": "y"}}, {"loss": {"name": "y"}}),
        ({"miner": {"name": "x", "params": 1}}, {"miner": {"name": "y"}}, {"miner": {"name": "y"}}),
        (
            {"schedule": {"name": "x", "k": 1}},
            {"schedule": {"name": "y"}},
            {"schedule": {"name": "y", "k": 1}},
        ),
    ],
)
def test_mappings_merge_and_another_loss_replaces(
    below: dict[str, Any], above: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = repr(below)
    assert _merge(below, above) == expected and repr(below) == before


def test_values_of_a_data_set_and_a_loss_and_of_both() -> None:
    part = {
        "description": "left out", "seed": 9, "by_data": {"cub": {"a": 1, "b": 1, "description": "left out",
                                                        "by_loss": {"triplet": {"b": 2, "c": 2}}}},
        "by_loss": {"triplet": {"c": 3, "d": 3}},
    }  # fmt: skip
    assert _for_choice(part, "cub", "triplet") == {"a": 1, "b": 2, "c": 3, "d": 3}
    assert _for_choice(part, "cub", "arcface") == {"a": 1, "b": 1}
    assert _for_choice(part, "sop", "triplet") == {"c": 3, "d": 3}
    assert _for_choice({}, "cub", "triplet") == {}


@pytest.mark.parametrize(
    ("key", "fixed", "expected"),
    [
        ("data.fold", {"data.fold"}, True), ("data.fold", {"data"}, True), ("data", {"data.fold"}, True),
        ("data.fold", {"data.folds"}, False), ("data.folds", {"data.fold"}, False), ("data.fold", set(), False),
    ],
)  # fmt: skip
def test_a_setting_is_set_with_what_is_above_or_below_it(key: str, fixed: set[str], expected: bool) -> None:
    assert _set(key, fixed) is expected


def test_values_at_a_key() -> None:
    values = {"a": {"b": None}, "c": 1}
    assert _at(values, "a.b") is None and _at(values, "c") == 1
    assert _at(values, "a.c") is _at(values, "c.d") is _at({}, "x") is composition._ABSENT


def test_names_fit_any_of_several_patterns() -> None:
    assert _fits("cub200", "cub*") and _fits("cub200", ["sop", "cub*"])
    assert not _fits("cub200", "cub") and not _fits("cub200", []) and not _fits("CUB200", "cub*")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cub200/arcface/bgaugment", "ArcFace: class vectors with an angular margin. Background Bias (Kobs & Hotho "
         "2022), "
         "BGAugment; set replace_background.bank and validation.backgrounds"),
        ("cub200/triplet", "Triplet: anchor nearer to its class than to others by a margin. Background Bias (Kobs & "
         "Hotho 2022), base training"),
        ("catalog/triplet", "Triplet: anchor nearer to its class than to others by a margin. Fine-tune a small "
         "backbone "
         "on your own catalog; set data.catalog"),
    ],
)  # fmt: skip
def test_a_preset_is_described_by_its_loss_and_its_variant(name: str, words: str) -> None:
    assert preset_description(name) == words


def test_a_description_of_one_data_set_comes_before_the_general_one(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "v": {"description": "all", "by_data": {"cub": {"description": "birds"}, "sop": {}}},
        "empty": {},
    }
    monkeypatch.setattr(composition, "_split", lambda name: tuple(name.split("/")))
    monkeypatch.setattr(composition, "_part", lambda kind, name: parts.get(name, {}))
    described = [preset_description(name) for name in ("cub/x/v", "sop/x/v", "cars/x/v", "cars/x/empty")]
    assert described == ["x. birds", "x. all", "x. all", "x. x on cars"]


def test_groups_of_presets_begin_with_ones_own_images() -> None:
    groups = preset_groups()
    assert [data for data, _, _ in groups] == ["catalog", "cars196", "cub200", "sop"]
    assert {data: count for data, count, _ in groups} == {
        data: len(preset_names(f"{data}/*")) for data in ("catalog", "cars196", "cub200", "sop")
    }
    assert groups[0][2] == "your own images: set data.catalog" and preset_names("zebra/*") == []


@pytest.mark.parametrize(
    "name",
    ["cub200/n_pair", "catalog/arcface/bgaugment", "cub200/proxy_anchor/bgaugment", "cub200/arcface/_bn_inception",
     "catalog/margin/avsl", "cub200/triplet/default"],
)  # fmt: skip
def test_variants_exist_only_for_their_data_and_losses(name: str) -> None:
    assert name not in preset_names()


def test_no_similar_preset_gives_the_command_that_lists_them() -> None:
    with pytest.raises(
        ConfigError, match=r"There is no preset or YAML file 'zzzz': see `likewise presets`\."
    ):
        resolve("zzzz")


def test_what_is_set_by_hand_is_not_fitted(tmp_path: Path) -> None:
    usual = resolve("catalog/triplet").fit
    assert {"data.fold", "sampler.batch_size"} <= set(usual)
    for overrides, gone in (
        (["sampler.batch_size=64"], {"sampler.batch_size"}), (["sampler={batch_size: 64}"], {"sampler.batch_size"}),
        (["optimizer.lr_head=1e-3"], set()), (["data.folds=4", "seed=1"], {"data.folds"}),
    ):  # fmt: skip
        assert set(resolve("catalog/triplet", overrides).fit) == set(usual) - gone
    file = tmp_path / "own.yaml"
    Experiment.parse(resolve("catalog/triplet").model_dump(mode="json") | {"name": "of my own"}).write(file)
    assert resolve(file).fit == (), "every value of a file that names no preset is the user's"


def test_sizes_of_images_are_scaled_from_the_values_below() -> None:
    def sides(*overrides: str) -> tuple[int, int]:
        made = resolve("cub200/triplet", overrides).model.preprocessing
        assert made is not None
        return made.crop_px, made.resize_px

    assert sides() == (227, 256)
    assert sides("model.preprocessing.crop_px=114") == (114, 129)
    assert sides("model.preprocessing={resize_px: 300}", "model.preprocessing.crop_px=100") == (100, 300)
    assert sides("model.preprocessing.crop_px=100", "model.preprocessing.resize_px=300") == (100, 300)
