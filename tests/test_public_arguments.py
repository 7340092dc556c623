"""Every parameter of every public function, method and description refuses what has no place there, in one sentence.

The surface is generated from ``__all__``: a public name that does not check its arguments fails here.
"""

import collections.abc
import importlib
import inspect
import math
import re
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from annotated_types import Interval
from pydantic import BaseModel

from likewise.arguments import checked
from likewise.errors import ConfigError, LikewiseError

PACKAGES = (
    "likewise", "likewise.data", "likewise.models", "likewise.explain", "likewise.audit", "likewise.losses",
    "likewise.training", "likewise.retrieval", "likewise.report", "likewise.report.charts", "likewise.jobs",
    "likewise.scenes", "likewise.curation",
)  # fmt: skip
# Base classes whose methods are written by users and called by likewise.
TO_BE_WRITTEN = {"CustomLoss", "CustomMiner", "LossParams", "MinerParams"}
# Classes whose methods only likewise calls, with what it made itself.
INTERNAL = {"AVSLDistance", "Batch", "Representation", "IndexInfo", "SearchResult", "RetrievalResult", "AgreementAudit",
            "PropertyAudit", "RobustnessAudit", "NodeGraph"}  # fmt: skip
# Dataclasses that users make; all others are results.
MADE_BY_USERS = {"Chart", "Column", "EmbeddingOptions", "Grid", "Job", "Line", "Measured", "Picture", "Report",
                 "Searched", "Section", "Table", "Verdict"}  # fmt: skip


class Stranger:
    """Of no type that likewise knows."""


def public() -> Iterator[tuple[str, Any]]:
    """Everything in ``__all__``, each once."""
    seen = set()
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and id(thing) not in seen:
                seen.add(id(thing))
                yield f"{package}.{name}", thing


def callables() -> Iterator[tuple[str, Callable[..., Any], bool]]:
    """Functions and methods with whether they take an instance or a class first."""
    for name, thing in public():
        if inspect.isfunction(thing):
            yield name, thing, False
        elif not (
            issubclass(thing, torch.nn.Module)
            or getattr(thing, "_is_protocol", False)
            or thing.__name__ in TO_BE_WRITTEN | INTERNAL
        ):
            yield from methods(name, thing)


def methods(name: str, owner: type) -> Iterator[tuple[str, Callable[..., Any], bool]]:
    for base in owner.__mro__:
        if not base.__module__.startswith("likewise."):
            continue
        for key, member in vars(base).items():
            function = getattr(member, "__func__", member)
            constructor = key == "__init__" and not issubclass(owner, BaseModel)
            if constructor and is_dataclass(owner) and owner.__name__ not in MADE_BY_USERS:
                continue
            if inspect.isfunction(function) and (constructor or not key.startswith("_")):
                yield f"{name}.{key}", function, not isinstance(member, staticmethod)


def parameters() -> Iterator[Any]:
    for name, function, bound in callables():
        for parameter in list(inspect.signature(function).parameters.values())[int(bound) :]:
            anything = parameter.annotation in (Any, "Any", parameter.empty, object)
            if parameter.kind != parameter.VAR_KEYWORD and not anything:
                yield pytest.param(function, bound, parameter, id=f"{name}({parameter.name})")


def fields() -> Iterator[Any]:
    for name, thing in public():
        if inspect.isclass(thing) and issubclass(thing, BaseModel):
            for field in thing.model_fields:
                yield pytest.param(thing, field, id=f"{name}.{field}")


@pytest.mark.parametrize(("function", "bound", "parameter"), parameters())
def test_a_parameter_refuses_what_has_no_place_there(
    function: Callable[..., Any], bound: bool, parameter: inspect.Parameter
) -> None:
    for bad in (Stranger(), 1j, type):
        if bad is type and ("Callable" in str(parameter.annotation) or parameter.name == "pair_transform"):
            continue  # a class can be called
        with pytest.raises(LikewiseError) as caught:
            if parameter.kind == parameter.VAR_POSITIONAL:
                function(*[None] * bound, "title", bad)
            else:  # refused before anything else is missed
                function(*[None] * bound, **{parameter.name: bad})
        sentence = str(caught.value)
        assert sentence.startswith(f"{parameter.name} must be ") and sentence.endswith((".", "?")), sentence
        assert "\n" not in sentence and "0x" not in sentence and len(sentence) < 500, sentence


