import importlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import typer
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from likewise.cli import audit, evaluate, explain, models
from likewise.data import Preprocessing
from likewise.errors import ConfigError, InputError, InterruptedWork
from likewise.models import ModelSpec, build


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    importlib.import_module("likewise.cli.app")  # adds every audit to the group
    app = typer.Typer()
    explain.register(app)
    audit.register(app)
    evaluate.register(app)
    models.register(app)
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
        world / "model0",
        world / "0.png",
        world / "1.png",
        "--out",
        tmp_path / "why.png",
    ]
    code, out, _ = run(app, *words, "--json")
    result = json.loads(out)
    assert code == 0 and result["kind"] == "positions" and result["completeness"] < 1e-5
    assert result["picture"].endswith("why.png") and Image.open(tmp_path / "why.png").width > 500
    code, out, _ = run(app, *words, "--no-check")
    assert code == 0 and "Locations that matter most" in out and "adds to similarity" in out
    code, _, error = run(app, "explain", world / "model0", world / "none.png", world / "1.png")
    assert code and isinstance(error, InputError)


def test_saliency_store(app, world, tmp_path):
    words = ["saliency", world / "model0", world / "catalog.csv", "--samples", 2, "--out", tmp_path / "maps"]
    code, out, _ = run(app, *words, "--json")
    result = json.loads(out)
    assert code == 0 and result["images"] == 9 and result["scored"] == 9 and -1 < result["attention"] < 1
    code, out, _ = run(app, *words)
    assert code == 0 and "attention" in out
    code, _, error = run(app, *words[:3], "--method", "guess", "--out", tmp_path / "other")
    assert (
        code and isinstance(error, ConfigError) and "--method cannot be 'guess': choose one of" in str(error)
    )


def test_audit_background(app, world, tmp_path):
    words = ["audit", "background", world / "model0", world / "catalog.csv", "--backgrounds", world / "photos",
             "--repeats", 2]  # fmt: skip
    code, out, _ = run(app, *words, "--attention-images", 1, "--out", tmp_path / "page.html", "--json")
    result = json.loads(out)
    assert code == 0 and set(result["conditions"]) == {
        "original",
        "replaced",
        "background_only",
        "object_only",
    }
    assert set(result["conditions"]["replaced"]["recall@1"]) == {"mean", "std"}
    assert "<img" in (tmp_path / "page.html").read_text()
    words.insert(3, world / "model1")
    code, out, _ = run(app, *words, "--tables", tmp_path / "tables", "--out", tmp_path / "kept")
    assert code == 0 and "model1" in out
    assert {file.suffix for file in (tmp_path / "tables").iterdir()} == {".txt", ".md", ".csv", ".tex"}
    assert (tmp_path / "kept" / "report.json").is_file()
    assert not list(tmp_path.glob("*.parts"))


def test_a_stopped_background_audit_keeps_its_parts(app, world, tmp_path, monkeypatch):
    words = ["audit", "background", world / "model0", world / "catalog.csv", "--backgrounds", world / "photos",
             "--repeats", 2, "--attention-images", 1, "--out", tmp_path / "page.html"]  # fmt: skip

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("likewise.audit.background_bias.attention.attribute", stop)
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
    words = ["audit", "agreement", *models, world / "catalog.csv", "--saliency-dir", tmp_path / "maps",
             "--samples", 2, "--no-random-weights", "--no-noise-floor", "--json"]  # fmt: skip
    code, out, _ = run(app, *words)
    first = json.loads(out)
    assert code == 0 and first["images"] == 9 and len(first["pairs"]) == 1
    stores = sorted((tmp_path / "maps").iterdir())
    code, out, _ = run(app, "audit", "agreement", *stores, world / "catalog.csv", "--json")
    again = json.loads(out)
    assert again["pairs"][0]["correlation"] == pytest.approx(first["pairs"][0]["correlation"])
    assert all("/" not in name for name in again["models"])  # the models' names, not the stores' paths
    code, _, _ = run(app, "audit", "agreement", *stores, "--tables", tmp_path / "tables")
    assert code == 0 and (tmp_path / "tables" / "where-models-look.csv").is_file()
    assert "100 ± 0" in (tmp_path / "tables" / "the-table-of-the-paper.md").read_text(encoding="utf-8")
    assert run(app, "audit", "agreement", stores[0])[0] == 2
    code, _, error = run(app, "audit", "agreement", stores[0], world / "catalog.csv")
    assert code and isinstance(error, InputError) and "at least two models, got 1" in str(error)
    for mixed in ([models[0], stores[0]], [models[0], stores[0], world / "catalog.csv"]):
        code, _, error = run(app, "audit", "agreement", *mixed)
        assert code and isinstance(error, ConfigError) and "cannot be mixed" in str(error)
    code, _, error = run(app, "audit", "agreement", *stores, "--images", "3")
    assert code and isinstance(error, ConfigError) and "--split, --root and --images" in str(error)
    code, _, error = run(app, "audit", "agreement", *stores[:2], "--trained-as", "a")
    assert code and isinstance(error, ConfigError) and "1 names (--trained-as) for 2 models" in str(error)
    code, _, error = run(app, *words, "--group", "one")
    assert code and isinstance(error, ConfigError) and "one --group for each" in str(error)
    code, _, error = run(app, "audit", "agreement", *models)
    assert code and isinstance(error, ConfigError) and "model1 names a model, not a catalog" in str(error)


