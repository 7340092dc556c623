"""Kinds of arguments: each describes the expected value, and converts a value or says why it does not fit."""

import operator
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from annotated_types import Interval

from likewise.arrays import is_dataframe
from likewise.bounds import LARGEST, MOST, MOST_SEED
from likewise.errors import ConfigError, choices
from likewise.printable import one_line

_SHOWN = 60
_TECHNICAL = (MOST, MOST_SEED, LARGEST)
_ENDS = {
    "ge": ("at least", operator.ge), "gt": ("above", operator.gt),
    "le": ("at most", operator.le), "lt": ("below", operator.lt),
}  # fmt: skip
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes, as file systems and Linux have them
_MAKERS = {
    "Catalog": " (likewise.Catalog.read makes one)",
    "SimilarityModel": " (likewise.load gives one)",
    "Embeddings": " (model.embed gives them)",
    "SaliencyStore": " (likewise.explain.SaliencyStore.open reads one)",
    "Tensor": " (torch.as_tensor makes one)",
}


class Misfit(NamedTuple):
    """Reason why a value does not fit, as the end of a sentence."""

    reason: str


class Kind(NamedTuple):
    """A kind of argument.

    Attributes:
        words: The expected value, as it follows "must be".
        fit: Gives the value in the form that is named, or a :class:`Misfit`.
        fit_in_list: The same for one value of a list, if that is checked differently.
    """

    words: str
    fit: Callable[[Any], Any]
    fit_in_list: Callable[[Any], Any] | None = None


def shown(value: object) -> str:
    """A value and its type, short and on one line.

    >>> shown("seven"), shown(None), shown({1: 2})
    ("'seven' (str)", 'None', 'a dict')
    """
    if value is None:
        return "None"
    if not isinstance(value, str | bytes | int | float | complex | np.generic | Path):
        return _with_article(type(value).__name__)
    if isinstance(value, int) and abs(value) >= 10**_SHOWN:  # Python refuses to write thousands of digits
        return f"a whole number of {value.bit_length():,} bits"
    plain = (
        value.item() if isinstance(value, np.generic) else str(value) if isinstance(value, Path) else value
    )
    text = one_line(repr(plain))
    return f"{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'} ({type(value).__name__})"


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}"


def _is_single(value: Any) -> bool:
    """Whether a value is a single item that could be put in a list."""
    if isinstance(value, str | bytes | os.PathLike):
        return True
    return not isinstance(value, int | float | NoneType | Iterable)


def fitted(name: str, kind: Kind, value: Any) -> Any:
    """``value`` in the form that ``kind`` names.

    Raises:
        ConfigError: The value does not fit; the message has name, expected and given value.
    """
    fit = kind.fit(value)
    if isinstance(fit, Misfit):
        end = "" if fit.reason[-1] in ".?" else "."
        if kind.words.startswith("a list") and end and _is_single(value):
            end = f": write [{re.sub('(ie)?s$', lambda plural: 'y' if plural[1] else '', name)}] for a single one."
        raise ConfigError(f"{name} must be {kind.words}, but {fit.reason}{end}")
    return fit


def misfit(value: object) -> Misfit:
    """The reason that a value is of another type."""
    return Misfit(f"is {shown(value)}")


def any_of(kinds: Sequence[Kind]) -> Kind:
    """A union of kinds."""
    *first, last = dict.fromkeys(kind.words for kind in kinds)
    ordered = sorted(kinds, key=lambda kind: kind is NUMBER)  # a whole number stays one
    words = f"{', '.join(first)} or {last}" if first else last
    fits = [kind.fit for kind in ordered]
    return Kind(
        words,
        partial(_first_fit, fits),
        partial(_first_fit, [kind.fit_in_list or kind.fit for kind in ordered]),
    )


def _first_fit(fits: Sequence[Callable[[Any], Any]], value: Any) -> Any:
    reasons = []
    for fit in fits:
        outcome = fit(value)
        if not isinstance(outcome, Misfit):
            return outcome
        reasons.append(outcome)
    return next((each for each in reasons if each != misfit(value)), reasons[0])


def one_of(values: Sequence[Any]) -> Kind:
    """One of the values of a ``Literal``."""

    def fit(value: Any) -> Any:
        if isinstance(value, str | int | bool) and value in values:
            return value
        return Misfit(f"is {shown(value)}: {choices(value, map(str, values))}")

    return Kind("a known name" if isinstance(values[0], str) else "a known value", fit)


def instance_of(kind: type) -> Kind:
    """An instance of a class or of a protocol."""
    if getattr(kind, "_is_protocol", False):
        needed = [name for name in vars(kind) if name == "__call__" or not name.startswith("_")]
        words = f"an object with {' and '.join(f'{name}()' for name in needed)}"
        return Kind(
            words, lambda value: value if all(hasattr(value, name) for name in needed) else misfit(value)
        )
    name = kind.__name__
    words = f"{_with_article(name)}{_MAKERS.get(name, '')}"
    return Kind(words, lambda value: value if isinstance(value, kind) else misfit(value))


