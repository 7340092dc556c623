"""Opening the index of a command, with the model that the index names or with the one that the user names."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.errors import ConfigError

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
