"""A value of thousands of characters, wherever it stands on the command line, is not repeated whole in the refusal."""

from pathlib import Path

import pytest
from PIL import Image
from walking_world import make_world

from likewise.cli.app import _run

LONG = "begin" + "x" * 9000 + "end"
COMMANDS = {
    "a path": ["search", LONG, "photos/a/0.png"],
    "an output": ["embed", "run", "catalog.csv", "--out", f"{LONG}.npz"],
    "a number": ["embed", "run", "catalog.csv", "--out", "e.npz", "--batch-size", LONG],
    "an option": ["embed", "run", "catalog.csv", f"--{LONG}", "3"],
    "a command": [LONG],
    "a word": ["saliency", "run", "catalog.csv", "--out", "maps", "--method", LONG],
    "a split": ["eval", "run", "catalog.csv", "--split", LONG],
    "a condition": ["search", "x.index", "photos/a/0.png", "--where", f"{LONG} = 1"],
    "a metric": ["eval", "run", "catalog.csv", "--metric", LONG],
    "an override": ["train", "catalog/contrastive", "-o", f"{LONG}=1"],
    "a value of one": ["train", "catalog/contrastive", "-o", f"sampler.batch_size={LONG}"],
    "a name of a loss": ["train", "catalog/contrastive", "-o", f"loss.name={LONG}"],
    "a model": ["embed", f"timm:{LONG}", "catalog.csv", "--out", "e.npz"],
    "a threshold": ["eval", "run", "catalog.csv", "--fail-under", f"{LONG}=0.5"],
    "a device": ["embed", "run", "catalog.csv", "--out", "e.npz", "--device", LONG],
    "a column": ["data", "prepare", "table", "catalog.csv", "--out", "t.csv", "--label-column", LONG],
    "a property": ["audit", "properties", "run", "catalog.csv", "--property", LONG],
    "an id": ["index", "remove", "x.index", LONG],
    "code": ["--trust", LONG, "doctor"],
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("long") / "world")


@pytest.mark.parametrize("place", COMMANDS)
def test_the_refusal_is_short(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    monkeypatch.chdir(world)
    monkeypatch.setattr("sys.argv", ["likewise", *COMMANDS[place]])
    code = _run()
    said = capsys.readouterr().err
    assert code == 2 and "Traceback" not in said
    assert (
        ("begin" in said or place in ("a number", "an id"))
        and "x" * 400 not in said.replace("\n", "")
        and len(said) < 3000
    ), said[:3000]


def test_damaged_metadata_is_not_reported(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    (world / "exif").mkdir()
    with Image.open(next((world / "photos").rglob("*.png"))) as image:
        damaged = b"Exif\0\0II*\x00\xff\xff\xff\xff" + b"\xff" * 40
        image.convert("RGB").save(world / "exif" / "a.jpg", exif=damaged)
    monkeypatch.setattr("sys.argv", ["likewise", "embed", "run", "exif", "--out", "exif.npz"])
    assert _run() == 0
    assert "EXIF" not in capsys.readouterr().err


def test_a_long_cell_of_a_table_and_a_long_value_of_yaml(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    (world / "long.csv").write_text(f"path,label,{LONG}\nphotos/a/0.png,a,1\nphotos/a/0.png,a,2\n")
    (world / "long.yaml").write_text(f"name: [{LONG}]\n")
    (world / "names.csv").write_text(f"path,label\n{LONG}.png,a\n")
    for words in ("data check long.csv", "train long.yaml", "embed run names.csv --out e.npz"):
        monkeypatch.setattr("sys.argv", ["likewise", *words.split()])
        assert _run() in (2, 3)
        said = capsys.readouterr().err
        assert "x" * 400 not in said and len(said) < 2000, said[:3000]
