"""Audits by name: those of likewise that look at one model, and those of users.

An audit of your own is a function ``(model, catalog, **options)`` that returns a :class:`likewise.report.Result`.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from likewise.arguments import checked
from likewise.audit.background_bias.audit import background
from likewise.audit.explanation_faithfulness.audit import faithfulness
from likewise.audit.property_influence.audit import properties
from likewise.audit.robustness_to_changes.audit import robustness
from likewise.data import Catalog
from likewise.errors import ConfigError, LikewiseError, WorkError, choices
from likewise.extensions import Registry, what_happened
from likewise.models import SimilarityModel
from likewise.results import Result, Verdict

Audit = Callable[..., Result]
_GIVEN = 2  # model and catalog, before the options
_TEXT = (str, "str", Path, "Path", "BackgroundBank | Path | str")


def _adapted(name: str, audit: Any) -> Audit:
    if not callable(audit):
        raise ConfigError(f"The audit '{name}' is a {type(audit).__name__}: it must be a function.")
    try:
        inspect.signature(audit).bind(None, None)
    except TypeError as error:
        raise ConfigError(
            f"The audit '{name}' must be callable as audit(model, catalog), its options with defaults: {error}."
        ) from error
    return audit  # type: ignore[no-any-return]


_audits: Registry[Audit] = Registry(
    "audit", "likewise audit run MODEL CATALOG ",
    {"background": background, "faithfulness": faithfulness, "properties": properties,
     "robustness": robustness}, _adapted,
)  # fmt: skip


@checked
def register(name: str, audit: Audit) -> None:
    """Make an audit of your own known by a name, in this process.

    An installed package registers its audits by entry points of the group ``likewise.audits``.

    Args:
        name: For :func:`run` and ``likewise audit run``.
        audit: Called with a :class:`likewise.models.SimilarityModel`, a :class:`likewise.data.Catalog` and options by
            name, which all have defaults. It returns an object with ``verdict()`` and ``to_dict()``; with
            ``sections()`` as well, its page shows those, else all numbers of ``to_dict()``.

    Raises:
        ConfigError: The name is taken or cannot be one, or ``audit`` cannot be called like this.
    """
    _audits.register(name, audit)


def names() -> list[str]:
    """The audits that :func:`run` knows, sorted; registered and installed ones included."""
    return _audits.names()


@checked
def run(name: str, model: SimilarityModel, catalog: Catalog, **options: Any) -> Result:
    """Run an audit by its name.

    Args:
        name: A shipped, registered or installed audit, or ``package.module:function`` after :func:`likewise.trust`.
        model: Any model.
        catalog: Images.
        **options: Of the audit.

    Raises:
        ConfigError: There is no such audit or option, or an option without a default is missing.
        WorkError: An audit of a user failed, or returned something else than a result.
    """
    audit = _audits.get(name)
    parameters = _options(audit)
    for key in options:
        if key not in parameters:
            raise ConfigError(f"The audit '{name}' has no option '{key}': {choices(key, parameters)}")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in options:
            raise ConfigError(f"The audit '{name}' needs the option '{key}': add -o {key}=VALUE.")
    try:
        result = audit(model, catalog, **options)
        if isinstance(result, Result) and isinstance(result.verdict(), Verdict):
            return result
    except LikewiseError:
        raise
    except Exception as error:  # code of the user's may raise anything
        raise WorkError(f"The audit '{name}' failed: {what_happened(error)}") from error
    raise WorkError(
        f"The audit '{name}' returned a {type(result).__name__}: return an object whose verdict() gives a "
        "likewise.report.Verdict and whose to_dict() gives all numbers."
    )


def parse_options(name: str, texts: list[str]) -> Mapping[str, Any]:
    """Options of an audit from ``key=value``: text for options that are text or paths, else YAML.

    Raises:
        ConfigError: There is no such audit, or a text has another form.
    """
    parameters, parsed = _options(_audits.get(name)), {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.isidentifier():
            raise ConfigError(f"-o is {text!r}: write OPTION=VALUE.")
        kind = parameters[key].annotation if key in parameters else None
        try:
            parsed[key] = value if kind in _TEXT else yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"-o is {text!r}: the value is not valid YAML; put it in quotes.") from error
    return parsed


def seed_of(name: str, options: Mapping[str, Any]) -> int | None:
    """The seed an audit will use: of its options, or its own default; None if it takes no seed."""
    parameter = _options(_audits.get(name)).get("seed")
    seed = options.get("seed", None if parameter is None else parameter.default)
    return seed if isinstance(seed, int) else None


def title(name: str) -> str:
    """The heading of an audit's page: the first sentence of its docstring, or its name."""
    words = (inspect.getdoc(_audits.get(name)) or "").split("\n")[0].rstrip(".")
    return words or name.rpartition(":")[2].replace("_", " ").capitalize()


def _options(audit: Audit) -> dict[str, inspect.Parameter]:
    parameters = list(inspect.signature(audit).parameters.values())[_GIVEN:]
    return {
        parameter.name: parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD
    }
