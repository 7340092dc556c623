"""Sentences on descriptions that do not fit: which key, which value, what may have been meant, and how many more."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from likewise.errors import ConfigError
from likewise.validation_errors import Spec, reason, sentence


class Inner(Spec):
    height: int = 1
    color: str = "red"


class Outer(Spec):
    width: int
    name: str = "x"
    inner: Inner = Inner()


def refused(values: Any, model: type[BaseModel] = Outer) -> ValidationError:
    with pytest.raises(ValidationError) as error:
        model.model_validate(values)
    return error.value


@pytest.mark.parametrize(
    ("values", "words", "more"),
    [
        ({}, "'width' is missing: it is needed", 0),
        ({"width": 1, "heigt": 2}, "unknown key 'heigt': did you mean 'inner.height'?", 0),
        ({"width": 1, "widht": 2}, "unknown key 'widht': did you mean 'width'?", 0),
        ({"width": 1, "color": "a"}, "unknown key 'color': did you mean 'inner.color'?", 0),
        ({"width": 1, "inner": {"colour": "a"}}, "unknown key 'inner.colour': did you mean 'color'?", 0),
        ({"width": [1]}, "'width': input should be a valid integer (got [1])", 0),
        ({"width": 1, "name": 3}, "'name': input should be a valid string (got 3 (int))", 0),
        (
            {"width": 1, "inner": 3},
            "'inner': input should be a valid dictionary or instance of Inner (got 3 (int))",
            0,
        ),
        ({"name": 3, "inner": {"height": "a"}}, "'width' is missing: it is needed", 2),
        ({"name": 3, "widht": 2}, "unknown key 'widht': did you mean 'width'?", 2),
        (
            {"width": 1, "name": 3, "inner": {"height": "a"}},
            "'name': input should be a valid string (got 3 (int))",
            1,
        ),
    ],
)
def test_the_first_problem_is_said_and_the_others_are_counted(
    values: dict[str, Any], words: str, more: int
) -> None:
    error = refused(values)
    assert reason(error, Outer) == words
    first = words.replace("it is needed", "give a value for it") + "." * (not words.endswith("?"))
    whole = first + (f" (and {more} more)" if more else "")
    assert sentence(error, Outer, "file.yaml") == f"file.yaml: {whole}"
    with pytest.raises(ConfigError) as refusal:
        Outer(**values)
    assert str(refusal.value) == f"Outer: {whole}"


def test_the_advice_for_a_missing_key_names_it() -> None:
    assert (
        sentence(refused({}), Outer, "f", "add  -o {key}=VALUE")
        == "f: 'width' is missing: add  -o width=VALUE."
    )


@pytest.mark.parametrize(("error", "words"), [
    (OSError("no disk\nmore"), "no disk"), (ValueError(), "ValueError"), (RecursionError(""), "RecursionError"),
])  # fmt: skip
def test_the_reason_of_another_error_is_its_first_line(error: Exception, words: str) -> None:
    assert reason(error, Outer) == words
