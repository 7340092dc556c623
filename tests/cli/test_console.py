"""What commands print is inert and never ends them: hostile labels and names in every command that prints them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.cli.console import print_table
from likewise.data import Catalog, Preprocessing
from likewise.models import ModelSpec, build

HOSTILE = (
    "[/nope]", "[old] shoes", "[bold red]sale[/]", ":cat: food", "[link=http://x]y[/link]", "\x1b]0;owned\x07title",
    "\x1b[31mred", "\x9b31mred", "\u202egnp.exe", "a\\b", "{x} %s", "猫 🐈", "=cmd|' /C calc'!A0", "back\x08space",
)  # fmt: skip
ACTIVE = {*(chr(code) for code in (*range(9), *range(0xB, 0x20), *range(0x7F, 0xA0))), "\u202e"}


def test_a_long_label_leaves_a_table_readable(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id", "label"], [["a.jpg", "x" * 80_000], ["b.jpg", "wren"]])
    lines = capsys.readouterr().out.splitlines()
    assert "(79,800 characters)" in lines[1] and max(map(len, lines)) < 300


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, stripes_catalog: Path) -> Path:
    """A model, a catalog whose labels and properties are hostile, one broken image in it, and an index."""
    root = tmp_path_factory.mktemp("hostile")
    spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    build(spec).save(root / "model")
    rows = []
    for number, label in enumerate(HOSTILE):
        for copy in range(2):
            name = f"{label.replace('/', '_').replace(chr(0), '')}-{copy}.png"
            source = stripes_catalog.parent / f"{number % 9}-{copy}.png"
            (root / name).write_bytes(source.read_bytes())
            rows.append({"path": name, "label": label, "split": "test", "brand": label,
                         "bought": pd.Timestamp("2024-05-06"), "price": 1.5 if copy else float("nan")})  # fmt: skip
    table = pd.DataFrame(rows)
    Catalog.from_table(table, root).write(root / "good.parquet")
    (root / "bro[ken]\x1b[31m.png").write_bytes(b"\x89PNG\r\n\x1a\n no image")
    broken = pd.DataFrame([{"path": "bro[ken]\x1b[31m.png", "label": HOSTILE[0], "split": "test"}])
    Catalog.from_table(pd.concat([table, broken]), root).write(root / "catalog.parquet")
    built = invoke(
        "index", "build", root / "model", root / "good.parquet", "--out", root / "i.index", "--workers", 0
    )
    assert built.exit_code == 0, built.output
    return root


def invoke(*arguments: object):
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


COMMANDS = {
    "search": (["search", "{root}/i.index", "{root}/{image}", "-k", "40"], 0),
    "eval": (["eval", "{root}/model", "{root}/good.parquet", "--per-class", "--workers", "0"], 0),
    "info": (["index", "info", "{root}/i.index"], 0),
    "check": (["data", "check", "{root}/catalog.parquet"], 1),
    "embed": (["embed", "{root}/model", "{root}/catalog.parquet", "--out", "{out}/e.npz", "--workers", "0"], 3),
    "build": (["index", "build", "{root}/model", "{root}/catalog.parquet", "--out", "{out}/i", "--workers", "0"], 3),
    "explain": (["explain", "{root}/model", "{root}/{image}", "{root}/{image}", "--no-check"], 0),
    "properties": (["audit", "properties", "{root}/model", "{root}/good.parquet", "--permutations", "19"], 0),
}  # fmt: skip


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("command", COMMANDS)
def test_labels_and_names_are_printed_as_they_are_or_by_their_codes(
    world: Path, tmp_path: Path, command: str, as_json: bool
) -> None:
    words, code = COMMANDS[command]
    image = "[old] shoes-0.png"
    filled = [word.format(root=world, out=tmp_path, image=image) for word in words]
    result = invoke(*filled, *(["--json"] if as_json else []))
    assert result.exit_code == code, result.output
    assert not ACTIVE & set(result.stdout + result.stderr)
    if as_json:
        json.loads(result.stdout, parse_constant=pytest.fail)
    if command == "search" and not as_json:
        for shown in ("[/nope]", "[old] shoes", "[bold red]sale[/]", ":cat: food", "猫 🐈", r"\x1b[31mred"):
            assert shown in result.stdout, shown
    if command in ("embed", "build"):
        assert "bro[ken]" in result.stderr, "failures are listed on stderr"
        assert ("bro[ken]" in result.stdout) == as_json


def test_dates_of_a_catalog_come_as_text_and_missing_numbers_as_null(world: Path) -> None:
    found = json.loads(invoke("search", world / "i.index", world / "[old] shoes-0.png", "--json").stdout)
    properties = [hit["properties"] for hit in found["hits"]]
    assert {str(one["bought"])[:10] for one in properties} == {"2024-05-06"}
    assert {one["price"] for one in properties} == {None, 1.5}


def process(*arguments: object, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own; ``shell`` is put behind it (redirections)."""
    words = [sys.executable, "-m", "likewise", *map(str, arguments)]
    line = " ".join(f"'{word}'" for word in words) + shell
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, env={**os.environ, **environment}, check=False
    )


