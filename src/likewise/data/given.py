"""Checks of arguments of the wrong kind."""

from typing import Any

from likewise.data.catalog import Catalog
from likewise.errors import CatalogError


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
