"""The models of a command: short names for its results, and options that belong to one of several models."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from likewise.cli.option_checks import input_file
from likewise.errors import ConfigError, choices

if TYPE_CHECKING:
    from likewise.models import SimilarityModel

_HAVE_WEIGHTS = ("likewise", "onnx", "hf", "http", "https", "vectors")


def named_model(
    model: str, weights: Path | None, device: str | None, preprocessing: str | None
) -> "SimilarityModel":
    """Load the one model of a command under its short name, which its page shows."""
    from likewise.models import load

    loaded = load(model, weights, device, preprocessing=preprocessing)
    (loaded.name,) = short_names([model])
    return loaded


def named_models(
    models: Sequence[str],
    names: Sequence[str] | None = None,
    weights: Sequence[str] | None = None,
    preprocessing: Sequence[str] | None = None,
    device: str | None = None,
) -> "list[SimilarityModel]":
    """Load the models of a command, each under its short name or the one it was given.

    Raises:
        ConfigError: An option names no model of the command, or it is not clear which model it is for.
        ModelError: A model cannot be loaded.
    """
    return [make() for make in model_loaders(models, names, weights, preprocessing, device)]


def model_loaders(
    models: Sequence[str],
    names: Sequence[str] | None = None,
    weights: Sequence[str] | None = None,
    preprocessing: Sequence[str] | None = None,
    device: str | None = None,
) -> "list[Callable[[], SimilarityModel]]":
    """As :func:`named_models`, to load one after the other; options are checked before the first is loaded."""
    called = short_names(models, names)
    aliases = [*zip(models, short_names(models), called, strict=True)]
    files = per_model("--weights", aliases, weights, [_takes_weights(name) for name in models])
    for file in filter(None, files):
        input_file("weights file")(Path(file))
    prepared = per_model(
        "--preprocessing", aliases, preprocessing, [not _is_run(name) for name in models], shared=True
    )

    def loader(number: int) -> "SimilarityModel":
        from likewise.models import load

        file = files[number]
        model = load(
            models[number], None if file is None else Path(file), device, preprocessing=prepared[number]
        )
        model.name = called[number]
        return model

    return [lambda number=number: loader(number) for number in range(len(models))]  # type: ignore[misc]


def short_names(models: Sequence[str], names: Sequence[str] | None = None) -> list[str]:
    """Distinct names of the models: the folder of a Run, the stem of a file, a timm name, or an address.

    Raises:
        ConfigError: Another number of ``names`` than of models, an empty name, or one name twice.
    """
    if names:
        if len(names) != len(models):
            raise ConfigError(
                f"There are {len(names)} names (--name) for {len(models)} models: give one for each."
            )
        if len(set(names)) < len(names) or not all(name.strip() for name in names):
            twice = next((name for name in names if list(names).count(name) > 1), "")
            raise ConfigError(
                f"--name {twice!r} is {'given twice' if twice else 'empty'}: give each model its own."
            )
        return list(names)
    short = [_short(name, 1) for name in models]
    for parts in range(2, 12):
        if len(set(short)) == len(short):
            return short
        short = [
            _short(name, parts) if short.count(alias) > 1 else alias
            for name, alias in zip(models, short, strict=True)
        ]
    if len(set(short)) == len(short):
        return short
    return [
        alias if short.count(alias) == 1 else f"{alias} ({short[: number + 1].count(alias)})"
        for number, alias in enumerate(short)
    ]  # fmt: skip


def per_model(
    option: str,
    aliases: Sequence[tuple[str, ...]],
    values: Sequence[str] | None,
    takes: Sequence[bool],
    *,
    shared: bool = False,
) -> list[str | None]:
    """The value of an option for each model.

    Args:
        option: Its name.
        aliases: Accepted names of each model; messages use the last.
        values: VALUE or MODEL=VALUE.
        takes: Models that can take a plain VALUE.
        shared: Whether a plain VALUE applies to all of these; otherwise there must be exactly one.

    Raises:
        ConfigError: MODEL is none of the models, or a plain VALUE could be for several.
    """
    assigned: list[str | None] = [None] * len(aliases)
    called = [names[-1] for names in aliases]
    for text in values or []:
        lengths = [_prefix_length(text, names) for names in aliases]
        if any(lengths):
            assigned[lengths.index(max(lengths))] = text[max(lengths) + 1 :]
            continue
        name, equals, value = text.partition("=")
        if equals and value and not Path(text).expanduser().exists():
            raise ConfigError(
                f"{option} is for {name!r}, which is not one of the models: {choices(name, called)}"
            )
        numbers = [number for number, can in enumerate(takes) if can] or [0]
        if len(numbers) > 1 and not shared:
            candidates = ", ".join(called[number] for number in numbers)
            raise ConfigError(
                f"{option} {text} could be for {candidates}: write {option} {called[numbers[0]]}={text}"
            )
        for number in numbers:
            if assigned[number] is None:
                assigned[number] = text
    return assigned


def _prefix_length(text: str, names: Sequence[str]) -> int:
    """Length of the longest name before an "=" in the text; 0 if there is none."""
    return max((len(name) for name in names if text.startswith(f"{name}=")), default=0)


def _short(name: str, parts: int) -> str:
    """The last ``parts`` of a model's identifier."""
    kind, colon, rest = name.partition(":")
    if not colon or "/" in kind or len(kind) < 2:  # a folder; "C:" is a drive
        pieces = Path(name).expanduser().absolute().parts
        return "/".join(pieces[-parts:])
    if kind == "likewise":
        return name
    if kind in ("http", "https"):
        address = urlsplit(name)
        return address.netloc.rpartition("@")[2] + address.path.rstrip("/")
    if kind == "onnx":
        file = Path(rest).expanduser().absolute()
        return "/".join([*file.parts[-parts:-1], file.stem])
    if kind == "torch":
        return ":".join(rest.split(":")[-parts:]) if parts > 1 else rest.rpartition(":")[2]
    return rest.rpartition("/")[2] if parts == 1 else rest if parts == 2 else name


def _is_run(name: str) -> bool:
    return Path(name).expanduser().is_dir()


def _takes_weights(name: str) -> bool:
    kind, colon, _ = name.partition(":")
    return not _is_run(name) and not (colon and kind in _HAVE_WEIGHTS)
