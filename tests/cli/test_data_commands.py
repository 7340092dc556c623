"""``likewise data``: success, wrong input, what is printed, and exit codes."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.cli.app import main
from likewise.cli.catalogs import beside
from likewise.data import Catalog


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["likewise", "data", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    for position, name in enumerate(f"kind{number:02d}" for number in range(20)):
        for copy in range(2):
            file = tmp_path / "birds" / name / f"{copy}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(2 * position + copy).integers(0, 256, (9, 9, 3), dtype=np.uint8)
            Image.fromarray(noise).save(file)
    return tmp_path / "birds"


def test_prepare_check_fold(
    birds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = birds.parent / "birds.parquet"
    assert run(monkeypatch, "prepare", "folder", birds, "--out", out) == 0
    printed = capsys.readouterr()
    assert [line.split() for line in printed.out.splitlines()] == [
        ["split", "images", "classes"], ["test", "20", "10"], ["train", "20", "10"],
    ]  # fmt: skip
    assert f"search it:  likewise index build MODEL {out} --out birds.index" in printed.err
    assert f"likewise data check {out}" in printed.err
    assert Catalog.read(out).paths[0] == birds / "kind00" / "0.png"
    assert run(monkeypatch, "check", out) == 0
    assert "No issues found." in capsys.readouterr().err
    assert run(monkeypatch, "fold", out, "--folds", 5, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 5 and all(
        (row["train_classes"], row["val_classes"], row["test_classes"]) == (8, 2, 10) for row in rows
    )
    held = [set(Catalog.read(row["catalog"]).select(split="val").labels) for row in rows]
    assert len(set.union(*held)) == 10


def test_prepare_json_and_default_place(
    birds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "prepare", "folder", birds, "--split", "background-bias", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "catalog": str(birds / "catalog.parquet"),
        "images": 40,
        "splits": {
            "test": {"images": 20, "classes": 10},
            "train": {"images": 16, "classes": 8},
            "val": {"images": 4, "classes": 2},
        },
        "notes": [],
    }


def test_prepare_a_table(birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (birds / "list.csv").write_text("file,kind,price\nkind00/0.png,007,2\nkind01/0.png,008,3\n")
    options = ("--path-column", "file", "--label-column", "kind", "--out", birds / "c.csv")
    assert run(monkeypatch, "prepare", "csv", birds / "list.csv", *options) == 0
    catalog = Catalog.read(birds / "c.csv")
    assert catalog.labels.tolist() == ["007", "008"] and catalog.table["price"].tolist() == [2, 3]


def test_check_finds_and_fails(
    birds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "prepare", "folder", birds)
    capsys.readouterr()
    (birds / "kind00" / "0.png").unlink()
    (birds / "kind19" / "0.png").write_bytes((birds / "kind01" / "0.png").read_bytes())
    assert run(monkeypatch, "check", birds / "catalog.parquet", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert [(issue["kind"], issue["ids"]) for issue in found["issues"]] == [
        ("missing_image", ["kind00/0.png"]),
        ("duplicate_across_splits", ["kind01/0.png", "kind19/0.png"]),
    ]
    assert run(monkeypatch, "check", birds / "catalog.parquet") == 1
    table = capsys.readouterr().out
    assert "missing_image" in table and "kind00/0.png" in table
    assert run(monkeypatch, "check", birds / "catalog.parquet", "--split", "test") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["prepare", "folderr", "."], "There is no data set 'folderr': did you mean 'folder'?"),
        (["prepare", "folder", "gone"], "There is no folder gone"),
        (["prepare", "cub200", "gone"], "or add --download"),
        (["prepare", "csv", "gone.csv"], "There is no catalog gone.csv"),
        (["prepare", "csv", "gone.csv", "--download"], "leave out --download"),
        (["check", "gone.parquet"], "There is no catalog gone.parquet"),
        (["fold", "gone.parquet"], "There is no catalog gone.parquet"),
    ],
)
def test_wrong_input_is_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err and printed.err.startswith("likewise: ") and printed.err.count("\n") == 1
    assert printed.out == "" and list(tmp_path.iterdir()) == []


def test_a_catalog_may_lie_elsewhere(
    birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "home" / "c.parquet"
    assert run(monkeypatch, "prepare", "folder", birds, "--out", out) == 0
    assert f"so {out} uses absolute paths" in capsys.readouterr().err
    assert Catalog.read(out).ids[0] == str(birds / "kind00" / "0.png")
    assert run(monkeypatch, "check", out) == 0
    rooted = (birds, "--out", out, "--root", birds)
    assert run(monkeypatch, "prepare", "folder", *rooted) == 0
    assert f"likewise data check {out} --root {birds}" in capsys.readouterr().err
    assert Catalog.read(out, root=birds).ids[0] == "kind00/0.png"
    assert run(monkeypatch, "check", out, "--root", birds) == 0
    assert run(monkeypatch, "check", out) == 1


def test_a_folder_stands_for_a_catalog(
    birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (birds / "notes.txt").touch()
    before = sorted(tmp_path.rglob("*"))
    assert run(monkeypatch, "check", birds, "--json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["images"] == 40
    assert printed.err.count("Left out: 1 file (.txt 1).") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["prepare", "check", "fold"])
def test_help_ends_with_an_example(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert f"likewise data {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "expected"),
    [("birds.csv", "birds-x.csv"), ("a/birds.parquet", "a/birds-x.parquet"), ("birds.xlsx", "birds-x.parquet"),
     ("photos", "photos-x.parquet")],
)  # fmt: skip
def test_new_catalogs_lie_beside_the_given_one(
    given: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    assert beside(Path(given), "-x") == Path(expected)
    monkeypatch.chdir(tmp_path / "photos")
    assert beside(Path(), "-x") == tmp_path / "photos-x.parquet"


def test_a_folder_that_cannot_be_read_leaves_the_work_unfinished(
    birds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = os.scandir

    def scandir(path: str) -> object:  # root may read everything, so the refusal is made here
        if str(path).endswith("kind07"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for options in ([], ["--json"]):
        assert run(monkeypatch, "prepare", "folder", birds, *options) == 3
        printed = capsys.readouterr().err
        assert "1 folder that cannot be read ('kind07': Permission denied)" in printed
        assert "Images may be missing" in printed
