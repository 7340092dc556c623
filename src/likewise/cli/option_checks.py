"""Checks of all options: empty paths, invalid file names, numbers out of range."""

import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.models import ParameterInfo

from likewise.bounds import MOST

_LONGEST_NAME = 255  # bytes of a file name, on all usual file systems


def check_values(app: typer.Typer) -> None:
    """Give every path and number among the parameters of ``app`` and its groups the checks of this module."""
    for info, annotation in _parameters(app):
        kinds = {annotation, *typing.get_args(annotation)}
        kinds |= {kind for each in kinds for kind in typing.get_args(each)}
        if Path in kinds and info.parser is None:
            info.parser, info.metavar = path_of, info.metavar or "PATH"
        elif {int, float} & kinds and info.callback is None:
            info.callback = _usable


def path_of(text: str) -> Path:
    """A path from the command line.

    Raises:
        typer.BadParameter: It is empty, or a part of it is longer than a file name can be.
    """
    if not str(text).strip():
        raise typer.BadParameter("the path is empty: write . for this folder.")
    part = max(Path(text).parts, key=lambda name: len(_bytes(name)), default="")
    if len(_bytes(part)) > _LONGEST_NAME:
        raise typer.BadParameter(
            f"the name {part[:20]}... has {len(_bytes(part))} bytes, and file names have at most {_LONGEST_NAME}: "
            "shorten it."
        )
    return Path(text)


def _usable(value: Any) -> Any:
    for number in value if isinstance(value, list | tuple) else [value]:
        if isinstance(number, float) and not math.isfinite(number):
            raise typer.BadParameter(f"{number} is not a number: write digits.")
        if isinstance(number, int) and number > MOST:
            raise typer.BadParameter(f"{number} is too large: at most {MOST}.")
    return value


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def _parameters(app: typer.Typer) -> Iterator[tuple[ParameterInfo, Any]]:
    for command in app.registered_commands:
        hints = typing.get_type_hints(command.callback, include_extras=True)
        for hint in hints.values():
            for info in getattr(hint, "__metadata__", ()):
                if isinstance(info, ParameterInfo):
                    yield info, hint.__origin__
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _parameters(group.typer_instance)
