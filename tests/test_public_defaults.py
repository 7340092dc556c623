"""Default values of everything public, as accepted: a caller who leaves a value out gets the same as before."""

import importlib
import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from whole_texts import assert_accepted

PACKAGES = (
    "likewise", "likewise.audit", "likewise.curation", "likewise.data", "likewise.explain", "likewise.jobs",
    "likewise.losses", "likewise.models", "likewise.report", "likewise.retrieval", "likewise.scenes",
    "likewise.training",
)  # fmt: skip
PLAIN = (str, int, float, tuple, list, type(None), Enum)


def functions(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """A function; or the methods that a class of likewise defines itself."""
    if inspect.isfunction(thing):
        yield name, thing
    elif inspect.isclass(thing) and thing.__module__.startswith("likewise."):
        for key, member in vars(thing).items():
            function = getattr(member, "__func__", member)
            if inspect.isfunction(function) and (key == "__init__" or not key.startswith("_")):
                yield f"{name}.{key}", function


def defaults() -> Iterator[str]:
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in sorted(module.__all__):
            thing = getattr(module, name)
            if not str(getattr(thing, "__module__", "")).startswith(package):
                continue  # it stands where it is defined
            for place, function in functions(f"{package}.{name}", thing):
                for parameter in inspect.signature(function).parameters.values():
                    if parameter.default is not parameter.empty and isinstance(parameter.default, PLAIN):
                        yield f"{place}({parameter.name}={parameter.default!r})"
            if inspect.isclass(thing) and issubclass(thing, BaseModel):
                for key, field in thing.model_fields.items():
                    if field.default is not PydanticUndefined and isinstance(field.default, PLAIN):
                        yield f"{package}.{name}.{key} = {field.default!r}"


def test_default_values_are_those_accepted() -> None:
    lines = list(dict.fromkeys(defaults()))
    assert len(lines) > 300
    assert_accepted(Path(__file__).parent / "accepted" / "defaults.txt", "\n".join(lines))