# Numbers that have no bounds: results, which may lack a value (NaN), and texts made of them.
WITHOUT_BOUNDS = {
    "Measured.__init__", "Measured.over", "percent(share)", "metric_text(share)", "points", "signed_percent(change)",
    "Threshold.is_same(distance)", "Threshold.rates_at(distance)", "Verdict.__init__(thresholds)", "bars(groups)",
    "heat_map(limits)", "histogram(marks)", "lines(marks)", "Run.write_metrics(rows)", "check_class_sizes(labels)",
}  # fmt: skip
ARRAYS = ("ndarray", "NDArray", "ArrayLike", "Tensor", "numpy._typing", "Callable", "Sampler")
"""Arrays and functions of numbers: each function checks its own, see tests/test_input_forms.py."""


def bounds_of(annotation: Any, module: str) -> Iterator[tuple[type, Interval | None]]:
    """The numbers within an annotation: whole or not, and their bounds."""
    if isinstance(annotation, str):
        annotation = eval(annotation, {**vars(typing), **vars(collections.abc), **vars(sys.modules[module])})
    if get_origin(annotation) is Annotated:
        yield (
            annotation.__origin__,
            next((a for a in annotation.__metadata__ if isinstance(a, Interval)), None),
        )
    elif annotation in (int, float):
        yield annotation, None
    elif get_origin(annotation) is not Literal:
        for inner in get_args(annotation):
            yield from bounds_of(inner, module)


def numbers() -> Iterator[Any]:
    for case in parameters():
        parameter = case.values[2]
        if any(word in str(parameter.annotation) for word in ARRAYS) or not re.search(
            r"\b(int|float)\b", str(parameter.annotation)
        ):
            continue
        yield case


@pytest.mark.parametrize(("function", "bound", "parameter"), numbers())
def test_a_number_out_of_bounds_is_refused(
    function: Callable[..., Any], bound: bool, parameter: inspect.Parameter, request: pytest.FixtureRequest
) -> None:
    found = list(bounds_of(parameter.annotation, function.__module__))
    if any(f".{name}" in request.node.callspec.id for name in WITHOUT_BOUNDS):
        assert (int, None) in found or (float, None) in found, "it has bounds now: remove it from the list"
        return
    annotation = str(parameter.annotation)
    for kind, interval in found:
        assert interval is not None, f"{parameter.name} has no bounds: use one of likewise.bounds"
        for bad in bad_numbers(kind, interval):
            value: Any = {"a": bad} if "Mapping" in annotation else [bad] if "Sequence" in annotation else bad
            value = (bad, bad) if "tuple[" in annotation else value
            with pytest.raises(ConfigError) as caught:
                function(*[None] * bound, **{parameter.name: value})
            sentence = str(caught.value)
            assert sentence.startswith(f"{parameter.name} must be ") and sentence.endswith((".", "?")), (
                sentence
            )
            assert "\n" not in sentence and len(sentence) < 300, sentence


def bad_numbers(kind: type, interval: Interval) -> list[Any]:
    """What lies outside: just below, just above, and what no computation survives."""
    low, high = next(e for e in (interval.ge, interval.gt) if e is not None), interval.le or interval.lt
    assert isinstance(low, int | float) and isinstance(high, int | float)
    if kind is int:
        assert interval.gt is None and interval.lt is None
        return [
            low - 1,
            high + 1,
            -1 if low >= 0 else -(2**70),
            2**70,
            -(2**70),
            np.int64(-(2**62)),
            10**5000,
            True,
        ]
    edges = [
        low if interval.gt is not None else low - 1e-9,
        high if interval.lt is not None else high * 1.01 + 1e-9,
    ]
    return [
        *edges,
        math.nan,
        math.inf,
        -math.inf,
        1e308,
        -1e308,
        np.float32("nan"),
        np.float64("inf"),
        10**400,
    ]


