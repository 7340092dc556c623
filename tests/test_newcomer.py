"""The README's way from a folder of photos to a search result: five commands, nothing else known."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from likewise.cli.app import app

TINY = [
    "-o", "model.backbone=test_resnet", "-o", "model.pretrained=false", "-o", "model.dim=8", "-o", "start.head=random",
    "-o", "model.preprocessing={resize_px: 40, crop_px: 32}", "-o", "sampler.batch_size=8", "-o", "data.folds=2",
    "-o", "sampler.iterations=2", "-o", "trainer.max_epochs=1", "-o", "trainer.num_workers=0",
]  # fmt: skip


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def photos_by_class(stripes_catalog: Path, tmp_path: Path) -> Path:
    """A folder as users have them: one folder a class."""
    folder = tmp_path / "photos"
    for image in sorted(stripes_catalog.parent.glob("?-?.png")):
        target = folder / f"thing {image.name[0]}" / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(image.read_bytes())
    return folder


def test_five_commands_from_a_folder_to_a_search_result(photos_by_class: Path, tmp_path: Path) -> None:
    catalog, trained, index = photos_by_class / "catalog.parquet", tmp_path / "run", tmp_path / "photos.index"
    run("data", "prepare", "folder", photos_by_class, "--split", "half", "--out", catalog)
    run("train", "catalog/multi_similarity", "-o", f"data.catalog={catalog}", *TINY, "--out", trained)
    scores = json.loads(run("eval", trained, catalog, "--split", "test", "--json"))
    assert scores["gallery_size"] == 4 * 8
    assert 0 <= scores["recall@1"] <= 1
    run("index", "build", trained, catalog, "--out", index)
    query, sheet = photos_by_class / "thing 3" / "3-2.png", tmp_path / "answer.png"
    answer = json.loads(run("search", index, query, "-k", 3, "--sheet", sheet, "--json"))
    hits = answer["hits"] if isinstance(answer, dict) else answer[0]["hits"]
    assert hits[0]["id"] == "thing 3/3-2.png"
    assert hits[0]["distance"] == pytest.approx(0, abs=1e-5)
    assert sheet.read_bytes().startswith(b"\x89PNG")
