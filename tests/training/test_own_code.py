"""Losses and backbones of users in presets, sweeps and Runs, without a change to likewise; files run nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import likewise
from likewise import extensions
from likewise.cli.app import app
from likewise.errors import ConfigError
from likewise.losses import registry
from likewise.models import custom_backbone
from likewise.training import Run, SweepPlan, resolve, resume_sweep, sweep, train

CODE = """\
from pathlib import Path
import torch
from torch import nn

Path(__file__).with_name("imported").touch()


class Mine(nn.Module):
    'Pulls together, pushes apart.'

    def __init__(self, margin=0.5):
        super().__init__()
        self.margin = margin

    def forward(self, embeddings, labels):
        similarity = embeddings @ embeddings.T
        same = labels[:, None] == labels[None]
        return (1 - similarity[same]).mean() + (similarity[~same] - self.margin).clamp_min(0).mean()


class Net(nn.Module):
    preprocessing = {"resize_px": 40, "crop_px": 32}

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 5, stride=4)

    def forward(self, images):
        return self.convolution(images).relu()
"""
TINY = [
    "model.backbone=test_resnet", "model.pretrained=false", "model.dim=8",
    "model.preprocessing={resize_px: 40, crop_px: 32}", "validation.keep=trained",
    "start={head: random, proxies: random}", "schedule.warmup_epochs=0",
    "trainer={max_epochs: 1, num_workers: 0, accelerator: cpu}",
]  # fmt: skip
BATCH = "sampler={batch_size: 6, per_class: 2, iterations: 2}"


@pytest.fixture(autouse=True)
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """my_code.py in the current folder; nothing is trusted yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extensions, "_trusted", set())
    for things in (registry._losses, registry._miners, custom_backbone.BACKBONES):
        monkeypatch.setattr(things, "_added", {})
    (tmp_path / "my_code.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("my_code", None)


def ran(folder: Path) -> bool:
    return (folder / "imported").exists()


def forget(folder: Path) -> None:
    """As a new process would find it."""
    extensions._trusted.clear()
    for things in (registry._losses, custom_backbone.BACKBONES):
        things._added.clear()
    sys.modules.pop("my_code", None)
    (folder / "imported").unlink(missing_ok=True)


def test_a_preset_of_ones_own_loss_is_trained_and_its_run_is_read_without_the_code(
    code: Path, stripes_catalog: Path
) -> None:
    run = train(
        "catalog/my_code:Mine",
        [f"data.catalog={stripes_catalog}", *TINY, BATCH, "loss.params.margin=0.3"],
        out=code / "run",
        progress=False,
    )
    assert run.experiment.loss.params == {"margin": 0.3}
    assert run.experiment.name == "catalog/my_code:Mine"
    forget(code)
    assert Run.open(code / "run").best()["epochs"] == 1
    assert likewise.load(code / "run").dim == 8
    assert not ran(code)


def test_resuming_runs_the_code_only_when_it_is_trusted(code: Path, stripes_catalog: Path) -> None:
    settings = [f"data.catalog={stripes_catalog}", *TINY, BATCH]
    train("catalog/my_code:Mine", settings, out=code / "run", progress=False)
    forget(code)
    with pytest.raises(ConfigError, match="likewise --trust my_code:Mine"):
        train(resume=code / "run", overrides=["trainer.max_epochs=2"], progress=False)
    assert not ran(code)
    likewise.trust("my_code:Mine")
    assert (
        train(resume=code / "run", overrides=["trainer.max_epochs=2"], progress=False).best()["epochs"] == 2
    )


def test_a_file_that_names_code_is_refused_before_anything_is_written(
    code: Path, stripes_catalog: Path
) -> None:
    values = resolve("catalog/contrastive", [f"data.catalog={stripes_catalog}", *TINY, BATCH]).to_yaml()
    (code / "theirs.yaml").write_text(values.replace("name: contrastive", "name: my_code:Mine", 1))
    text = (code / "theirs.yaml").read_text()
    assert "my_code:Mine" in text
    (code / "theirs.yaml").write_text(text.replace("pos_margin: 0.0\n", "").replace("neg_margin: 0.5\n", ""))
    result = CliRunner().invoke(app, ["train", "theirs.yaml", "--out", "run"])
    assert isinstance(result.exception, ConfigError)
    assert "likewise --trust my_code:Mine" in str(result.exception)
    assert not ran(code)
    assert not (code / "run").exists()


def test_the_loss_takes_part_in_a_sweep_with_tables(code: Path, stripes_catalog: Path) -> None:
    table = likewise.Catalog.read(stripes_catalog).table
    table["split"] = table["split"].replace("val", "test")
    likewise.Catalog.from_table(table, stripes_catalog.parent).write(stripes_catalog.parent / "tested.csv")
    settings = [f"data.catalog={stripes_catalog.parent / 'tested.csv'}", *TINY, BATCH]
    done = sweep(
        "catalog/*",
        settings,
        out=code / "all",
        losses=["my_code:Mine", "contrastive"],
        folds=[0],
        progress=False,
    )
    assert not done.failed
    assert (code / "all" / "my_code.Mine-fold0" / "report.html").is_file()
    results = done.results()
    assert [row.loss for row in results.rows] == ["contrastive", "my_code:Mine"]
    results.save(code / "all")
    assert "Mine & " in (code / "all" / "results.tex").read_text(encoding="utf-8")
    forget(code)
    with pytest.raises(ConfigError, match="likewise --trust my_code:Mine"):
        resume_sweep(code / "all", progress=False)
    assert not ran(code)


@pytest.mark.parametrize("name", ["catalog/my_code:Mine/reality-check", "cub200/my_code:Mine/bgaugment"])
def test_every_protocol_takes_ones_own_loss(code: Path, name: str) -> None:
    likewise.trust("my_code:Mine")
    assert resolve(name).loss.name == "my_code:Mine"


@pytest.mark.parametrize(
    "name", ["catalog/my_code:Mine/avsl", "nothing/my_code:Mine", "catalog/my_code:Mine/bga"]
)
def test_presets_that_do_not_exist(code: Path, name: str) -> None:
    likewise.trust("my_code:Mine")
    with pytest.raises(ConfigError, match="There is no preset"):
        resolve(name)


def test_a_plan_names_a_loss_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no loss 'mine'"):
        SweepPlan.make("catalog/*", [], tmp_path / "s", losses=["mine"])


def test_a_backbone_of_ones_own_is_trained_saved_and_loaded_again(code: Path, stripes_catalog: Path) -> None:
    settings = [text for text in TINY if not text.startswith(("model.backbone", "model.preprocessing"))]
    arguments = [f"data.catalog={stripes_catalog}", *settings, BATCH, "model.backbone=my_code:Net"]
    run = train("catalog/contrastive", arguments, out=code / "run", progress=False)
    model = run.model()
    assert model.preprocessing.crop_px == 32
    why = model.explain(*likewise.Catalog.read(stripes_catalog).paths[:2])
    assert why.kind == "positions"
    assert why.completeness is not None
    assert why.completeness < 1e-4
    fingerprint = model.fingerprint
    forget(code)
    with pytest.raises(ConfigError, match="likewise --trust my_code:Net"):
        likewise.load(code / "run")
    assert not ran(code)
    likewise.trust("my_code:Net")
    assert likewise.load(code / "run").fingerprint == fingerprint


def test_the_command_line_trusts_what_stands_in_the_command(code: Path, stripes_catalog: Path) -> None:
    options = [word for text in [*TINY, BATCH] for word in ("-o", text)]
    command = [sys.executable, "-m", "likewise"]
    arguments = ["train", "catalog/contrastive", "-o", f"data.catalog={stripes_catalog}", *options]
    done = subprocess.run(
        [*command, *arguments, "-o", "loss.name=my_code:Mine", "-o", "model.backbone=my_code:Net", "--out", "run",
         "--json"],
        capture_output=True, text=True, check=False, cwd=code,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["epochs"] == 1
    info = [*command, "eval", "run", str(stripes_catalog), "--split", "val", "--json"]
    refused = subprocess.run(info, capture_output=True, text=True, check=False, cwd=code)
    assert refused.returncode == 2
    assert "likewise --trust my_code:Net" in refused.stderr
    info[3:3] = ["--trust", "my_code:Net"]
    assert subprocess.run(info, capture_output=True, text=True, check=False, cwd=code).returncode == 0
