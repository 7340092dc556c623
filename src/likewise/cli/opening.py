"""Opening the input of a command: its images, and its index with the model that it or the user names."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.errors import ConfigError
from likewise.files import require_image_file

if TYPE_CHECKING:
    from likewise.retrieval import Index

IndexModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Model of the index, if it has moved since the index was built, is an address or runs code.",
    ),
]


def require_model(model: str | None, weights: Path | None, preprocessing: str | None) -> None:
    """Refuse options of a model that is not named."""
    if model is None and (weights is not None or preprocessing is not None):
        raise ConfigError(
            "--weights and --preprocessing belong to --model: name the model too, or leave them out."
        )


def argument_words(name: str, options: dict[str, Any]) -> str:
    """An argument of a command with the options that belong to it, for the commands of advice."""
    words = [str(word) for option, value in options.items() if value for word in (option, value)]
    return shlex.join([name, *words])


def require_images(*files: str | Path) -> None:
    """Refuse files that are no images before a model is loaded, or even downloaded, for them.

    Raises:
        InputError: A file is missing or its header is not that of an image.
    """
    from likewise.images import image_size

    for file in files:
        require_image_file(file)
        image_size(file)


def open_index(
    index: str, model: str | None, weights: Path | None, preprocessing: str | None, device: str | None
) -> "Index":
    """The index with the model of these options, or with its own, which is not loaded yet."""
    require_model(model, weights, preprocessing)
    from likewise.models import load
    from likewise.retrieval import Index

    return Index.open(
        index, None if model is None else load(model, weights, device, preprocessing=preprocessing)
    )
