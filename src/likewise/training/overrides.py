"""``key=value`` overrides: setting and value.

A value is read as YAML, except where the setting is text or a path: there it is used unchanged, so that a
folder may be called ``photos #1``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel

from likewise.errors import ConfigError
from likewise.extensions import is_reference, trust
from likewise.training.yaml_files import parse_yaml

_NOTHING = ("", "null", "~")


def parse_override(text: str, model: type[BaseModel]) -> dict[str, Any]:
    """The nested mapping of one ``key=value``.

    Args:
        text: The override.
        model: Model that the keys belong to.

    Raises:
        ConfigError: No ``=``, or a value that is not YAML.
    """
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise ConfigError(
            f"Override '{text}' is not of the form key=value, for instance optimizer.lr_head=0.001."
        )
    names = key.strip().split(".")
    kinds = _kinds(model, names)
    if kinds and all(kind in (str, Path, NoneType) or get_origin(kind) is Literal for kind in kinds):
        parsed: Any = _text(value, optional=NoneType in kinds)
    else:
        try:
            parsed = _number(parse_yaml(value)) if value else None
        except yaml.YAMLError as error:
            raise ConfigError(f"Override '{text}': the value is not valid YAML; put it in quotes.") from error
    for name in reversed(names):
        parsed = {name: parsed}
    return dict(parsed)


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Keys with dots of all values that are not mappings.

    >>> list(leaves({"data": {"fold": 0}, "seed": 1}))
    ['data.fold', 'seed']
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def trust_references(texts: Iterable[str]) -> None:
    """Trust code named in presets and overrides, which come from the user.

    >>> trust_references(["catalog/my.losses:MyLoss", "loss.miner.name=my.losses:MyMiner", "seed=1"])
    """
    for text in texts:
        value = text.partition("=")[2] or text
        for word in re.split(r"[\s,{}'\"/\[\]]+|: ", value):
            if is_reference(word):
                trust(word)


def _kinds(model: type[BaseModel], names: list[str]) -> tuple[Any, ...]:
    """The types a setting may have; empty if there is no such setting or it is free-form."""
    annotation: Any = model
    for name in names:
        inner = next((part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, BaseModel)),
                     None)  # fmt: skip
        if inner is None or name not in inner.model_fields:
            return ()
        annotation = inner.model_fields[name].annotation
    return _parts(annotation)


def _parts(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal or isinstance(annotation, type):
        return (annotation,)
    return get_args(annotation) or (annotation,)


def _text(value: str, *, optional: bool) -> str | None:
    if optional and value.strip() in _NOTHING:
        return None
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _number(value: Any) -> Any:
    """YAML reads 1e-4 (no dot) as text; here it is a number."""
    if isinstance(value, str) and "e" in value.lower():
        try:
            return float(value)
        except ValueError:
            return value
    return value
