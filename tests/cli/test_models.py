"""`embed`, `export` and `import`: success, wrong input, help."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import likewise
from likewise.cli.app import app
from likewise.data import Catalog, Preprocessing
from likewise.errors import LikewiseError
from likewise.models import BNInception, Embeddings, ModelSpec, build

runner = CliRunner()


def invoke(*arguments):
    """Output and exit code, as `main` gives them: errors become one sentence and a code."""
    result = runner.invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, LikewiseError):
        return str(result.exception), result.exception.exit_code
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout, result.exit_code


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    model = build(
        ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=72, crop_px=64))
    )
    return model.save(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def photos_csv(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    catalog = Catalog.from_images([tmp_path / f"{number}.png" for number in range(4)], labels=list("aabb"))
    catalog.write(tmp_path / "photos.csv")
    return tmp_path / "photos.csv"


def test_embed(run, photos_csv):
    out = photos_csv.with_name("e.npz")
    text, code = invoke("embed", run, photos_csv, "--out", out, "--device", "cpu", "--json")
    assert code == 0
    told = json.loads(text)
    stored = Embeddings.load(out)
    assert (told["images"], told["dim"], told["failures"]) == (4, 8, [])
    assert told["fingerprint"] == stored.fingerprint == likewise.load(run).fingerprint


def test_embed_lists_what_failed_and_exits_1(run, photos_csv):
    photos_csv.with_name("2.png").write_bytes(b"nonsense")
    out = photos_csv.with_name("e.parquet")
    text, code = invoke("embed", run, photos_csv, "--out", out, "--device", "cpu", "--json")
    assert code == 3
    assert [failure["id"] for failure in json.loads(text)["failures"]] == ["2.png"]
    assert Embeddings.load(out).ids == ["0.png", "1.png", "3.png"]
    shown = runner.invoke(app, ["embed", str(run), str(photos_csv), "--out", str(out), "--device", "cpu"])
    assert shown.exit_code == 3 and "2.png" in shown.stderr and "2.png" not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "e.csv"], "change the ending"),
        (["--out", "e.npz", "--split", "nosuch"], "nosuch"),
        (["--out", "e.npz", "--device", "cuda:99"], "cuda:99"),
        (["--out", "e.npz", "--weights", "w.pth"], "has its own weights"),
    ],
)
def test_embed_refuses_wrong_input(run, photos_csv, monkeypatch, arguments, sentence):
    monkeypatch.chdir(photos_csv.parent)
    Path("w.pth").write_bytes(b"")
    text, code = invoke("embed", run, photos_csv, *arguments)
    assert code == 2 and sentence in text
    assert not list(photos_csv.parent.glob("e.*"))


def test_embed_refuses_unknown_models(photos_csv):
    text, code = invoke("embed", "timm:test_resnt", photos_csv, "--out", photos_csv.with_name("e.npz"))
    assert code == 2 and "did you mean 'test_resnet'" in text


def test_export(run, tmp_path):
    text, code = invoke("export", run, "--to", "torchscript", "--out", tmp_path / "m.pt", "--json")
    told = json.loads(text)
    assert code == 0 and told["max_difference"] < 1e-5
    assert (tmp_path / "m.pt").stat().st_size > 1000
    text, code = invoke("export", run, "--to", "tflite", "--out", tmp_path / "m.tflite")
    assert code == 2 and "but is 'tflite'" in text


def test_import_background_bias(tmp_path):
    state = {f"model.0.{key}": value for key, value in BNInception().state_dict().items()}
    state |= {"model.1.weight": torch.zeros(128, 1024), "model.1.bias": torch.ones(128)}
    torch.save({"state_dict": state}, tmp_path / "best.ckpt")
    arguments = ["import", "background-bias", tmp_path / "best.ckpt", "--out", tmp_path / "run", "--distance"]
    text, code = invoke(*arguments, "cosine", "--json")
    assert code == 0 and json.loads(text)["distance"] == "cosine"
    assert likewise.load(tmp_path / "run").dim == 128
    text, code = invoke(*arguments, "cosine")
    assert code == 2 and "contains a model already" in text
    text, code = invoke(*arguments, "cosin")
    assert code == 2 and "did you mean 'cosine'" in text


def test_import_reality_check_of_no_folder(tmp_path):
    text, code = invoke("import", "reality-check", tmp_path / "none", "--out", tmp_path / "run")
    assert code == 2 and "trunk_best.pth" in text
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command", [["embed"], ["export"], ["import"], ["import", "background-bias"], ["import", "reality-check"]]
)
def test_help(command):
    text, code = invoke(*command, "--help")
    assert code == 0
    assert command == ["import"] or "Example" in text
