"""Preprocessing of an external model that does not describe its input."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from likewise.data.preprocessing import IMAGENET, PUBLISHED_BN_INCEPTION, Preprocessing
from likewise.errors import ModelError, choices
from likewise.validation_errors import sentence

PreprocessingChoice = Preprocessing | Path | str | None

NAMED = {"imagenet": IMAGENET, "bn_inception": PUBLISHED_BN_INCEPTION}


def resolve_preprocessing(choice: PreprocessingChoice) -> Preprocessing | None:
    """The Preprocessing that a user gave as object, name ("imagenet", "bn_inception") or JSON file.

    Raises:
        ModelError: There is no such name or file, or the file says something else.
    """
    if choice is None or isinstance(choice, Preprocessing):
        return choice
    if str(choice) in NAMED:
        return NAMED[str(choice)]
    path = Path(choice)
    if not path.is_file():
        raise ModelError(
            f"There is no preprocessing '{choice}': give a JSON file, or {choices(str(choice), NAMED)}"
        )
    try:
        return parse_preprocessing(json.loads(path.read_text(encoding="utf-8")), str(path))
    except ValueError as error:
        raise ModelError(
            f"{path} is not a JSON file ({error}): write resize_px, crop_px, mean, std... in it."
        ) from error


def parse_preprocessing(values: Any, source: str) -> Preprocessing:
    """A Preprocessing from JSON values.

    Raises:
        ModelError: An unknown key or a value out of range; names the first.
    """
    try:
        return Preprocessing.model_validate(values)
    except ValidationError as error:
        raise ModelError(sentence(error, Preprocessing, source)) from error


def module_preprocessing(module: object, name: str) -> Preprocessing | None:
    """The attribute ``preprocessing`` of an external module, a Preprocessing or its values; None without one.

    Raises:
        ModelError: An unknown key or a value out of range; names the first.
    """
    described = getattr(module, "preprocessing", None)
    if described is None or isinstance(described, Preprocessing):
        return described
    return parse_preprocessing(described, f"preprocessing of '{name}'")


def require_preprocessing(name: str, *candidates: Preprocessing | None) -> Preprocessing:
    """The first Preprocessing that is known.

    Raises:
        ModelError: None is; a guess would give wrong vectors without a sign.
    """
    for candidate in candidates:
        if candidate is not None:
            return candidate
    raise ModelError(
        f"'{name}' does not say how its images are prepared: give preprocessing (--preprocessing), 'imagenet', "
        "'bn_inception' or a JSON file with resize_px, crop_px, interpolation, channel_order, value_range, mean and "
        "std."
    )
