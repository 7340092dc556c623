"""Stored vectors in the commands: as a bare file or as ``vectors:FILE``, for few and for many images, and moved."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import likewise
from likewise.cli.app import app
from likewise.errors import InputError, LikewiseError
from likewise.models import use_runtime
from likewise.models.runtimes import FEW

MANY = FEW + 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More images than are embedded without a choice of the runtime, and the vectors of all but the last two."""
    folder, generator = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    names = [f"{number}.png" for number in range(MANY)]
    for number, name in enumerate(names):
        Image.new("RGB", (8, 8), (number % 256, number // 256, 0)).save(folder / name)
    labels = [f"class {number % 10}" for number in range(MANY)]
    table = pd.DataFrame({"path": names, "label": labels, "split": "test"})
    likewise.Catalog.from_table(table, folder).write(folder / "all.csv")
    likewise.Catalog.from_table(table.iloc[:-2], folder).write(folder / "known.csv")
    vectors = generator.normal(size=(MANY - 2, 16)).astype(np.float32)
    np.savez(folder / "shop.npz", vectors=vectors, ids=np.array(names[:-2]))
    return folder


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def form(prefix: str, folder: Path) -> str:
    return f"{prefix}{folder / 'shop.npz'}"


@pytest.mark.parametrize("prefix", ["", "vectors:"])
@pytest.mark.parametrize("command", ["eval", "embed", "calibrate", "index build"])
def test_every_command_takes_many_images(shop: Path, tmp_path: Path, prefix: str, command: str) -> None:
    out = {"embed": "e.npz", "calibrate": "t.json", "index build": "i.index"}.get(command)
    words = [] if out is None else ["--out", tmp_path / out]
    result = run(*command.split(), form(prefix, shop), shop / "known.csv", *words)
    assert not isinstance(result.exception, LikewiseError), result.exception
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("prefix", ["", "vectors:"])
def test_an_index_is_searched_by_the_images_it_has_and_moves_with_its_vectors(
    shop: Path, tmp_path: Path, prefix: str
) -> None:
    place = tmp_path / "before"
    shutil.copytree(shop, place)
    built = run("index", "build", form(prefix, place), place / "all.csv", "--out", place / "i.index")
    assert built.exit_code == 3, "two images have no vector"
    assert "failed    2" in built.stdout and "--id ID" in built.stderr and "IMAGE" not in built.stderr
    assert all(f"{MANY - n}.png" in built.stderr for n in (1, 2))
    moved = place.rename(tmp_path / "after")
    for query in (moved / "3.png", "--id=3.png"):
        found = run("search", moved / "i.index", query, "-k", 3)
        assert found.exit_code == 0, found.output
        assert "likewise explain" not in found.stderr, "stored vectors explain nothing"
    hits = json.loads(run("search", moved / "i.index", "--id", "3.png", "-k", 3, "--json").stdout)["hits"]
    assert len(hits) == 3
    unknown = run("search", moved / "i.index", moved / f"{MANY - 1}.png")
    with pytest.raises(
        InputError, match=f"no vector of '.*{MANY - 1}.png', and no network to make one: take images"
    ):
        raise unknown.exception


def test_what_is_no_torch_network_has_one_runtime(shop: Path) -> None:
    model = likewise.load(shop / "shop.npz")
    catalog = likewise.Catalog.read(shop / "known.csv")
    said: list[str] = []
    assert use_runtime(model, "auto", catalog, expected=10**9, say=said.append).runtime == "torch"
    assert not said and model.runner is None
