import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from likewise.cli import masks as command
from likewise.data import Catalog
from likewise.errors import InputError, ModelError


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)  # with one command alone typer would drop its name
    return app


def run(app: typer.Typer, *words: object) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.exception


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        true = np.zeros((12, 12), np.uint8)
        true[2:8, 2:8] = 255
        Image.fromarray(true).save(tmp_path / f"{number}_true.png")
        Image.fromarray(np.roll(true, number, 0)).save(tmp_path / f"{number}_found.png")
        Image.new("RGB", (12, 12)).save(tmp_path / f"{number}.png")
    catalog = Catalog.from_images([tmp_path / f"{n}.png" for n in range(3)])
    for side in ("true", "found"):
        table = catalog.table.assign(mask=[f"{n}_{side}.png" for n in range(3)], split=["a", "a", "b"])
        Catalog.from_table(table, tmp_path).write(tmp_path / f"{side}.csv")
    return tmp_path


def test_score_prints_the_means(app, folder):
    code, out, _ = run(app, "masks", "score", folder / "found.csv", folder / "true.csv", "--json")
    result = json.loads(out)
    assert code == 0 and result["images"] == 3 and result["failures"] == []
    assert result["iou"] == pytest.approx(np.mean([1, 5 / 7, 4 / 8]))
    assert {"precision", "recall", "mae", "boundary_f"} <= set(result)
    code, out, _ = run(
        app, "masks", "score", folder / "found.csv", folder / "true.csv", "--split", "a", "--json"
    )
    assert json.loads(out)["images"] == 2
    code, out, _ = run(
        app, "masks", "score", folder / "found.csv", folder / "true.csv", "--sheet", folder / "worst.png"
    )
    assert code == 0 and "iou" in out and Image.open(folder / "worst.png").width > 100


def test_score_lists_what_failed(app, folder):
    (folder / "1_found.png").write_bytes(b"no image")
    code, out, _ = run(app, "masks", "score", folder / "found.csv", folder / "true.csv", "--json")
    assert code == 3 and [failure["id"] for failure in json.loads(out)["failures"]] == ["1.png"]


def test_catalogs_with_another_root(app, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("lists")
    for side in ("true", "found"):
        (elsewhere / f"{side}.csv").write_bytes((folder / f"{side}.csv").read_bytes())
    catalogs = [elsewhere / "found.csv", elsewhere / "true.csv"]
    code, out, error = run(app, "masks", "score", *catalogs, "--root", folder, "--json")
    assert code == 0 and json.loads(out)["images"] == 3, error
    code, _, error = run(app, "masks", "score", *catalogs, "--root", elsewhere / "gone")
    assert code and isinstance(error, InputError) and "gone" in str(error)
    for option in (("--root", folder), ("--split", "a")):
        code, _, error = run(app, "masks", "score", folder, folder, *option)
        assert code and isinstance(error, InputError) and option[0] in str(error)


def test_wrong_input(app, folder):
    code, _, error = run(app, "masks", "score", folder / "found.csv", folder / "nowhere")
    assert code and isinstance(error, InputError)
    code, _, error = run(app, "masks", folder / "true.csv", "--model", "u3net")
    assert code and isinstance(error, ModelError)


def test_catalog_without_a_verb_makes_masks(app, folder):
    pytest.importorskip("onnxruntime")
    onnx_file = folder / "none.onnx"
    for words in ([folder / "true.csv", "--model", onnx_file], ["--model", onnx_file, folder / "true.csv"]):
        _, _, error = run(app, "masks", *words)
        assert isinstance(error, ModelError) and "none.onnx" in str(error)


@pytest.mark.parametrize("words", [["masks"], ["masks", "make"], ["masks", "score"]])
def test_help(app, words):
    code, out, _ = run(app, *words, "--help")
    assert code == 0
    assert "Example" in out or len(words) == 1
