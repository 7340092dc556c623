"""Every option and argument of every command: what is wrong is refused with one sentence, and nothing is written."""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from walking_values import BAD, FREE, OF_COMMAND
from walking_world import CANNOT_WORK_HERE, WORKS, leaves, make_world

from likewise.cli.app import _run, app

THIRDS = 3
_SECONDS = 60  # after which a command counts as hanging


COMMANDS: dict[str, Any] = dict(leaves(typer.main.get_command(app)))


def name_of(parameter: Any) -> str:
    """``--batch-size`` for an option with several spellings, ``model`` for an argument."""
    return next((name for name in parameter.opts if name.startswith("--")), str(parameter.opts[0]))


ROWS = [
    (command, name_of(parameter))
    for command, found in COMMANDS.items()
    for parameter in found.params
    if name_of(parameter) != "--help"
]
WALKED = [row for row in ROWS if row[1] not in FREE]


def values_for(command: str, parameter: str) -> list[str] | None:
    return OF_COMMAND.get(command, {}).get(parameter, BAD.get(parameter))


def walked_values(command: str, parameter: str) -> list[str]:
    """All bad values of a parameter that few commands have; a third of them, another one per command, of the others.

    What many commands take is checked by the code they share. All values with  make fuzz  (LIKEWISE_FUZZ=1).
    """
    values = values_for(command, parameter) or []
    sharing = [name for name, other in WALKED if other == parameter and values_for(name, other) == values]
    if len(sharing) < THIRDS or os.environ.get("LIKEWISE_FUZZ"):
        return values
    return values[sharing.index(command) % THIRDS :: THIRDS]


def test_every_value_is_walked() -> None:
    walked = {(parameter, value) for row in WALKED for parameter in row[1:] for value in walked_values(*row)}
    assert walked == {(row[1], value) for row in WALKED for value in values_for(*row) or []}


def test_every_command_and_option_has_bad_values() -> None:
    assert set(COMMANDS) == set(WORKS) == set(OF_COMMAND)
    assert [row for row in WALKED if values_for(*row) is None] == []
    flags = {
        name_of(parameter) for found in COMMANDS.values() for parameter in found.params
        if getattr(parameter, "is_flag", False)
    }  # fmt: skip
    assert set(FREE) <= flags
    used = {parameter for _, parameter in ROWS}
    assert set(BAD) | set(FREE) <= used and all(set(names) <= used for names in OF_COMMAND.values())


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("walking") / "pristine")


@pytest.fixture
def world(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The world anew, as the current folder."""
    folder = tmp_path / "world"
    shutil.copytree(pristine, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cache" / "configuration"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


def called_with(command: str, parameter: str, value: str) -> list[str]:
    """Words of the command that work, but for one value."""
    words = list(WORKS[command])
    found = next(each for each in COMMANDS[command].params if name_of(each) == parameter)
    if not parameter.startswith("-"):
        arguments = [each.name for each in COMMANDS[command].params if not each.opts[0].startswith("-")]
        given = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
        positional, options = words[:given], words[given:]
        positional[arguments.index(parameter)] = value
        return [*command.split(), *options, "--", *positional]
    for spelling in found.opts:
        if spelling in words:
            at = words.index(spelling)
            del words[at : at + 2]
    if parameter in ("--image-dir", "--path-column", "--label-column") and command == "data prepare":
        words = ["table", "catalog.csv", "--out", "prepared.csv"]
    if parameter == "--node":
        words = ["run", "catalog.csv", "--out", "why.png"]
    return [
        *command.split(),
        *words,
        *([f"{parameter}={value}"] if parameter[1] == "-" else [parameter, value]),
    ]


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    found = (
        (path, path.lstat()) for path in folder.rglob("*") if not path.is_dir() or not any(path.iterdir())
    )
    return {str(path.relative_to(folder)): (about.st_size, about.st_mtime_ns) for path, about in found}


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code; a command that hangs fails."""

    def hangs(*_: object) -> None:
        raise AssertionError(f"{words} hangs")

    monkeypatch.setattr(sys, "argv", ["likewise", *words])
    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(_SECONDS)
    try:
        return _run()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("command", sorted(set(WORKS) - CANNOT_WORK_HERE - {"export", "data check"}))
def test_the_words_work(command: str, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a refusal would say nothing about the value."""
    assert run([*command.split(), *WORKS[command]], monkeypatch) == 0


@pytest.mark.parametrize(("command", "parameter"), WALKED)
def test_a_bad_value_is_refused_in_a_sentence(
    command: str,
    parameter: str,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = contents(world)
    for value in walked_values(command, parameter):
        code = run(called_with(command, parameter, value), monkeypatch)
        told = capsys.readouterr().err
        shown = f"{command} {parameter}={value[:80]!r} ended with {code}: {told[-1500:]}"
        assert "Traceback" not in told and "fault of likewise" not in told, shown
        assert code == 2, shown
        assert contents(world) == before, shown
        if "Usage:" not in told:  # a value of the wrong type is refused by typer, in its own form
            sentences = [line for line in told.splitlines() if line.startswith("likewise: ")]
            assert len(sentences) == 1 and told.rstrip().endswith(sentences[0]), shown
            assert len(sentences[0]) < 2000 and not {"\x1b", "\x07", "\u202e"} & set(told), shown
    assert {path.name for path in world.parent.iterdir()} <= {"world", "cache"}