# `data check` prints labels and is quick; what it shares with every other command is cli/console.py.
@pytest.mark.parametrize(("encoding", "form"), [("cp1252", ["--json"]), ("ascii", ["--json"]), ("ascii", [])])
def test_an_encoding_that_lacks_the_characters(
    encoding: str, form: list[str], tmp_path: Path, stripes_catalog: Path
) -> None:
    labels = ["猫 🐈", "猫  🐈"]
    paths = [str(stripes_catalog.parent / f"0-{number}.png") for number in range(2)]
    pd.DataFrame({"path": paths, "label": labels}).to_csv(tmp_path / "alike.csv", index=False)
    done = process("data", "check", tmp_path / "alike.csv", *form, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    printed = done.stdout.decode(encoding)
    if form:
        assert set(json.loads(printed)["issues"][0]["ids"]) == set(labels)
    else:
        assert "labels_alike" in printed and r"\u732b \U0001f408" in printed


def test_a_locale_that_lacks_the_characters(world: Path) -> None:
    done = process(
        "search", world / "i.index", world / "[old] shoes-0.png", "-k", 40,
        LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0",
    )  # fmt: skip
    if b"PYTHONUTF8=1" in done.stderr:
        assert done.returncode == 2  # the names of the files cannot be written in this locale, and it is said
    else:
        assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


# `keys list` prints a table and JSON and is quick.
@pytest.mark.parametrize(
    ("shell", "code", "words", "form"),
    [
        (" >/dev/full", 3, b"standard output failed (No space left on device)", []),
        (" >/dev/full", 3, b"standard output failed (No space left on device)", ["--json"]),
        (" >&-", 0, b"", ["--json"]),
        (" 2>&-", 0, b"", []),
        (" >&- 2>&- <&-", 0, b"", []),
        (" | true; exit ${PIPESTATUS[0]}", 3, b"", ["--json"]),
    ],
)
def test_an_output_that_is_full_or_closed(
    shell: str, code: int, words: bytes, form: list[str], tmp_path: Path
) -> None:
    invoke("keys", "new", "shop", "--keys", tmp_path / "keys.json")
    slow_reader = shell.replace("| true", "| sleep 0") if "true" in shell else shell
    done = process("keys", "list", "--keys", tmp_path / "keys.json", *form, shell=slow_reader)
    assert done.returncode in ({code, 0} if "sleep" in slow_reader else {code}), done.stderr
    assert words in done.stderr
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


def test_a_title_longer_than_the_terminal_is_one_line_in_a_pipe(world: Path, tmp_path: Path) -> None:
    image = tmp_path / f"{'long ' * 30}.png"
    Image.new("RGB", (40, 40)).save(image)
    shown = invoke("search", world / "i.index", image)
    assert f"{image}: 28 images searched" in shown.stdout.splitlines()
