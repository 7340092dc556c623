"""What callers gave: one sentence where it is of the wrong kind."""

from typing import Any

from likewise.data.catalog import Catalog
from likewise.errors import CatalogError, ConfigError


def require_catalog(value: Any, function: str) -> Catalog:
    """``value``, which must be a Catalog.

    Raises:
        CatalogError: It is something else, such as the path of one.
    """
    if not isinstance(value, Catalog):
        raise CatalogError(
            f"{function} takes a catalog, not a {type(value).__name__} ({value!r:.60}): use Catalog.read(path)."
        )
    return value


def require_count(value: Any, name: str, least: int) -> int:
    """``value``, which must be a whole number, ``least`` or more.

    Raises:
        ConfigError: It is not.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ConfigError(f"{name} is {value!r:.60}: it must be a whole number, {least} or more.")
    return int(value)
