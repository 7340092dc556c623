"""Results that can be looked at in a notebook: one line for a screen, and ``==`` for what holds arrays."""

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from likewise.errors import LikewiseError
from likewise.printable import one_line

_LONGEST = 60
_FEW = 3
Decorated = TypeVar("Decorated", bound=type)


def readable(owner: Decorated) -> Decorated:
    """Give a dataclass a ``repr`` of one line, with sizes in place of arrays, tables and long lists, and an ``==``.

    Those of :func:`dataclasses.dataclass` print whole arrays, and fail to compare them. A result that has a verdict
    begins with it. A ``__repr__`` of the class itself stays.

    >>> from dataclasses import dataclass
    >>> @readable
    ... @dataclass
    ... class Nearest:
    ...     distances: np.ndarray
    ...     rate: float
    >>> Nearest(np.zeros((100, 10)), 0.123456)
    Nearest(distances=float64 (100, 10), rate=0.1235)
    """
    made: dict[str, Any] = {"__eq__": _equal}
    if not _written_by_hand(owner):
        made["__repr__"] = _of_result
    for name, function in made.items():
        setattr(owner, name, function)
    return owner


def brief(value: Any) -> str:
    """A value on one line of bounded length: sizes instead of contents where these are long."""
    if is_dataclass(value) and not isinstance(value, type):
        return _of_part(value)
    if isinstance(value, Mapping | Sequence | Set) and not (
        isinstance(value, str | bytes) or hasattr(value, "_fields")
    ):
        return _of_collection(value)
    words = next((words for fits, words in _WORDS if fits(value)), repr)
    text = one_line(words(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


_WORDS: Sequence[tuple[Callable[[Any], bool], Callable[[Any], str]]] = (
    (lambda value: isinstance(value, float), lambda value: f"{value:z.4g}"),
    (lambda value: isinstance(value, str | Path), lambda value: repr(str(value))),
    (
        lambda value: hasattr(value, "shape") and hasattr(value, "dtype"),
        lambda value: f"{value.dtype} {tuple(value.shape)}",
    ),
    (lambda value: hasattr(value, "iloc"), lambda value: f"table {value.shape}"),
    (lambda value: hasattr(value, "getbbox"), lambda value: f"image {value.width} x {value.height}"),
)


def _of_result(result: Any) -> str:
    parts = [f"{each.name}={brief(getattr(result, each.name))}" for each in fields(result) if each.repr]
    if hasattr(result, "verdict"):
        with suppress(LikewiseError):  # an incomplete result has none, and can be printed nevertheless
            parts.insert(0, f"verdict={one_line(repr(result.verdict().headline))}")
    return f"{type(result).__name__}({', '.join(parts)})"


def _of_part(value: Any) -> str:
    """A dataclass within another: its first field names it where it is long."""
    whole, first = one_line(repr(value)), next((each.name for each in fields(value) if each.repr), None)
    if first is None or len(whole) <= _LONGEST * (4 if _written_by_hand(type(value)) else 1):
        return whole
    return f"{type(value).__name__}({first}={brief(getattr(value, first))}, ...)"


def _written_by_hand(owner: type) -> bool:
    """Whether a dataclass has a ``__repr__`` of its own."""
    function: Any = owner.__repr__
    return function is not _of_result and not hasattr(function, "__wrapped__")


def _of_collection(values: Any) -> str:
    """Few short values in full, otherwise their number and type."""
    named = isinstance(values, Mapping)
    start, end = "{}" if isinstance(values, Mapping | Set) else "[]"
    if len(values) <= _FEW:
        parts = [f"{brief(key)}: {brief(values[key])}" if named else brief(key) for key in values]
        text = f"{start}{', '.join(parts)}{end}"
        if len(text) <= 2 * _LONGEST:
            return text
    kinds = {type(entry).__name__ for entry in (values.values() if named else values)}
    return f"{start}{len(values):,} {kinds.pop() if len(kinds) == 1 else 'values'}{end}"


def _equal(result: Any, other: Any) -> Any:
    if type(other) is not type(result):
        return NotImplemented
    names = [each.name for each in fields(result) if each.compare]
    return all(_same(getattr(result, name), getattr(other, name)) for name in names)


def _same(a: Any, b: Any) -> bool:
    """Equality in which an array, a tensor or a table counts as a whole, and NaN in them equals NaN."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, np.ndarray):
        alike = isinstance(b, np.ndarray) and a.dtype == b.dtype
        return alike and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    for comparison in ("equals", "equal"):  # of pandas, of torch
        if hasattr(a, comparison):
            return type(a) is type(b) and bool(getattr(a, comparison)(b))
    return a is b or bool(a == b)
