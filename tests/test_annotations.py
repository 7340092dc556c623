"""Annotations mean the same however a version of Python or NumPy writes them."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pytest
from numpy.typing import ArrayLike, NDArray
from typing_extensions import TypeAliasType

from likewise.annotations import kind_of
from likewise.argument_kinds import Misfit
from likewise.bounds import Count, InnerShare, Positive, PositiveOrZero, Share

T = TypeVar("T")
Rows = TypeAliasType("Rows", np.ndarray[Any, Any] | Sequence[int])
Named = TypeAliasType("Named", str | None)
Both = TypeAliasType("Both", Rows | Named)
Listed = TypeAliasType("Listed", list[T], type_params=(T,))


def words(annotation: Any) -> str:
    kind = kind_of(annotation, __name__)
    assert kind is not None
    return kind.words


@pytest.mark.parametrize(
    ("alias", "written_out"),
    [
        (Rows, np.ndarray | Sequence[int]),
        (Rows | None, np.ndarray | Sequence[int] | None),
        (Both, np.ndarray | Sequence[int] | str | None),
        ("Both | int", np.ndarray | Sequence[int] | str | None | int),
        (Listed[int], list[int]),
        (Listed[int] | str, list[int] | str),
    ],
    ids=str,
)
def test_an_alias_means_what_it_stands_for(alias: Any, written_out: Any) -> None:
    assert words(alias) == words(written_out)


def test_elements_of_a_generic_alias_are_checked() -> None:
    kind = kind_of(Listed[int], __name__)
    assert kind is not None and isinstance(kind.fit(["x"]), Misfit) and kind.fit([1]) == [1]


@pytest.mark.parametrize(
    "annotation", [ArrayLike, npt.NDArray[np.float64], "NDArray[np.int64]", "ArrayLike"], ids=str
)
def test_arrays_of_numpy(annotation: Any) -> None:
    kind = kind_of(annotation, __name__)
    assert kind is not None and kind.words == "a list or an array"
    assert isinstance(kind.fit("9"), Misfit) and isinstance(kind.fit(9), Misfit)


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (Count, [1, 7], [0, -1, 1.5]),
        (Positive, [1e-9, 3], [0, -1, float("inf")]),
        (PositiveOrZero, [0, 2.5], [-1e-9, float("nan")]),
        (Share, [0, 0.5, 1], [-0.01, 1.01]),
        (InnerShare, [0.01, 0.99], [0, 1]),
        (Count | None, [None, 1], [0]),
        (list[Count], [[], [1, 2]], [[1, 0]]),
    ],
    ids=str,
)
def test_numbers_are_within_their_bounds(annotation: Any, good: list[Any], bad: list[Any]) -> None:
    kind = kind_of(annotation, __name__)
    assert kind is not None
    assert [kind.fit(value) for value in good] == good
    assert all(isinstance(kind.fit(value), Misfit) for value in bad)


def test_a_fixed_number_of_values_is_neither_more_nor_less() -> None:
    kind = kind_of(tuple[int, str], __name__)
    assert kind is not None and kind.fit((1, "a")) == (1, "a") and kind.fit([1, "a"]) == [1, "a"]
    for value in ((), (1,), (1, "a", "b")):
        misfit = kind.fit(value)
        assert isinstance(misfit, Misfit) and misfit.reason == f"holds {len(value)}"
    assert isinstance(kind.fit(("a", 1)), Misfit) and isinstance(kind.fit(3), Misfit)


def test_text_beside_arrays_of_numpy_is_text() -> None:
    kind = kind_of(str | Sequence[Any] | NDArray[Any] | None, __name__)
    assert kind is not None and kind.fit("9") == "9" and kind.fit(None) is None
    assert isinstance(kind.fit(9), Misfit)