@pytest.mark.parametrize(("spec", "field"), fields())
def test_a_number_of_a_field_is_never_out_of_all_bounds(spec: type[BaseModel], field: str) -> None:
    annotation = str(spec.model_fields[field].annotation)
    bad: list[Any] = [math.nan, math.inf, -math.inf] if "float" in annotation else []
    bad += [2**70, -(2**70), 10**400] if re.search(r"\b(int|float)\b", annotation) else []
    for value in bad:
        with pytest.raises(ConfigError) as caught:
            spec(**{field: value})
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(("spec", "field"), fields())
def test_a_field_refuses_what_has_no_place_there(spec: type[BaseModel], field: str) -> None:
    annotation = str(spec.model_fields[field].annotation)
    for bad in (Stranger(), 1j):
        if "Any" in annotation and "dict" not in annotation:
            continue
        with pytest.raises(ConfigError) as caught:
            spec(**{field: bad})
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=f"unknown key '{field}x': did you mean '{field}'"):
        spec(**{f"{field}x": 1})


@checked
def example(
    count: int = 1,
    share: float = 1.0,
    flag: bool = False,
    path: Path | str = "",
    folder: Path | None = None,
    names: "list[str] | None" = None,
    ids: tuple[str, ...] = (),
    table: "dict[str, int] | None" = None,
) -> dict[str, Any]:
    """One parameter of each kind."""
    return locals()


@pytest.mark.parametrize(("name", "given", "arrives"), [
    ("count", np.int8(3), 3), ("count", np.uint64(2**40), 2**40), ("share", 3, 3), ("share", np.float32(0.5), 0.5),
    ("flag", np.True_, True), ("path", Path("a"), Path("a")), ("path", "s3://a/b", "s3://a/b"),
    ("folder", "a", Path("a")),
    ("names", ["a"], ["a"]), ("names", iter("ab"), ["a", "b"]), ("names", (), ()), ("ids", ["a"], ["a"]),
    ("table", {"a": 1}, {"a": 1}),
])  # fmt: skip
def test_one_value_has_one_form(name: str, given: Any, arrives: Any) -> None:
    found = example(**{name: given})[name]
    assert found == arrives and type(found) is type(arrives)


@pytest.mark.parametrize(("name", "bad", "words"), [
    ("count", True, "count must be a whole number, but is True (bool)."),
    ("count", 2.0, "count must be a whole number, but is 2.0 (float)."),
    ("count", "3", "count must be a whole number, but is '3' (str)."),
    ("share", Decimal(1), "share must be a number, but is a Decimal."),
    ("share", True, "share must be a number, but is True"),
    ("flag", 1, "flag must be True or False, but is 1 (int)."),
    ("path", b"a", "path must be a path, but is b'a' (bytes)."),
    ("path", "a\0b", "path must be a path, but contains a NUL character"),
    ("path", "n" * 300, "path must be a path, but is longer than any file name"),
    ("folder", "x/" * 3000, "folder must be a path or None, but is longer than any file name"),
    ("names", "abc", "names must be a list, each value text or None, but is 'abc' (str): write [name]"),
    ("names", ["a", 3], "names must be a list, each value text or None, but holds 3 (int)."),
    ("table", {"a": "b"}, "table must be a dictionary, each value a whole number or None, but holds 'b' (str)."),
    ("table", ["a"], "table must be a dictionary, each value a whole number or None, but is a list."),
    ("count", "x" * 99, "count must be a whole number, but is '" + "x" * 59 + "... (str)."),
    ("count", "\x1b[31m\n", r"'\x1b[31m\n' (str)."),
])  # fmt: skip
def test_the_sentence(name: str, bad: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        example(**{name: bad})
    assert words in str(caught.value)


def test_what_python_refuses_stays_with_python() -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        example(cuont=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        example(1, 1.0, False, "", None, None, (), None, 9)  # type: ignore[call-arg]
