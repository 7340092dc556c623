"""An option has the default of the function behind it; what an option collects reaches the function whole."""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import typer.main

from likewise import curation, data, explain, models, retrieval, training
from likewise.audit import agreement_of_sweep, background, faithfulness, properties, robustness
from likewise.checks import check
from likewise.cli import runtimes
from likewise.cli.app import app
from likewise.cli.audit import check_groups
from likewise.cli.audit_properties import _periods
from likewise.errors import ConfigError
from likewise.models import published
from likewise.runtime_choice import RuntimeChoice

FUNCTIONS: list[tuple[str, Callable[..., Any], str]] = [
    ("embed", models.embed_to_file, "batch_size precision"),
    ("export", models.export, "to"),
    ("eval", retrieval.evaluate, "average"),
    ("calibrate", retrieval.calibrate, "seed"),
    ("explain", explain.explain_pair, "check hide_by seed"),
    ("saliency", explain.make_store, "batch_size precision"),
    ("check", check, "batch_size seed"),
    ("data fold", data.with_fold, "folds"),
    ("data suspects", curation.suspects, "seed"),
    ("import background-bias", published.import_background_bias, "distance"),
    ("import avsl", published.import_avsl, "topk gamma"),
    ("audit background", background, "repeats compositing seed batch_size"),
    ("audit agreement", agreement_of_sweep, "random_weights noise_floor batch_size precision"),
    ("audit properties", properties, "ranks published permutations seed"),
    ("audit faithfulness", faithfulness, "pairs random_choices hide_by samples seed batch_size"),
    ("audit robustness", robustness, "images seed batch_size"),
    ("fit whitening", training.fit_whitening, "whiten shrinkage"),
]


@pytest.mark.parametrize(("name", "function", "options"), FUNCTIONS, ids=[name for name, *_ in FUNCTIONS])
def test_options_have_the_defaults_of_the_function(
    name: str, function: Callable[..., Any], options: str
) -> None:
    command: Any = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    ours = inspect.signature(inspect.unwrap(command.callback)).parameters
    theirs = inspect.signature(inspect.unwrap(function)).parameters
    for option in options.split():
        assert ours[option].default == theirs[option].default, option


def test_every_period_reaches_the_audit() -> None:
    assert _periods(["angle=360", " hour = 24", "angle=180"]) == {"angle": 180.0, "hour": 24.0}
    assert _periods(None) == _periods([]) == {}
    with pytest.raises(ConfigError, match="--period is 'angle': write NAME=VALUE"):
        _periods(["hour=24", "angle"])


@pytest.mark.parametrize(
    ("choice", "printed"),
    [
        (RuntimeChoice("torch"), False),
        (RuntimeChoice("torch", seconds={"torch": 1.0}), False),
        (RuntimeChoice("torch", refused={"onnx": "it has no such operation"}), True),
        (RuntimeChoice("torch", seconds={"torch": 1.0, "onnx": 2.0}), True),
        (RuntimeChoice("onnx", seconds={"onnx": 1.0}), True),
    ],
)
def test_a_runtime_is_printed_if_there_was_a_choice(
    choice: RuntimeChoice, printed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(models, "use_runtime", lambda *_, **__: choice)
    monkeypatch.setattr(runtimes, "say", lines.append)
    unused: Any = SimpleNamespace()
    runtimes.apply_runtime(unused, "auto", unused)
    assert lines == ([choice.words] if printed else [])
    lines.clear()
    runtimes.apply_runtime(unused, "torch", unused)
    assert not lines


@pytest.mark.parametrize("groups", [["x"], ["x", "y", "z"]])
def test_one_group_for_each_model(groups: list[str]) -> None:
    check_groups(["x", "y"], ["first", "second"])
    check_groups(None, ["first", "second"])
    with pytest.raises(ConfigError, match=f"There are {len(groups)} groups for 2 models"):
        check_groups(groups, ["first", "second"])
    for wrong, names in ((["x", " "], ["first", "second"]), (["x"], ["first"])):
        with pytest.raises(ConfigError, match="give two models or more, and name each group"):
            check_groups(wrong, names)
