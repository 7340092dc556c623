"""Convert annotations to the kinds of :mod:`likewise.argument_kinds`."""

import ast
import importlib
import inspect
import sys
import types
from collections import abc
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

import numpy as np
from annotated_types import Interval

from likewise import argument_kinds as kinds
from likewise.argument_kinds import Kind

_PLAIN: dict[Any, Kind] = {
    int: kinds.WHOLE, float: kinds.NUMBER, bool: kinds.TRUTH, str: kinds.TEXT, bytes: kinds.BYTES, Path: kinds.PATH,
    None: kinds.NONE, type(None): kinds.NONE, np.ndarray: kinds.ARRAY, abc.Callable: kinds.FUNCTION,
}  # fmt: skip


def fits_of(function: Callable[..., Any]) -> dict[str, Callable[[Any], Any]]:
    """For each annotated parameter, a function that converts a value or refuses it with one sentence."""
    parameters = inspect.signature(function).parameters.values()
    annotated = [each for each in parameters if each.annotation is not each.empty]
    by_name = {each.name: kind_of(each.annotation, function.__module__) for each in annotated}
    return {name: partial(kinds.fitted, name, kind) for name, kind in by_name.items() if kind is not None}


def kind_of(annotation: Any, module: str) -> Kind | None:
    """The kind of ``annotation``; None accepts everything, also if it cannot be resolved.

    Args:
        annotation: A type, or the text of one.
        module: Name of the module in which it is written; names that it imports for types only are imported.
    """
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, dict(vars(sys.modules[module])), _Names(module))
        except (
            LookupError,
            NameError,
            AttributeError,
            ImportError,
            TypeError,
            OSError,
        ):  # OSError: no source
            return None
    annotation = _without_alias(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _within(kind_of(inner[0], module), inner[1:])
    if origin in (Union, types.UnionType):
        return _union(inner, module)
    if origin is Literal:
        return kinds.one_of(inner)
    return _of_class(origin or annotation, inner, module)


def _without_alias(annotation: Any) -> Any:
    """What a ``type X = ...`` of Python 3.12 stands for; NumPy 2.5 declares ``ArrayLike`` and ``NDArray`` so."""
    arguments = get_args(annotation)
    meaning = getattr(get_origin(annotation) or annotation, "__value__", None)
    if meaning is None:
        return annotation
    return _without_alias(meaning[arguments] if arguments else meaning)


def _within(kind: Kind | None, conditions: Sequence[Any]) -> Kind | None:
    bounds = next((each for each in conditions if isinstance(each, Interval)), None)
    return kind if kind is None or bounds is None else kinds.within(kind, bounds)


class _Names(dict[str, Any]):
    """Names that a module imports for types only; imported when they are first needed."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self._sources = _imported_for_types(module)

    def __missing__(self, name: str) -> Any:
        source, attribute = self._sources[name]
        module = importlib.import_module(source)
        return getattr(module, attribute) if attribute else module


@cache
def _imported_for_types(module: str) -> Mapping[str, tuple[str, str | None]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    blocks = [
        node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    origins: dict[str, tuple[str, str | None]] = {}
    for node in (statement for block in blocks for statement in block.body):
        if isinstance(node, ast.ImportFrom):
            origins |= {name.asname or name.name: (str(node.module), name.name) for name in node.names}
        elif isinstance(node, ast.Import):
            origins |= {name.asname or name.name: (name.name, None) for name in node.names}
    return origins


def _union(members: Sequence[Any], module: str) -> Kind | None:
    members = [part for member in members for part in _parts(_without_alias(member))]
    if any("numpy._typing" in str(getattr(member, "__module__", "")) for member in members):  # ArrayLike
        members = [np.ndarray, *(member for member in members if member is type(None))]
    if str in members and Path in members:
        options = [kind_of(member, module) for member in members if member not in (str, Path)]
        options.insert(0, kinds.PATH_OR_TEXT)
    else:
        options = [kind_of(member, module) for member in members]
    if kinds.ARRAY in options:  # lists and tensors are arrays, too: each function converts its own
        options = [kind for kind in options if kind and not kind.words.startswith(("a list", "a Tensor"))]
        options.insert(0, kinds.ARRAY)
    known = [kind for kind in options if kind is not None]
    return kinds.any_of(known) if len(known) == len(options) else None


def _parts(annotation: Any) -> Sequence[Any]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return [annotation]
    return [part for member in get_args(annotation) for part in _parts(_without_alias(member))]


def _of_class(plain: Any, inner: Sequence[Any], module: str) -> Kind | None:
    if plain in (Any, object) or not (isinstance(plain, type) or plain in _PLAIN):
        return None
    if plain in _PLAIN:
        return _PLAIN[plain]
    elements = [kind_of(each, module) for each in inner if each is not Ellipsis] if inner else []
    if issubclass(plain, abc.Mapping):
        return kinds.dictionary_of(*(elements or (None, None)))
    if plain is tuple and inner and inner[-1] is not Ellipsis:
        return kinds.values_of(elements)
    if plain in (list, tuple, abc.Sequence, abc.Collection, abc.Iterable, abc.Iterator):
        of = kinds.iterable_of if plain in (abc.Iterable, abc.Iterator) else kinds.list_of
        return of(elements[0] if elements else None)
    return kinds.instance_of(plain)
