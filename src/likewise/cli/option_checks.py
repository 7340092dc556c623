"""Checks of all options: empty paths, invalid file names, numbers out of range."""

import math
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.models import ArgumentInfo, ParameterInfo

from likewise.bounds import MOST
from likewise.errors import ConfigError, InputError, choices
from likewise.files import near_file
from likewise.missing_inputs import require_catalog_path, require_index, require_model_path

if TYPE_CHECKING:
    from likewise.explain import SaliencySettings

_WRITTEN = ("out", "sheet", "tables", "junit", "summary", "badge")
_REPLACING = ("prepare_catalog", "make")  # of catalogs: masks are a further column
NAME_OF_MODEL = re.compile(r"\w{2,}:")  # such as timm:NAME; a single letter is a drive
_at_once: ContextVar[bool] = ContextVar("likewise_inputs_first", default=False)
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


def spare_inputs(app: typer.Typer) -> None:
    """Let no command of ``app`` and its groups write over a file that it reads; a catalog may replace itself."""
    for command in app.registered_commands:
        if command.callback is not None and command.callback.__name__ not in _REPLACING:
            command.callback = _sparing(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            spare_inputs(group.typer_instance)


def require_inputs(app: typer.Typer) -> None:
    """Let the commands of ``app`` and its groups refuse a missing index, catalog or model before they load anything.

    They do so inside :func:`inputs_first`; elsewhere what they call refuses them.
    """
    for command in app.registered_commands:
        if command.callback is not None and (looked_up := _looked_up(command.callback)):
            command.callback = _requiring(command.callback, looked_up)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            require_inputs(group.typer_instance)


@contextmanager
def inputs_first() -> Iterator[None]:
    """Commands look for their inputs before anything else in the block."""
    token = _at_once.set(True)
    try:
        yield
    finally:
        _at_once.reset(token)


def _looked_up(command: Callable[..., Any]) -> dict[str, Callable[[str], None]]:
    """Arguments of a command that are an index, a catalog or models, and what looks for each."""
    hints = typing.get_type_hints(command, include_extras=True)
    arguments = {
        name: info.metavar
        for name, hint in hints.items()
        for info in getattr(hint, "__metadata__", ())
        if isinstance(info, ArgumentInfo)
    }
    return {name: _LOOK[metavar] for name, metavar in arguments.items() if metavar in _LOOK}


def _requiring(
    command: Callable[..., Any], looked_up: Mapping[str, Callable[[str], None]]
) -> Callable[..., Any]:
    @wraps(command)
    def call(*args: Any, **values: Any) -> Any:
        for name, look in looked_up.items() if _at_once.get() else ():
            value = values.get(name)
            for each in value if isinstance(value, list | tuple) else [] if value is None else [value]:
                look(str(each))
        return command(*args, **values)

    return call


def _look_for_catalog(text: str) -> None:
    if not NAME_OF_MODEL.match(text):  # another sentence says that the order is wrong
        require_catalog_path(Path(text))


_LOOK = {"INDEX": require_index, "CATALOG": _look_for_catalog, "MODEL": require_model_path}


def _sparing(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def call(*args: Any, **values: Any) -> Any:
        written = [
            (name, Path(values[name])) for name in _WRITTEN if isinstance(values.get(name), str | Path)
        ]
        read = [each for name, value in values.items() if name not in _WRITTEN for each in _paths(value)]
        for name, path in written:
            if path.is_file() and any(each.is_file() and each.samefile(path) for each in read):
                raise ConfigError(f"--{name} {path} is a file that the command reads: give another name.")
        writers: dict[Path, str] = {}
        for name, path in written:
            first = writers.setdefault(path.absolute(), name)
            if first != name:
                raise ConfigError(f"--{first} and --{name} both write {path}: give each a name of its own.")
        return command(*args, **values)

    return call


def _paths(value: Any) -> list[Path]:
    each = value if isinstance(value, list | tuple) else [value]
    return [
        Path(item)
        for item in each
        if isinstance(item, Path) or (isinstance(item, str) and len(item) < _LONGEST_NAME)
    ]


def known_word(option: str, word: str, words: Iterable[str]) -> None:
    """Refuse a word that the option does not have.

    Raises:
        ConfigError: It is another word; names the nearest, or all.
    """
    if word not in words:
        raise ConfigError(f"{option} cannot be {word!r}: {choices(word, words)}")


def input_file(what: str) -> Callable[[Path | None], Path | None]:
    """A callback that refuses a missing file before the command loads anything."""

    def check(path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise InputError(f"There is no {what} {path}: {near_file(path)}")
        return path

    return check


def photo_folder(folder: Path | None) -> Path | None:
    """A callback that refuses a folder without photos before the command loads anything."""
    if folder is not None:
        from likewise.data.folder_scan import photo_files

        photo_files(folder)
    return folder


def saliency_settings(**values: Any) -> "SaliencySettings":
    """Settings of saliency maps from the options of the same names.

    Raises:
        ConfigError: There is no such word, or a number is out of range; names the option.
    """
    from pydantic import ValidationError

    from likewise.explain import SaliencySettings
    from likewise.validation_errors import sentence

    for name, value in values.items():
        annotation = SaliencySettings.model_fields[name].annotation
        words = {
            *typing.get_args(annotation),
            *(w for p in typing.get_args(annotation) for w in typing.get_args(p)),
        }
        if isinstance(value, str):
            known_word(f"--{name}", value, [word for word in words if isinstance(word, str)])
    try:
        return SaliencySettings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sentence(error, SaliencySettings, f"--{error.errors()[0]['loc'][0]}")) from error


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
