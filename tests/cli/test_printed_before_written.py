"""A result is printed before its files are written: a full disk does not lose it, and a gone reader not the files."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise import files
from likewise.cli import console
from likewise.cli.app import app
from likewise.data import Catalog
from likewise.errors import WorkError

COMMANDS = {
    "check": "check v.npz c.csv --only retrieval.scores --out result.html --junit result.xml",
    "eval": "eval v.npz c.csv --out result.json",
    "calibrate": "calibrate v.npz c.csv --false-match-rate 0.2 --out result.json",
    "suspects": "data suspects c.csv v.npz --out result.csv",
    "duplicates": "data duplicates c.csv --out result.csv --sheet result.html",
    "properties": "audit properties v.npz c.csv --should-matter hue --out result.html --tables tables",
    "masks": "masks score c.csv true.csv --sheet result.png",
}
SHOWN = {
    "check": "retrieval.scores", "eval": "recall@1", "calibrate": "false", "suspects": "neighbours say",
    "duplicates": "photos/", "properties": "hue", "masks": "iou",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photos of three classes, two of them copies, with masks and vectors of which three are of another class."""
    folder, random = tmp_path_factory.mktemp("printed"), np.random.default_rng(0)
    (folder / "photos").mkdir()
    rows = []
    for number in range(24):
        pixels = random.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        name = f"photos/{number:02}.png"
        Image.fromarray(pixels).resize((48, 48), Image.Resampling.NEAREST).save(folder / name)
        rows.append(
            {
                "path": name,
                "label": "abc"[number % 3],
                "mask": "mask.png",
                "hue": ["warm", "cold"][number % 2],
            }
        )
    Image.open(folder / "photos/02.png").save(folder / "photos/23.png")
    mask = Image.new("L", (48, 48))
    mask.paste(255, (10, 10, 38, 38))
    mask.save(folder / "mask.png")
    Catalog.from_table(pd.DataFrame(rows), folder).write(folder / "c.csv")
    Catalog.from_table(pd.DataFrame(rows[:6]), folder).write(folder / "true.csv")
    centers = random.normal(size=(3, 8))
    vectors = centers[np.arange(24) % 3] + 0.2 * random.normal(size=(24, 8))
    vectors[3] = centers[1]
    np.savez(folder / "v.npz", vectors=vectors.astype(np.float32), ids=[row["path"] for row in rows])
    return folder


@pytest.fixture
def outputs(made: Path) -> Iterator[Path]:
    """The folder, in which the commands run; what they wrote is removed."""
    before = Path.cwd()
    os.chdir(made)
    yield made
    os.chdir(before)
    for file in made.glob("result.*"):
        if file.is_file():
            file.unlink()
        else:
            files.discard_folder(file)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_does_not_lose_the_result(
    outputs: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = files.temporary_file

    @contextmanager
    def full(folder: Path, target: str) -> Iterator[Path]:
        if target.startswith("result."):
            raise OSError(errno.ENOSPC, "No space left on device")
        with usual(folder, target) as file:
            yield file

    monkeypatch.setattr(files, "temporary_file", full)
    result = CliRunner().invoke(app, COMMANDS[name].split())
    assert isinstance(result.exception, WorkError), result.output
    assert "The disk of result." in str(result.exception)
    assert SHOWN[name] in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_has_seen_enough_does_not_lose_the_files(
    outputs: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return False

        def write(self, _: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            pass

    usual = console._write

    def write(text: str) -> None:
        monkeypatch.setattr("sys.stdout", Closed())
        usual(text)

    monkeypatch.setattr(console, "_write", write)
    result = CliRunner().invoke(app, COMMANDS[name].split())
    assert isinstance(result.exception, console.ReaderGone), result.output
    wanted = {word for word in COMMANDS[name].split() if word.startswith("result.")}
    assert {file.name for file in outputs.glob("result.*") if file.is_file()} == wanted
