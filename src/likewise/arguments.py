"""Validation of arguments: an unsuitable argument is refused in one sentence that names it.

:func:`checked` compares the arguments of a function with its annotations. ``pydantic.validate_call`` does not fit: it
copies and converts what it is given ("3" becomes 3), and needs the classes of annotations when a function is defined,
which would load torch with everything. beartype and typeguard check types only: to them a NumPy integer is not an int,
a text is a sequence of text, and a list is not an array.
"""

import inspect
import os
from collections.abc import Callable
from functools import wraps
from itertools import chain, repeat
from typing import Any, TypeVar

from annotated_types import Interval

from likewise.bounds import MOST_WORKERS
from likewise.errors import ConfigError
from likewise.torch_settings import are_usual, usual_settings

Checked = TypeVar("Checked", bound=Callable[..., Any])


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(value: Any, name: str) -> int:
    """A number of worker processes that this machine can hold; each takes some 250 MB.

    Raises:
        ConfigError: It is not a whole number, negative, or more than four per core (8 are always allowed).
    """
    from likewise.argument_kinds import WHOLE, fitted, within

    count = int(fitted(name, within(WHOLE, Interval(ge=0, le=MOST_WORKERS)), value))
    most = max(8, 4 * cores())
    if count > most:
        raise ConfigError(
            f"{name} is {count}, but this machine has {cores()} cores and each process takes memory of its own: give "
            f"at most {most}."
        )
    return count


def checked(thing: Checked) -> Checked:
    """A function, or the public methods of a class, whose arguments are compared with their annotations first.

    Integers and truth values of NumPy arrive as those of Python, iterators as lists if a sequence is expected, text
    as a Path where only a Path is. Everything else is passed on unchanged. Annotations are resolved at the first call;
    a check takes about a microsecond per argument, and one step per value of a list. Settings of torch that the caller
    has changed do not reach the function, see :mod:`likewise.torch_settings`.

    Raises:
        ConfigError: From the decorated function, for an argument of another type or out of its bounds; names it, what
            was expected and what was given.
    """
    if isinstance(thing, type):
        for name, member in list(vars(thing).items()):
            if not name.startswith("_") or name == "__init__":
                _check_member(thing, name, member)
        return thing
    names = list(inspect.signature(thing).parameters.values())
    positional = [each.name for each in names if each.kind <= each.POSITIONAL_OR_KEYWORD]
    further = next((each.name for each in names if each.kind == each.VAR_POSITIONAL), "")
    fits: dict[str, Callable[[Any], Any]] = {}

    @wraps(thing)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not fits:
            from likewise.annotations import fits_of

            fits.update({"": _as_given} | fits_of(thing))
        parameters = chain(positional, repeat(further))
        fitted = [fits.get(name, _as_given)(value) for name, value in zip(parameters, args, strict=False)]
        named = {name: fits.get(name, _as_given)(value) for name, value in kwargs.items()}
        if are_usual():
            return thing(*fitted, **named)
        with usual_settings():
            return thing(*fitted, **named)

    return call  # type: ignore[return-value]


def _check_member(owner: type, name: str, member: Any) -> None:
    if isinstance(member, classmethod | staticmethod):
        setattr(owner, name, type(member)(checked(member.__func__)))
    elif inspect.isfunction(member):
        setattr(owner, name, checked(member))


def _as_given(value: Any) -> Any:
    return value
