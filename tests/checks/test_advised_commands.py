"""The commands that checks advise exist, with their options and presets."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import likewise.checks
from likewise.cli.app import app
from likewise.training import resolve

FOLDER = Path(likewise.checks.__file__).parent


def texts(file: Path) -> Iterator[str]:
    """All string literals of a file; values inside are 1."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


COMMANDS = sorted({
    command
    for file in FOLDER.glob("*.py") for text in texts(file) for command in re.findall(r"`(likewise [^`]+)`", text)
})  # fmt: skip


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("command", COMMANDS)
def test_an_advised_command_exists(command: str) -> None:
    _, *words = shlex.split(command)
    whole: Any = typer.main.get_command(app)
    entry = whole
    while words and words[0] in getattr(entry, "commands", {}):
        entry = entry.commands[words.pop(0)]
    assert entry is not whole
    # The first command of the group masks needs no name.
    commands = [entry, *getattr(entry, "commands", {}).values()]
    options = {name for each in commands for param in each.params for name in param.opts}
    assert {word for word in words if word.startswith("-")} <= options


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("likewise train")])
def test_an_advised_training_has_a_preset_and_settings(command: str) -> None:
    _, _, preset, *words = shlex.split(command)
    resolve(preset, [word for word in words if word != "-o"])
