"""Refusals of trainings, whole: every number in them is the one that counts."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from likewise.errors import ConfigError
from likewise.training import Experiment
from likewise.training.experiment import DataSpec, SamplerSpec
from likewise.training.fit import _only_resumable
from likewise.training.fitting import check_sampler
from likewise.training.initialization import principal_head, whitened_head
from likewise.training.preparation import _check_catalog
from likewise.training.sweep_plan import _in_order
from likewise.training.yaml_files import parse_yaml, read_yaml

FEATURES = torch.zeros(9, 4)


def experiment(**sampler: Any) -> Experiment:
    fit = sampler.pop("fit", ())
    values = {"loss": {"name": "triplet"}, "sampler": sampler, "fit": fit, "data": {"catalog": "c.csv"}}
    return Experiment.parse(values | {"model": {"backbone": "test_resnet"}})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_sampler(SamplerSpec(batch_size=12, per_class=3), {"a": 9, "b": 9, "c": 9}),
         "A batch of 12 with 3 images per class needs 4 classes, and the training split has 3: set -o "
         "sampler.batch_size=9."),
        (lambda: check_sampler(SamplerSpec(batch_size=9, per_class=3), {"a": 9, "b": 9, "c": 9}, 2),
         "sampler.batch_size 9 cannot be shared by 2 processes equally: set -o sampler.batch_size=6."),
        (lambda: check_sampler(SamplerSpec(batch_size=9, per_class=None), {"a": 4, "b": 3}),
         "The training split has 7 images, fewer than sampler.batch_size 9: set -o sampler.batch_size=7."),
        (lambda: whitened_head(nn.Linear(4, 5), FEATURES, torch.zeros(9)),
         "start.head is 'whitened' with model.dim 5, but the backbone has 4 features: set -o model.dim=4."),
        (lambda: principal_head(nn.Linear(4, 5), FEATURES),
         "start.head is 'pca' with model.dim 5, but 9 images with 4 features have at most 4 components: set -o "
         "model.dim=4."),
        (lambda: principal_head(nn.Linear(4, 3), FEATURES[:3]),
         "start.head is 'pca' with model.dim 3, but 3 images with 4 features have at most 2 components: set -o "
         "model.dim=2."),
        (lambda: experiment(batch_size=10, per_class=4),
         "sampler.batch_size 10 is not a multiple of sampler.per_class 4: set -o sampler.batch_size=8"),
        (lambda: experiment(batch_size=3, per_class=4), "set -o sampler.batch_size=8"),
        (lambda: _check_catalog(Path("gone/c.csv"), Path("a run")),
         "There is no catalog gone/c.csv, which a run was started with: say where it is now with  likewise train "
         f"--resume {shlex.quote('a run')} -o data.catalog=FILE"),
        (lambda: _only_resumable(Path("run"), "other.yaml", []), "from run; other.yaml would make it another one"),
        (lambda: _only_resumable(Path("run"), None, ["trainer.max_epochs=3", "seed=4"]),
         "from run; seed=4 would make it another one"),
        (lambda: _in_order(["triplet", "no_such_loss"]), "There is no loss 'no_such_loss'"),
        (lambda: _in_order([]), "A sweep needs at least one loss"),
    ],
)  # fmt: skip
def test_a_refusal_names_what_is_wrong_and_what_to_set(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        call()


def test_a_fold_beyond_the_last_is_refused() -> None:
    assert DataSpec(catalog=Path("c.csv"), fold=3, folds=4).fold == 3
    with pytest.raises(ConfigError, match="fold 4 does not exist: folds count from 0 to 3"):
        DataSpec(catalog=Path("c.csv"), fold=4, folds=4)


@pytest.mark.parametrize(
    "sampler",
    [
        {"batch_size": 10, "per_class": None},
        {"batch_size": 10, "per_class": 4, "fit": ["sampler.batch_size"]},
        {"batch_size": 10, "per_class": 4, "fit": ["sampler.per_class"]},
        {"batch_size": 12, "per_class": 4},
    ],
)
def test_a_batch_that_divides_or_will_be_fitted_is_taken(sampler: dict[str, Any]) -> None:
    assert experiment(**sampler).sampler.batch_size == sampler["batch_size"]


def test_what_a_resumed_run_takes_and_a_sweep_orders() -> None:
    _only_resumable(Path("run"), None, ["trainer.max_epochs=3", "data.catalog=moved.csv", " data.root =x"])
    losses = _in_order(["n_pair", "triplet", "contrastive", "lifted_structure"])
    assert losses == ("contrastive", "triplet", "lifted_structure", "n_pair")


def test_yaml_of_forty_levels_is_read_and_deeper_ones_say_so(tmp_path: Path) -> None:
    assert parse_yaml("[" * 39 + "1" + "]" * 39)
    file = tmp_path / "deep.yaml"
    for text, words in (
        ("a: " + "[" * 40 + "1" + "]" * 40, "nested deeper than 40 levels"),
        ("a: &x 1\nb: *x", "aliases such as *name are not read: write the value out"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=re.escape(f"{file} is not valid YAML: {words}")):
            read_yaml(file)
