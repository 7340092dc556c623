"""A search loads what it needs: no training, drawing or explaining libraries, and timm only for its networks."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from likewise import Catalog
from likewise.cli.app import app
from likewise.data import Preprocessing
from likewise.models import ModelSpec, build, export

NEVER = ("lightning_fabric", "lightning", "torchmetrics", "pytorch_metric_learning", "matplotlib", "captum", "scipy",
         "sklearn", "transformers", "open_clip", "rembg",
         "likewise.training", "likewise.losses", "likewise.audit")  # fmt: skip
FOR_TIMM = ("timm", "torchvision", "sympy", "torch._dynamo")

SEARCH = """
import sys
from likewise.cli import main
sys.argv = ["likewise", "search", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print("LOADED", *sys.modules)
"""


def loaded_by_a_search(index: Path, query: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(index), str(query)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.partition("LOADED ")[2].split())


@pytest.mark.parametrize("kind", ["run", "onnx"])
def test_a_search_loads_nothing_it_does_not_need(kind: str, stripes_catalog: Path, tmp_path: Path) -> None:
    spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    model = build(spec)
    model.save(tmp_path / "run")
    name, unwanted = str(tmp_path / "run"), NEVER
    if kind == "onnx":
        export(model, tmp_path / "model.onnx", "onnx")
        name, unwanted = f"onnx:{tmp_path / 'model.onnx'}", (*NEVER, *FOR_TIMM)
    few = tmp_path / "few.csv"
    Catalog.read(stripes_catalog).take(range(4)).write(few)
    words = ["index", "build", name, str(few), "--out", str(tmp_path / "few.index"), "--workers", "0"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    loaded = loaded_by_a_search(tmp_path / "few.index", stripes_catalog.parent / "0-0.png")
    assert "lancedb" in loaded
    assert not loaded & set(unwanted)
