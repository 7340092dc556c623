"""Turn a pydantic error into one sentence that names the key, the value and the nearest valid key."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from likewise.errors import choices


def sentence(error: ValidationError, model: type[BaseModel], source: str) -> str:
    """The first problem of ``error`` in words; the number of further ones behind it."""
    problems = error.errors()
    text = _describe(problems[0], model)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{source}: {text}{more}"


def _describe(problem: Any, model: type[BaseModel]) -> str:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location) or "the experiment"
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}': {choices(location[-1], _fields(model, location[:-1]))}"
    if problem["type"] == "missing":
        return f"'{key}' is missing: set it in the file or with -o {key}=VALUE."
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not location:
        return f"{message}."
    given = problem.get("input")
    shown = "" if isinstance(given, dict) else f" (got {given!r:.200})"
    return f"'{key}': {message[0].lower() + message[1:]}{shown}."


def _fields(model: type[BaseModel], location: list[str]) -> list[str]:
    for name in location:
        inner = _model_of(model.model_fields[name].annotation) if name in model.model_fields else None
        if inner is None:
            break
        model = inner
    return list(model.model_fields)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