def within(kind: Kind, bounds: Interval) -> Kind:
    """The numbers of ``kind`` within ``bounds``; technical bounds are named only where a number exceeds them."""
    ends = [(words, holds, getattr(bounds, key)) for key, (words, holds) in _ENDS.items()]
    ends = [each for each in ends if each[2] is not None]
    limits = " and ".join(f"{words} {end:,}" for words, _, end in ends if abs(end) not in _TECHNICAL)
    noun = "a finite number" if kind is NUMBER and not limits else kind.words

    def fit(value: Any) -> Any:
        number = kind.fit(value)
        if isinstance(number, Misfit) or all(holds(number, end) for _, holds, end in ends):
            return number
        most = (
            f": at most {bounds.le:,} is possible" if bounds.le in _TECHNICAL and number > bounds.le else ""
        )
        return Misfit(f"is {shown(value)}{most}")

    return Kind(f"{noun}{' of' if limits.startswith('at') else ''} {limits}".rstrip(), fit)


def list_of(element: Kind | None) -> Kind:
    """A sequence; an iterator becomes a list."""

    def fit(value: Any) -> Any:
        if isinstance(value, Iterator):
            value = list(value)
        return _values(element, value) if hasattr(value, "__len__") else misfit(value)

    return Kind(f"a list{_each(element)}", fit)


def iterable_of(element: Kind | None) -> Kind:
    """Values one after the other; those of an iterator are not looked at."""
    return Kind(f"a list{_each(element)}", partial(_values, element))


def values_of(kinds: Sequence[Kind | None]) -> Kind:
    """A fixed number of values, each of a kind of its own."""

    def fit(value: Any) -> Any:
        if isinstance(_values(None, value), Misfit) or not hasattr(value, "__len__"):
            return misfit(value)
        if len(value) != len(kinds):
            return Misfit(f"holds {len(value)}")
        wrong = (_wrong_element(kind, [each]) for kind, each in zip(kinds, value, strict=True))
        return next((each for each in wrong if each is not None), value)

    return Kind(f"{len(kinds)} values", fit)


def dictionary_of(key: Kind | None, entry: Kind | None) -> Kind:
    """A mapping."""

    def fit(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return misfit(value)
        return _wrong_element(key, value) or _wrong_element(entry, value.values()) or value

    return Kind(f"a dictionary{_each(entry)}", fit)


def _each(element: Kind | None) -> str:
    return "" if element is None else f", each value {element.words}"


def _values(element: Kind | None, value: Any) -> Any:
    if is_dataframe(value):
        return Misfit("is a DataFrame: give one of its columns")
    text_or_table = isinstance(value, str | bytes | Mapping)
    if text_or_table or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        return misfit(value)
    return value if isinstance(value, Iterator) else (_wrong_element(element, value) or value)


def _wrong_element(element: Kind | None, values: Iterable[Any]) -> Misfit | None:
    if element is None:
        return None
    fit = element.fit_in_list or element.fit
    wrong = next((outcome for outcome in map(fit, values) if isinstance(outcome, Misfit)), None)
    return wrong and Misfit(wrong.reason.replace("is ", "holds ", 1))


def _whole(value: Any) -> Any:
    if type(value) is int:
        return value
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else misfit(value)


def _number(value: Any) -> Any:
    if isinstance(value, float) or type(value) is int:
        return value
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else misfit(value)


def _truth(value: Any) -> Any:
    return bool(value) if isinstance(value, bool | np.bool_) else misfit(value)


def _one_of_many_paths(value: Any) -> Any:
    """A path of a list: one file with an impossible name is one failure of the work, not a wrong argument."""
    if isinstance(value, os.PathLike) and not isinstance(value, Path):
        value = os.fspath(value)
    if not isinstance(value, str | Path):
        return misfit(value)
    return (
        value
        if "\0" not in str(value)
        else Misfit("contains a NUL character, which file names cannot contain")
    )


def _path_or_text(value: Any) -> Any:
    value = _one_of_many_paths(value)
    if isinstance(value, Misfit):
        return value
    text = os.path.expanduser(str(value))  # noqa: PTH111 - a home that does not exist stays as it is
    value = text if isinstance(value, str) else Path(text)
    if len(text.encode(errors="surrogatepass")) > _LONGEST_NAME and (
        len(text.encode(errors="surrogatepass")) > _LONGEST_PATH
        or max(len(part.encode(errors="surrogatepass")) for part in text.split("/")) > _LONGEST_NAME
    ):
        return Misfit(f"is longer than any file name: {shown(text)}")
    return value


def _path(value: Any) -> Any:
    path = _path_or_text(value)
    return Path(path) if isinstance(path, str) else path


def _array(value: Any) -> Any:
    plain = not isinstance(value, str | bytes | Mapping | Set | type)
    return value if plain and (hasattr(value, "__array__") or isinstance(value, Iterable)) else misfit(value)


WHOLE = Kind("a whole number", _whole)
NUMBER = Kind("a number", _number)
TRUTH = Kind("True or False", _truth)
TEXT = Kind("text", lambda value: value if isinstance(value, str) else misfit(value))
BYTES = Kind("bytes", lambda value: value if isinstance(value, bytes) else misfit(value))
NONE = Kind("None", lambda value: value if value is None else misfit(value))
FUNCTION = Kind("a function", lambda value: value if callable(value) else misfit(value))
PATH = Kind("a path", _path)
"""Text becomes a Path, and ``~`` the home folder."""
PATH_OR_TEXT = Kind("a path", _path_or_text, _one_of_many_paths)
"""Text stays text: it may be an address or a name, too. ``~`` becomes the home folder."""
ARRAY = Kind("a list or an array", _array)
"""Anything array-like; its values are not looked at, because each function converts and checks its own arrays."""
