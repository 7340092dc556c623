"""What a loss's description accepts, fills in and refuses."""

import pytest
import yaml
from pydantic import ValidationError
from pytorch_metric_learning.distances import LpDistance

from likewise.errors import ConfigError
from likewise.losses import (
    LossSpec,
    MinerSpec,
    check_class_sizes,
    describe,
    miner_names,
    names,
    published,
)
from likewise.losses.published import _TUNED, DATASETS
from likewise.losses.registry import LOSSES, MINERS, miner_params


def test_names_take_wildcards():
    assert names("proxy_*") == ["proxy_anchor", "proxy_nca"]
    assert set(names()) >= {"triplet", "margin_class", "soft_triple", "avsl_proxy_anchor"}
    assert miner_names("batch*") == ["batch_hard"]


@pytest.mark.parametrize("name", names())
def test_every_loss_describes_itself(name):
    about = describe(name)
    assert about.words.endswith(".")
    assert about.source
    assert about.defaults.keys() == about.meanings.keys()
    assert all(about.meanings.values())
    assert about.kind in {"ranking", "classification"}
    spec = LossSpec(name=name)
    assert (spec.kind, spec.distance) == (about.kind, about.distance)


@pytest.mark.parametrize("name", names())
def test_a_written_spec_shows_every_default_and_reads_back_the_same(name):
    spec = LossSpec(name=name)
    assert set(spec.params) == set(describe(name).defaults)
    assert LossSpec.model_validate(yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))) == spec


def plain_settings(made):
    return {name: value for name, value in vars(made).items() if isinstance(value, bool | int | float | str)}


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith("avsl_")])
def test_defaults_of_losses_are_those_of_the_library(name):
    ours = LOSSES[name]().build(6, 8)
    library = next(base for base in type(ours).mro() if base.__module__.startswith("pytorch_metric_learning"))
    needed = {"num_classes": 6, "embedding_size": 8} if describe(name).kind == "classification" else {}
    if name == "margin_class":
        needed = {"num_classes": 6, "learn_beta": True}
    assert plain_settings(ours) == plain_settings(library(**needed))


@pytest.mark.parametrize("name", MINERS)
def test_defaults_of_miners_are_those_of_the_library(name):
    ours = MINERS[name]().build(LpDistance())
    assert plain_settings(ours) == plain_settings(type(ours)())


def test_distances_are_those_of_the_papers():
    assert {name: describe(name).distance for name in ("triplet", "arcface", "snr_contrastive", "avsl_margin")} == {
        "triplet": "euclidean", "arcface": "cosine", "snr_contrastive": "snr", "avsl_margin": "avsl",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "arcfase"}, "There is no loss 'arcfase': did you mean 'arcface'?"),
        ({"name": "arcface", "params": {"margn": 1}}, "loss 'arcface': unknown key 'margn': did you mean 'margin'?"),
        ({"name": "n_pair", "params": {"margin": 1}}, "loss 'n_pair': unknown key 'margin': there are none."),
        ({"name": "arcface", "params": {"scale": -1}}, "loss 'arcface': 'scale': input should"),
        ({"name": "triplet", "params": {"margin": "wide"}}, "loss 'triplet': 'margin': input should be a valid number"),
        ({"name": "triplet", "miner": {"name": "batch_hrad"}}, "no miner 'batch_hrad': did you mean 'batch_hard'?"),
        (
            {"name": "triplet", "miner": {"name": "multi_similarity", "params": {"eps": 1}}},
            "miner 'multi_similarity': unknown key 'eps'",
        ),
        ({"name": "avsl_margin", "miner": {"name": "batch_hard"}}, "'avsl_margin' chooses its pairs itself"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_refused_with_the_way_out(given, sentence):
    with pytest.raises(ConfigError) as error:
        LossSpec.model_validate(given)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "given", [{"name": "triplet", "minar": None}, {"params": {}}, {"name": "triplet", "memory": 0}]
)
def test_wrong_fields_are_refused(given):
    with pytest.raises(ValidationError):
        LossSpec.model_validate(given)
    with pytest.raises(ConfigError, match=r"^LossSpec: .*(minar|name|memory)"):
        LossSpec(**given)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("loss", _TUNED)
def test_published_parameters_are_valid(loss, dataset):
    found = published(loss, dataset)
    assert found.spec.name == loss.split("+")[0]
    assert (found.spec.miner is not None) == loss.endswith("+miner")
    assert found.learning_rate is None or found.learning_rate > 0


def test_published_parameters_of_unknown_losses_and_data_sets():
    assert published("arcface", "cub200").spec.params["margin"] == pytest.approx(23.2259, abs=1e-4)
    assert published("multi_similarity+miner", "sop").spec.miner.params == {"epsilon": 0.34}
    with pytest.raises(ConfigError, match="did you mean 'cub200'"):
        published("arcface", "cub")
    with pytest.raises(ConfigError, match="no published parameters for loss 'n_pair'"):
        published("n_pair", "sop")


def test_miner_parameters_are_typed():
    assert MinerSpec(name="triplet_margin").typed_params().margin == 0.2
    assert miner_params("distance_weighted").random


def test_training_sets_from_which_a_loss_cannot_learn():
    check_class_sizes(LossSpec(name="triplet"), ["a", "a", "b"])
    check_class_sizes(LossSpec(name="arcface"), ["a", "b", "c"])
    check_class_sizes(LossSpec(name="avsl_proxy_anchor"), ["a", "b", "b"])
    with pytest.raises(
        ConfigError, match="needs at least two classes, but the training set has only class 'a'"
    ):
        check_class_sizes(LossSpec(name="arcface"), ["a", "a"])
    with pytest.raises(ConfigError, match="has no image"):
        check_class_sizes(LossSpec(name="arcface"), [])
    with pytest.raises(ConfigError, match="each of the 3 training classes has one image"):
        check_class_sizes(LossSpec(name="margin"), ["a", "b", "c"])
    with pytest.raises(ConfigError, match="needs two images of each class, but class 'b' has one"):
        check_class_sizes(LossSpec(name="avsl_margin"), ["a", "a", "b", "c", "c"])
    with pytest.raises(ConfigError, match=r"class 'b' \(and 1 other classes\)"):
        check_class_sizes(LossSpec(name="avsl_margin"), ["a", "a", "b", "d"])
