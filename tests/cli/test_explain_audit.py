import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from likewise.cli import audit, evaluate, explain
from likewise.data import Preprocessing
from likewise.errors import ConfigError, InputError, InterruptedWork
from likewise.models import ModelSpec, build


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer()
    explain.register(app)
    audit.register(app)
    evaluate.register(app)
    return app


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Two saved models, nine images of three classes with masks, and photos of backgrounds."""
    root = tmp_path_factory.mktemp("cli")
    generator = np.random.default_rng(0)
    for seed in (0, 1):
        preprocessing = Preprocessing(resize_px=32, crop_px=32)
        build(ModelSpec(backbone="resnet10t", dim=8, preprocessing=preprocessing), seed=seed).save(
            root / f"model{seed}"
        )
    rows = []
    mask = np.zeros((36, 36), np.uint8)
    mask[10:26, 10:26] = 255
    Image.fromarray(mask).save(root / "mask.png")
    for number in range(9):
        Image.fromarray(generator.integers(0, 256, (36, 36, 3)).astype(np.uint8)).save(root / f"{number}.png")
        rows.append(
            {"path": f"{number}.png", "label": f"class {number % 3}", "split": "test", "mask": "mask.png"}
        )
    pd.DataFrame(rows).to_csv(root / "catalog.csv", index=False)
    (root / "photos").mkdir()
    Image.fromarray(generator.integers(0, 256, (40, 40, 3)).astype(np.uint8)).save(root / "photos" / "a.png")
    return root


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def run(app: typer.Typer, *words: object) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.exception


def test_explain(app, world, tmp_path):
    words = [
        "explain",
        world / "0.png",
        world / "1.png",
        "--model",
        world / "model0",
        "--out",
        tmp_path / "why.png",
    ]
    code, out, _ = run(app, *words, "--json")
    result = json.loads(out)
    assert code == 0 and result["kind"] == "positions" and result["completeness"] < 1e-5
    assert result["picture"].endswith("why.png") and Image.open(tmp_path / "why.png").width > 500
    code, out, _ = run(app, *words, "--no-check")
    assert code == 0 and "Largest parts" in out
    code, _, error = run(app, "explain", world / "none.png", world / "1.png", "--model", world / "model0")
    assert code and isinstance(error, InputError)


def test_saliency_store(app, world, tmp_path):
    words = ["saliency", world / "model0", world / "catalog.csv", "--samples", 2, "--out", tmp_path / "maps"]
    code, out, _ = run(app, *words, "--json")
    result = json.loads(out)
    assert code == 0 and result["images"] == 9 and result["scored"] == 9 and -1 < result["attention"] < 1
    code, out, _ = run(app, *words)
    assert code == 0 and "attention" in out
    code, _, error = run(app, *words[:3], "--method", "guess", "--out", tmp_path / "other")
    assert code and isinstance(error, ConfigError) and "--method cannot be 'guess'" in str(error)


def test_audit_background(app, world, tmp_path):
    words = ["audit", "background", world / "model0", world / "catalog.csv", "--backgrounds", world / "photos",
             "--repeats", 2]  # fmt: skip
    code, out, _ = run(app, *words, "--attention", 1, "--out", tmp_path / "page.html", "--json")
    result = json.loads(out)
    assert code == 0 and set(result["conditions"]) == {
        "original",
        "replaced",
        "background_only",
        "object_only",
    }
    assert set(result["conditions"]["replaced"]["recall@1"]) == {"mean", "std"}
    assert "<img" in (tmp_path / "page.html").read_text()
    code, out, _ = run(
        app,
        *words,
        "--compare",
        world / "model1",
        "--tables",
        tmp_path / "tables",
        "--out",
        tmp_path / "kept",
    )
    assert code == 0 and "model1" in out
    assert {file.suffix for file in (tmp_path / "tables").iterdir()} == {".txt", ".md", ".csv", ".tex"}
    assert (tmp_path / "kept" / "report.json").is_file()
    assert not list(tmp_path.glob("*.parts"))


def test_a_stopped_background_audit_keeps_its_parts(app, world, tmp_path, monkeypatch):
    words = ["audit", "background", world / "model0", world / "catalog.csv", "--backgrounds", world / "photos",
             "--repeats", 2, "--attention", 1, "--out", tmp_path / "page.html"]  # fmt: skip

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("likewise.audit.background_attention.attribute", stop)
        code, _, error = run(app, *words)
    assert code and isinstance(error, InterruptedWork) and "run the same command again" in str(error)
    assert [file.name for file in tmp_path.iterdir()] == ["page.html.parts"]
    code, out, _ = run(app, *words)
    assert code == 0 and "original" in out and [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_eval_under_each_condition(app, world, tmp_path):
    words = [
        "eval",
        world / "model0",
        world / "catalog.csv",
        "--backgrounds",
        world / "photos",
        "--repeats",
        2,
    ]
    code, out, _ = run(app, *words, "--json", "--out", tmp_path / "scores.json")
    result = json.loads(out)
    assert code == 0 and result == json.loads((tmp_path / "scores.json").read_text())
    assert list(result) == ["original", "replaced", "background_only", "object_only"]
    plain = json.loads(run(app, *words[:3], "--json")[1])
    for name, value in plain.items():
        if name != "gallery_size":
            assert result["original"][name] == {"mean": pytest.approx(value), "std": 0}
    assert result["replaced"]["gallery_size"] == plain["gallery_size"] == 9
    code, out, _ = run(app, *words)
    assert code == 0 and "original" in out
    code, _, error = run(app, *words, "--query-split", "test", "--gallery-split", "test")
    assert code and isinstance(error, ConfigError) and "leave-one-out" in str(error)


def test_audit_agreement(app, world, tmp_path):
    models = [world / "model0", world / "model1"]
    words = ["audit", "agreement", *models, "--catalog", world / "catalog.csv", "--stores", tmp_path / "maps",
             "--samples", 2, "--no-random-weights", "--no-other-noise", "--json"]  # fmt: skip
    code, out, _ = run(app, *words)
    first = json.loads(out)
    assert code == 0 and first["images"] == 9 and len(first["pairs"]) == 1
    stores = sorted((tmp_path / "maps").iterdir())
    code, out, _ = run(app, "audit", "agreement", *stores, "--catalog", world / "catalog.csv", "--json")
    again = json.loads(out)
    assert again["pairs"][0]["correlation"] == pytest.approx(first["pairs"][0]["correlation"])
    assert all("/" not in name for name in again["models"])  # the models' names, not the stores' paths
    code, _, _ = run(app, "audit", "agreement", *stores, "--tables", tmp_path / "tables")
    assert code == 0 and (tmp_path / "tables" / "every-pair-of-models.csv").is_file()
    assert "100 ± 0" in (tmp_path / "tables" / "the-table-of-the-paper.md").read_text(encoding="utf-8")
    code, _, error = run(app, "audit", "agreement", stores[0])
    assert code and isinstance(error, InputError) and "two models or more, got 1" in str(error)
    code, _, error = run(app, "audit", "agreement", *stores[:2], "--training-of", "a")
    assert code and isinstance(error, ConfigError) and "1 names (--training-of) for 2 models" in str(error)
    code, _, error = run(app, *words, "--group", "one")
    assert code and isinstance(error, ConfigError) and "one --group for each" in str(error)
    code, _, error = run(app, "audit", "agreement", *models)
    assert code and isinstance(error, ConfigError) and "--stores" in str(error)


def test_wrong_names_of_reports_are_refused_first(app, world, tmp_path):
    code, _, error = run(
        app, "audit", "background", world / "model0", world / "catalog.csv", "--backgrounds", world / "photos",
        "--out", tmp_path / "page.pdf",
    )  # fmt: skip
    assert code and isinstance(error, ConfigError) and "page.pdf" in str(error)


@pytest.mark.parametrize(
    "words", [["explain"], ["saliency"], ["audit", "background"], ["audit", "agreement"]]
)
def test_help_has_an_example(app, words):
    code, out, _ = run(app, *words, "--help")
    assert code == 0 and "Example" in out
