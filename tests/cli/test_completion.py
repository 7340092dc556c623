"""TAB behind a preset or a model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from likewise.cli.completion import complete_model, complete_preset


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("runs/birds", "photos", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs" / "birds" / "model.json").write_text("{}")
    for name in ("mine.yaml", "model.onnx", "a.csv"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_presets_and_yaml_files(folder: Path) -> None:
    assert complete_preset("catalog/arcf") == ["catalog/arcface", "catalog/arcface/reality-check"]
    assert complete_preset("mi") == ["mine.yaml"]


def test_kinds_of_models_runs_and_files(folder: Path) -> None:
    assert complete_model("") == [
        "likewise:small",
        "timm:",
        "hf:",
        "open_clip:",
        "onnx:",
        "torch:",
        "photos/",
        "runs/",
    ]
    assert complete_model("runs/") == ["runs/birds"]
    assert complete_model("onnx:m") == ["onnx:model.onnx"]
    assert complete_model("onnx:") == ["onnx:model.onnx", "onnx:photos/", "onnx:runs/"]
    assert complete_model(f"{folder}/ru") == [f"{folder}/runs/"]
    assert complete_model("nowhere/") == []


def test_the_shell_gets_them(folder: Path) -> None:
    program = "import sys; sys.argv[0] = 'likewise'; from likewise.cli import main; main()"
    environment = {
        **os.environ, "_LIKEWISE_COMPLETE": "complete_bash", "COMP_WORDS": "likewise eval ru", "COMP_CWORD": "2",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        check=False,
    )
    assert done.stdout.split() == ["runs/"], done.stderr
