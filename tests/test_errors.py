"""Every error has its exit code, and the sentences name the nearest valid value."""

import inspect
import pickle
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
        ("x", [], "there are none."),
        ("tset", ["'test'", "'train'"], "did you mean 'test'?"),
    ],
)
def test_choices(value: str, valid: list[str], words: str) -> None:
    assert choices(value, valid) == words


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_way_from_another_process(kind: type[LikewiseError]) -> None:
    words = ("Rendering", "scenes") if kind is MissingExtraError else ("What went wrong.",)
    error = kind(*words)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error) and again.exit_code == error.exit_code


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not MissingExtraError])
def test_a_value_of_thousands_of_characters_is_shortened(kind: type[LikewiseError]) -> None:
    value = "begin" + "x" * 100_000 + "end.jpg"
    sentence = str(kind(f"There is no column {value!r}: choose a, b."))
    assert (
        len(sentence) < 400
        and sentence.startswith("There is no column 'begin")
        and "choose a, b." in sentence
    )
    assert "end.jpg" in sentence and "(99,8" in sentence
    many_words = str(kind("word " * 30_000 + "the end."))
    assert len(many_words) < 4100 and many_words.endswith("the end.")
    assert str(kind("n" * 255)) == "n" * 255  # a file name
