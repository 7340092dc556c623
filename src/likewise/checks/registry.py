"""Checks by id: those of likewise, registered ones, and those of installed packages."""

from collections.abc import Sequence
from typing import Any

from likewise.arguments import checked
from likewise.checks import audits, background, change, cost, data, geometry, matches, retrieval, threshold
from likewise.checks.definition import GROUPS, Check
from likewise.errors import ConfigError, choices
from likewise.extensions import Registry

_MODULES = (data, retrieval, threshold, geometry, background, audits, matches, change, cost)


def _adapted(name: str, thing: Any) -> Check:
    if not isinstance(thing, Check):
        raise ConfigError(
            f"The check '{name}' is a {type(thing).__name__}: register a likewise.checks.Check."
        )
    return thing


_OWN: dict[str, Check] = {check.id: check for module in _MODULES for check in module.CHECKS}
_checks: Registry[Check] = Registry("check", "--only ", _OWN, _adapted)


@checked
def register(check: Check) -> None:
    """Register a user-defined check by its id, in this process.

    An installed package registers its checks by entry points of the group ``likewise.checks``, each a
    :class:`likewise.checks.Check`.

    Raises:
        ConfigError: The id is taken or cannot be one (use letters, digits and _).
    """
    _checks.register(check.id, check)


def names() -> list[str]:
    """Ids of all checks, group by group."""
    groups = list(GROUPS)
    ids = [*_OWN, *(name for name in _checks.names() if name not in _OWN)]
    return sorted(ids, key=lambda name: groups.index(_checks.get(name).group))


def get(name: str) -> Check:
    """A check by its id.

    Raises:
        ConfigError: There is none.
    """
    return _checks.get(name)


def require_known(words: Sequence[str], source: str, *, groups: bool = True) -> None:
    """Refuse words that are neither ids nor groups.

    Raises:
        ConfigError: There is no such check.
    """
    existing = [*names(), *(GROUPS if groups else ())]
    for word in words:
        if word not in existing:
            raise ConfigError(
                f"{source} names the check {word!r}, which does not exist: {choices(word, existing)}"
            )


def select(only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Check]:
    """Checks by ids or groups, in the order of the groups.

    Raises:
        ConfigError: There is no such check or group, or none is left.
    """
    require_known([*only, *skip], "The selection")
    chosen = [
        check for check in map(get, names())
        if (not only or {check.id, check.group} & set(only)) and not {check.id, check.group} & set(skip)
    ]  # fmt: skip
    if not chosen:
        raise ConfigError("No check is left: name fewer with skip.")
    return chosen
