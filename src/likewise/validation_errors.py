"""One-sentence errors for descriptions written by users, in YAML or Python.

The sentence names the key, the value and, where a key is unknown, the nearest valid one.
"""

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from likewise.argument_kinds import shown
from likewise.bounds import LARGEST, MOST_SEED
from likewise.errors import ConfigError, choices

_MOST_SUGGESTED = 3


class Spec(BaseModel):
    """Base of the descriptions that users construct.

    Raises:
        ConfigError: A key is unknown, or a value is not allowed. Only ``model_validate`` raises pydantic's own error,
            for those who read a file and name it in their sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(sentence(error, type(self), type(self).__name__)) from error

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to change a description: what was made of it would not follow."""
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        kind = type(self).__name__
        if name not in type(self).model_fields:
            raise ConfigError(f"{kind} has no {name!r}: {choices(name, list(type(self).model_fields))}")
        raise ConfigError(
            f"{kind} cannot be changed: make another one,  {kind}(**dict(value) | {{{name!r}: ...}})"
        )

    # Nested descriptions are validated as a whole, not by calling __init__ for each.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @field_validator("*", mode="before")
    @classmethod
    def _of_use(cls, value: Any) -> Any:
        """No number is so large that sums of it overflow, whatever the bounds of its field."""
        for each in value if isinstance(value, list | tuple) else [value]:
            most = MOST_SEED if isinstance(each, int) else LARGEST
            if isinstance(each, int | float) and not abs(each) <= most:
                raise ValueError(f"must be a finite number of at most {most:,}")
        return value


def sentence(
    error: ValidationError, model: type[BaseModel], source: str, missing: str = "give a value for it"
) -> str:
    """The first problem of ``error`` in words; the number of further ones behind it.

    Args:
        error: The error of pydantic.
        model: The description that was validated.
        source: Stands first: the file, or the name of the description.
        missing: Advice for a missing key; ``{key}`` is replaced.
    """
    problems = _problems(error)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{source}: {_in_words(problems[0], model, missing)}{more}"


def reason(error: Exception, model: type[BaseModel]) -> str:
    """Reason why a stored file is not a ``model``, as text for brackets.

    Args:
        error: Error of pydantic, or of reading the file.
        model: The description that was expected.
    """
    if isinstance(error, ValidationError):
        return _in_words(_problems(error)[0], model, "it is needed").removesuffix(".")
    return (str(error).splitlines() or [type(error).__name__])[0]


def _problems(error: ValidationError) -> list[Any]:
    # A misspelt key first: it is the reason that another is missing.
    return sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")


def _in_words(problem: Any, model: type[BaseModel], missing: str) -> str:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}': {_instead(model, location)}"
    if problem["type"] == "missing":
        return f"'{key}' is missing: {missing.format(key=key)}."
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not location:
        return f"{message}."
    value = problem.get("input")
    received = (
        ""
        if isinstance(value, dict)
        else f" (got {shown(value) if isinstance(value, int | str) else f'{value!r:.60}'})"
    )
    return f"'{key}': {message[:1].lower()}{message[1:]}{received}."


def _fields(model: type[BaseModel], location: list[str]) -> list[str]:
    for name in location:
        inner = _model_of(model.model_fields[name].annotation) if name in model.model_fields else None
        if inner is None:
            break
        model = inner
    return list(model.model_fields)


def _instead(model: type[BaseModel], location: list[str]) -> str:
    """The end of a sentence that names the keys that may have been meant, first those of the same description."""
    name, valid = location[-1], _fields(model, location[:-1])
    inner = _inner_keys(model)
    near = get_close_matches(name, valid, n=1)
    names = [name] if name in inner.values() or near else get_close_matches(name, inner.values(), n=1)
    meant = [key for key, last in inner.items() if last in names]
    if not 1 <= len(meant) <= _MOST_SUGGESTED:
        return choices(name, valid)
    return f"did you mean {' or '.join(repr(key) for key in meant)}?"


def _inner_keys(model: type[BaseModel], above: str = "") -> dict[str, str]:
    """Full keys of the fields of the descriptions inside of ``model``, and their last parts."""
    keys: dict[str, str] = {}
    for field, about in model.model_fields.items():
        inner = _model_of(about.annotation)
        if inner is not None:
            key = f"{above}{field}."
            keys |= {key + name: name for name in inner.model_fields} | _inner_keys(inner, key)
    return keys


def _model_of(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
