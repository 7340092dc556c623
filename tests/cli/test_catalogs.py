"""Every command that takes a CATALOG takes every kind of one, through one function, and has --root."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import typer
from PIL import Image

import likewise.cli
from likewise.cli.app import app, main

SOURCE = Path(likewise.cli.__file__).parent


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, (*words, name))
    if not hasattr(command, "commands"):
        yield " ".join(words), command


COMMANDS = {
    words: command
    for words, command in _commands(typer.main.get_command(app))
    if any(parameter.name == "catalog" for parameter in command.params)
}


def test_there_are_such_commands() -> None:
    assert {"embed", "eval", "index build", "data check", "audit background"} <= set(COMMANDS)


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_with_a_catalog_has_a_root(words: str) -> None:
    assert "--root" in {name for parameter in COMMANDS[words].params for name in parameter.opts}


def test_one_function_reads_the_catalogs_of_all_commands() -> None:
    readers = [path.name for path in SOURCE.glob("*.py") if re.search(r"Catalog\.read\(", path.read_text())]
    assert readers == ["catalogs.py"]


@pytest.fixture
def kinds(tmp_path: Path) -> dict[str, list[str]]:
    """Arguments for the same four images as every kind of catalog."""
    rows = []
    for label in ("crow", "wren"):
        for number in (1, 2):
            file = tmp_path / "photos" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((9, 9), 60 + number).convert("RGB").save(file)
            rows.append((f"{label}/{number}.png", label))
    lists = tmp_path / "lists"
    lists.mkdir()
    text = "path;label\n" + "".join(f"{path};{label}\n" for path, label in rows)
    (lists / "a.csv").write_bytes(text.encode("utf-16"))
    (lists / "a.tsv").write_text(text.replace(";", "\t"))
    (lists / "a.jsonl").write_text(
        "".join(json.dumps({"path": path, "label": name}) + "\n" for path, name in rows)
    )
    (lists / "abs.csv").write_text(text.replace("\n", f"\n{tmp_path}/photos/").rsplit("\n", 1)[0] + "\n")
    (lists / "windows.csv").write_text(text.replace("/", "\\"))
    book = openpyxl.Workbook()
    for row in [("path", "label"), *rows]:
        book.active.append(row)
    book.save(lists / "a.xlsx")
    rooted = ["--root", str(tmp_path / "photos")]
    return {
        "folder": [str(tmp_path / "photos")],
        "absolute": [str(lists / "abs.csv")],
        **{
            name: [str(lists / name), *rooted]
            for name in ("a.csv", "a.tsv", "a.jsonl", "a.xlsx", "windows.csv")
        },
    }


@pytest.mark.parametrize("kind", ["folder", "absolute", "a.csv", "a.tsv", "a.jsonl", "a.xlsx", "windows.csv"])
def test_every_kind_of_catalog(
    kind: str,
    kinds: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["likewise", "data", "check", *kinds[kind], "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    found = json.loads(capsys.readouterr().out)
    assert (stop.value.code, found["images"], found["classes"], found["issues"]) == (0, 4, 2, [])
