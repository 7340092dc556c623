"""A job that is repeated says how many results are new, renewed and kept."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from likewise.cli import explain, masks
from likewise.data import Catalog, Preprocessing
from likewise.models import ModelSpec, build


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    importlib.import_module("likewise.cli.app")
    app = typer.Typer()
    masks.register(app)
    explain.register(app)
    return app


def draw(file: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((48, 40)).save(file)


def network(file: Path) -> Path:
    """An ONNX network (N, 3, 32, 32) -> (N, 1, 32, 32): the sum of the channels."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "brightness",
        [helper.make_tensor_value_info("x", floats, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("y", floats, ["N", 1, 32, 32])],
        [helper.make_tensor("w", floats, [1, 3, 1, 1], [1.0] * 3)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    return file


def command(name: str, folder: Path) -> list[str]:
    catalog = str(folder / "c.csv")
    if name == "masks":
        model = network(folder / "brightness.onnx")
        return ["masks", catalog, "--model", str(model), "--out", str(folder / "m.csv")]
    spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    build(spec, seed=0).save(folder / "model")
    return ["saliency", str(folder / "model"), catalog, "--samples", "1", "--out", str(folder / "maps")]


@pytest.mark.parametrize("name", ["masks", "saliency"])
def test_a_repeated_job_counts_what_is_new_renewed_and_kept(
    name: str, app: typer.Typer, tmp_path: Path
) -> None:
    def run(count: int, *words: str) -> Result:
        Catalog.from_images([tmp_path / f"{number}.png" for number in range(count)]).write(tmp_path / "c.csv")
        return CliRunner().invoke(app, [*words_of, *words])

    words_of = command(name, tmp_path)
    for number in range(7):
        draw(tmp_path / f"{number}.png", number)
    first = run(4)
    assert first.exit_code == 0 and "new" not in first.output
    draw(tmp_path / "2.png", 20)
    (tmp_path / "3.png").write_bytes(b"no image")
    told = json.loads(run(7, "--json").stdout)
    assert (told["new"], told["renewed"], told["kept"]) == (3, 1, 2)
    assert [failure["id"] for failure in told["failures"]] == ["3.png"]
    draw(tmp_path / "1.png", 10)
    draw(tmp_path / "3.png", 3)  # what it was at first: the result of the first run counts again
    assert "0 new, 1 renewed (image changed since), 6 kept.\n" in run(7).stderr
    (tmp_path / "1.png").rename(tmp_path / "7.png")
    draw(tmp_path / "1.png", 11)
    assert "1 new, 1 renewed (image changed since), 6 kept.\n" in run(8).stderr
    assert "0 new, 0 renewed (image changed since), 8 kept.\n" in run(8).stderr
