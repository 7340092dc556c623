"""Every error has its exit code, and the sentences name the nearest valid value."""

import inspect
import re

import pytest

from likewise import errors
from likewise.errors import InputError, InterruptedWork, LikewiseError, MissingExtraError, WorkError, choices

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LikewiseError)
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_exit_codes(kind: type[LikewiseError]) -> None:
    expected = 2 if issubclass(kind, InputError) else 130 if issubclass(kind, InterruptedWork) else 3
    assert kind.exit_code == expected
    assert issubclass(WorkError, LikewiseError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^\s+(?:│\s+)*[├└]── (\w+)", errors.__doc__ or "", re.M)
    assert sorted(drawn) == sorted(kind.__name__ for kind in KINDS if kind is not LikewiseError)


def test_a_missing_extra_says_how_to_get_it() -> None:
    assert str(MissingExtraError("Rendering", "scenes")) == (
        "Rendering needs an optional dependency: run  pip install 'likewise[scenes]'."
    )


@pytest.mark.parametrize(
    ("value", "valid", "words"),
    [
        ("recal@1", ["recall@1", "map@r"], "did you mean 'recall@1'?"),
        ("zzz", ["b", "a"], "choose one of: a, b."),
        ("proxyanchor", ["proxy_anchor", "proxy_nca"], "did you mean 'proxy_anchor'?"),
        ("x", [], "choose one of: ."),
        ("tset", ["'test'", "'train'"], "did you mean 'test'?"),
    ],
)
def test_choices(value: str, valid: list[str], words: str) -> None:
    assert choices(value, valid) == words
