"""The wheel is whole: likewise works from it, outside of the checkout, with its samples, presets and pages."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MEGABYTES = 8

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=REPOSITORY, check=True,
        capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("likewise-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel's content; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(folder),
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    return folder


def likewise(installed: Path, folder: Path, *words: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "likewise", *map(str, words)], cwd=folder, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_small_and_holds_no_tests_or_caches(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.stat().st_size < MEGABYTES * 1e6
    assert not [
        name for name in names if name.startswith("tests/") or "__pycache__" in name or name.endswith(".pyc")
    ]
    assert any(name.endswith("py.typed") for name in names)


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import likewise; print(likewise.__file__)"], cwd=tmp_path, capture_output=True,
        text=True, check=True, env={**os.environ, "PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(installed)


def test_demo_presets_and_a_search_on_the_samples(installed: Path, tmp_path: Path) -> None:
    assert "--out" in likewise(installed, tmp_path, "demo", "--help")
    assert "catalog/arcface" in likewise(installed, tmp_path, "presets", "catalog/*")
    samples = installed / "likewise" / "scenes" / "samples" / "catalog.parquet"
    program = (
        "from likewise.data import Preprocessing\nfrom likewise.models import ModelSpec, build\n"
        "build(ModelSpec(backbone='test_resnet', dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32)))"
        ".save('run')\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )
    where = ["--split", "test", "--workers", 0]
    likewise(installed, tmp_path, "index", "build", "run", samples, "--out", "samples.index", *where)
    query = next((samples.parent / "images").rglob("*.jpg"), None) or next(samples.parent.rglob("*.webp"))
    answer = json.loads(likewise(installed, tmp_path, "search", "samples.index", query, "-k", 3, "--json"))
    assert len(answer["hits"]) == 3
