"""No command writes its result over a file that it reads."""

import shutil
from pathlib import Path

import pytest
from walking_world import WORKS, make_world

from likewise.cli.app import _run

CASES = {
    "eval": ["run", "catalog.csv", "--out", "catalog.csv"],
    "search": ["x.index", "photos/a/0.png", "--sheet", "photos/a/0.png"],
    "search with a link": ["x.index", "photos/a/0.png", "--sheet", "link.png"],
    "explain": ["run", "photos/a/0.png", "photos/a/1.png", "--out", "./photos/../photos/a/1.png"],
    "audit properties": ["run", "catalog.csv", "--out", "catalog.csv"],
    "report": ["result/report.json", "--out", "result/report.json"],
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    world = make_world(tmp_path / "world")
    (world / "link.png").symlink_to(world / "photos/a/0.png")
    before = {
        file: file.read_bytes() for file in world.rglob("*") if file.is_file() and "index" not in str(file)
    }
    monkeypatch.chdir(world)
    monkeypatch.setattr("sys.argv", ["likewise", *case.partition(" with")[0].split(), *CASES[case]])
    assert _run() == 2
    assert "Traceback" not in capsys.readouterr().err
    assert {file: file.read_bytes() for file in before} == before


def test_a_catalog_may_replace_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(tmp_path / "world")
    monkeypatch.chdir(world)
    shutil.copy("catalog.csv", "photos.csv")
    assert WORKS["data prepare"]
    monkeypatch.setattr(
        "sys.argv", ["likewise", "data", "prepare", "table", "photos.csv", "--out", "photos.csv"]
    )
    assert _run() == 0