def test_agreement_of_models_of_other_kinds_and_sizes(app, world, tmp_path):
    """A Run beside a timm network with local weights of another input size, offline and in one command."""
    network = timm.create_model("test_resnet.r160_in1k", pretrained=False, num_classes=0)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    described = {"resize_px": 64, "crop_px": 56, "mean": [0.5] * 3, "std": [0.5] * 3}
    (tmp_path / "pp.json").write_text(json.dumps(described))
    words = ["audit", "agreement", world / "model0", "timm:test_resnet.r160_in1k", world / "catalog.csv",
             "--weights", tmp_path / "w.safetensors", "--preprocessing",
             f"test_resnet.r160_in1k={tmp_path / 'pp.json'}", "--method", "gradient", "--json"]  # fmt: skip
    code, out, error = run(app, *words, "--name", "mine", "--name", "pretrained")
    assert code == 0, error
    found = json.loads(out)
    assert found["models"] == ["mine", "pretrained"]
    assert "32 x 32, 56 x 56" in found["verdict"]["evidence"][0]
    assert {pair["b"] for pair in found["references"]} == {"random weights", "centre prior", "edge map"}
    assert json.loads(run(app, *words)[1])["models"] == ["model0", "test_resnet.r160_in1k"]


def test_a_verdict_can_stop_a_pipeline(app, world, tmp_path):
    words = ["audit", "background", world / "model0", world / "catalog.csv", "--backgrounds", world / "photos",
             "--repeats", 1, "--attention-images", 0]  # fmt: skip
    code, out, _ = run(app, *words, "--json", "--fail-on", "unsure", "--out", tmp_path / "page.html")
    verdict = json.loads(out)["verdict"]
    assert verdict["level"] == "unsure" and "3 of" in verdict["number"]  # three classes are too few to tell
    assert code == 1 and [file.name for file in tmp_path.iterdir()] == ["page.html"]
    assert run(app, *words, "--fail-on", "bad")[0] == 0 == run(app, *words, "--fail-on", "warning")[0]
    code, _, error = run(app, *words, "--fail-on", "sure")
    assert code and isinstance(error, ConfigError) and "did you mean 'unsure'" in str(error)


def test_attention_that_cannot_be_had_is_refused_before_the_work(app, world, tmp_path, monkeypatch):
    run(app, "export", world / "model0", "--out", tmp_path / "m.onnx")
    words = ["audit", "background", f"onnx:{tmp_path / 'm.onnx'}", world / "catalog.csv", "--backgrounds",
             world / "photos", "--repeats", 1, "--json"]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr("likewise.models.SimilarityModel.embed", None)
        code, _, error = run(app, *words, "--attention-images", 2)
    assert code and isinstance(error, ConfigError)
    for advised in (["--method", "occlusion"], ["--attention-images", "0"]):
        assert " ".join(advised) in str(error)
        code, out, error_then = run(app, *words, "--attention-images", 2, *advised)
        assert code == 0, error_then
        found = json.loads(out)
        assert found["model"] == "m" and (found["attention"] is None) == (advised[0] == "--attention-images")
    code, _, error = run(app, *words, "--method", "guess")
    assert code and isinstance(error, ConfigError) and "--method cannot be 'guess'" in str(error)
    code, _, error = run(app, "audit", "agreement", words[2], world / "model0", world / "catalog.csv")
    assert code and isinstance(error, ConfigError) and "--method occlusion" in str(error)


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


@pytest.mark.parametrize(
    ("status", "options", "exact"),
    [
        (None, [], ""), (None, ["--exact-masks"], "user"), ("exact", [], "catalog"),
        ("exact", ["--no-exact-masks"], ""), ("ok", [], ""),
    ],
)  # fmt: skip
def test_masks_are_exact_where_the_user_or_the_catalog_says_so(app, world, tmp_path, status, options, exact):
    table = pd.read_csv(world / "catalog.csv")
    if status is not None:
        table["mask_status"] = status
    table.to_csv(tmp_path / "catalog.csv", index=False)
    words = ["audit", "background", world / "model0", tmp_path / "catalog.csv", "--root", world, "--backgrounds",
             world / "photos", "--repeats", 1, "--attention-images", 0, "--json"]  # fmt: skip
    code, out, _ = run(app, *words, *options)
    assert code == 0 and json.loads(out)["masks"]["exact"] == exact


@pytest.mark.parametrize(
    "option", [["--no-check"], ["--hiding-masks", "5"], ["--hide-by", "tokens"], ["--seed", "3"]]
)
@pytest.mark.parametrize("single", [["a.png", "--text", "red"], ["c.csv", "--node", "2:137"]])
def test_options_of_pairs_are_refused_for_a_text_and_a_node(
    app: typer.Typer, single: list[str], option: list[str]
) -> None:
    refused = CliRunner().invoke(app, ["explain", "M", *single, *option])
    assert "are for two images: leave them out with --text or --node" in str(refused.exception)
