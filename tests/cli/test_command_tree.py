"""Every command takes its arguments in one order, and names and describes its options like all others."""

import inspect
import re
import typing
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.models import ParameterInfo

from likewise.cli.app import app

# Options that one word names although commands describe them in their own way: places to write, and what a command
# does differently with the same thing.
SAME_NAME = {
    "--out", "--root", "--split", "--sheet", "--method", "--workers", "--weights", "--preprocessing", "--where",
    "--model", "--backgrounds", "--distance", "--batch-size", "--text", "--images", "--dim", "--threshold",
    "--runtime",
}  # fmt: skip
# What these say is about the images; the model only helps, and may be left out.
ABOUT_DATA = ("data duplicates", "data suspects", "data map")
SINGULAR = ("--loss", "--class", "--trained-as", "--weights")  # end with s, and name one value


def leaves(group: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with its function."""
    for command in group.registered_commands:
        name = command.name or command.callback.__name__.replace("_", "-")
        yield " ".join((*words, name)), command.callback
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from leaves(below.typer_instance, (*words, str(below.name)))


COMMANDS = dict(leaves(app))
PARSED: dict[str, Any] = {}


def _parse(command: Any, words: tuple[str, ...] = ()) -> None:
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            _parse(below, (*words, name))
    else:
        PARSED[" ".join(words)] = command


_parse(typer.main.get_command(app))


def arguments(command: str) -> list[Any]:
    return [each for each in PARSED[command].params if each.param_type_name == "argument"]


def options(command: str) -> list[Any]:
    return [each for each in PARSED[command].params if each.param_type_name == "option"]


def test_both_walks_find_the_same_commands() -> None:
    assert set(COMMANDS) == set(PARSED) and len(COMMANDS) > 25


@pytest.mark.parametrize("command", PARSED)
def test_models_stand_before_images(command: str) -> None:
    names = [str(each.metavar) for each in arguments(command)]
    if command in ABOUT_DATA:
        assert names[0] == "CATALOG" and names[1].strip("[]") == "MODEL"
        return
    assert "MODEL" not in names[1:]
    if "CATALOG" in names:
        assert names[names.index("CATALOG") + 1 :] == (["NAME"] if command == "audit run" else [])
    # These know the model from the index; `masks make` takes a model that segments.
    if command not in ("search", "index add", "index sync", "serve", "masks make"):
        assert "--model" not in {name for option in options(command) for name in option.opts}
    assert "--catalog" not in {name for option in options(command) for name in option.opts}


@pytest.mark.parametrize("command", PARSED)
def test_a_long_option_says_what_it_is_for(command: str) -> None:
    for parameter in PARSED[command].params:
        text = parameter.help or ""
        assert text[:1].isupper() or text.startswith("likewise"), f"{command} {parameter.opts}: {text!r}"
        assert text.endswith("."), f"{command} {parameter.opts}: {text!r}"
        assert not any(word in text for word in ("commas", "e.g.", "[default")), f"{parameter.opts}: {text!r}"


@pytest.mark.parametrize("command", PARSED)
def test_lists_are_repeated_options_in_the_singular(command: str) -> None:
    for option in options(command):
        if option.multiple:
            assert option.opts[0] in SINGULAR or not option.opts[0].endswith("s"), (
                f"{command} {option.opts} is repeated: name one value"
            )
            assert "epeatable" in option.help, f"{command} {option.opts}"


def test_no_command_splits_a_value_at_commas() -> None:
    import likewise.cli

    for file in Path(likewise.cli.__file__).parent.glob("*.py"):
        assert 'split(",")' not in file.read_text(encoding="utf-8"), file.name


@pytest.mark.parametrize("command", PARSED)
def test_what_is_on_by_default_can_be_turned_off(command: str) -> None:
    """A flag that is off has one form, a flag that is on or undecided has --no-."""
    for option in options(command):
        if option.is_flag and option.name != "help":
            if option.default is False:
                assert not option.secondary_opts, f"{command} {option.opts}"
            else:
                (name,), (off,) = option.opts, option.secondary_opts
                assert off == f"--no-{name.removeprefix('--')}"


def test_an_option_is_the_same_thing_in_every_command() -> None:
    helps: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for command in PARSED:
        for option in options(command):
            helps[option.opts[0]][option.help].append(command)
    several = {name: dict(found) for name, found in helps.items() if len(found) > 1 and name not in SAME_NAME}
    assert not several


def test_what_commands_share_is_declared_once() -> None:
    declared: dict[str, set[int]] = defaultdict(set)
    for callback in COMMANDS.values():
        for name, hint in typing.get_type_hints(inspect.unwrap(callback), include_extras=True).items():
            for info in getattr(hint, "__metadata__", ()):
                if isinstance(info, ParameterInfo):
                    declared[f"{name}: {info.help}"].add(id(info))
    assert not {text for text, found in declared.items() if len(found) > 1}


@pytest.mark.parametrize("command", PARSED)
def test_help_says_what_the_command_does_and_shows_one_that_exists(command: str) -> None:
    text = inspect.cleandoc(PARSED[command].help)
    first = text.split("\n\n", maxsplit=1)[0]
    assert first[0].isupper() and first.endswith("."), first
    examples = [line.split() for line in re.findall(r"likewise ([^`\n]+)", text.partition("xample")[2])]
    assert any(" ".join(words).startswith(command.removesuffix(" make")) for words in examples), text
    for words in examples:
        name = next((name for name in PARSED if " ".join(words).startswith(f"{name} ")), "masks make")
        name = command if " ".join(words).startswith(command) else name
        known = {spelling for each in PARSED[name].params for spelling in (*each.opts, *each.secondary_opts)}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, words
