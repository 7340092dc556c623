"""`likewise train` and `likewise presets`: success, bad input in one sentence, help."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.errors import ConfigError
from likewise.training import Experiment, preset_names

TINY = [
    "-o", "model.backbone=test_resnet", "-o", "model.pretrained=false", "-o", "model.dim=8", "-o", "data.fold=null",
    "-o", "model.preprocessing={resize_px: 40, crop_px: 32}", "-o", "sampler.batch_size=8",
    "-o", "sampler.iterations=2", "-o", "trainer.max_epochs=1", "-o", "trainer.num_workers=0",
    "-o", "schedule.warmup_epochs=0", "-o", "start.head=random",
]  # fmt: skip


def test_train_prints_the_best_validation_and_leaves_a_page(tmp_path: Path, stripes_catalog: Path) -> None:
    out = tmp_path / "run"
    arguments = [
        "train",
        "catalog/contrastive",
        "-o",
        f"data.catalog={stripes_catalog}",
        *TINY,
        "--out",
        str(out),
    ]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["epochs"] == 1
    assert 0 <= printed["original/map@r"] <= 1
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (out / "curves.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("keep", ["better", "trained"])
def test_train_ends_with_both_models_and_marks_the_kept_one(
    tmp_path: Path, stripes_catalog: Path, keep: str
) -> None:
    given = ["train", "catalog/contrastive", "-o", f"data.catalog={stripes_catalog}", *TINY]
    out = tmp_path / "run"
    result = CliRunner().invoke(app, [*given, "-o", f"validation.keep={keep}", "--out", str(out)])
    assert result.exit_code == 0, result.output
    outcome = json.loads((out / "run.json").read_text())
    assert keep == "better" or outcome["kept"] == "trained"
    names = {"trained": "trained model", "backbone": "untrained backbone"}
    heading = " ".join(result.stdout.splitlines()[:3])
    assert [f"{words}, kept" in heading for kind, words in names.items()] == [
        kind == outcome["kept"] for kind in names
    ]
    assert all(words in heading for words in names.values()) and "points" in heading
    row = next(line for line in result.stdout.splitlines() if "MAP@R" in line)
    scores = next(one for one in outcome["scores"] if one["metric"] == "map@r")
    assert all(f"{100 * scores[kind]:.1f}" in row for kind in names)


def test_presets_lists_all_and_shows_one_that_train_takes(tmp_path: Path) -> None:
    listed = json.loads(CliRunner().invoke(app, ["presets", "--json"]).stdout)
    assert [row["name"] for row in listed] == preset_names()
    assert all(row["description"] for row in listed)
    shown = CliRunner().invoke(app, ["presets", "cub200/arcface/bgaugment"]).stdout
    assert Experiment.parse(yaml.safe_load(shown)).name == "cub200/arcface/bgaugment"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train"], "Nothing to train"),
        (["train", "cub200/arcfac"], "did you mean 'cub200/arcface'"),
        (["train", "cub200/arcface"], "data.root"),
        (["train", "cub200/arcface", "-o", "sed=1"], "did you mean 'seed'"),
        (["train", "--resume", "nowhere"], "nowhere is not a run"),
        (["presets", "cub300/arcface"], "no preset"),
        (["presets", "cub200/*", "-o", "seed=1"], "name one, without *"),
    ],
)
def test_wrong_input_is_one_sentence(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigError)
    assert sentence in str(result.exception)


def test_wrong_input_exits_with_2_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likewise", "train", "cub200/arcfac"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("likewise: There is no preset")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["train", "presets"])
def test_help_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.stdout
