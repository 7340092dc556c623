"""A stored check as the reference of a later one: what ``likewise check --json`` printed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likewise.arguments import checked
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.files import digest


@checked
def read_reference(path: Path | str) -> dict[str, Any]:
    """Read an earlier result.

    Args:
        path: Output of ``likewise check --json``, or ``CheckRun.to_dict()`` as JSON.

    Raises:
        InputError: The file is missing, or holds something else.
    """
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        checks = stored["checks"]
        if isinstance(stored["catalog"], str) and all(
            isinstance(check["id"], str) and isinstance(check["measures"], dict) for check in checks
        ):
            return dict(stored)
    except OSError as error:
        raise InputError(
            f"There is no file {path}: make it with  likewise check MODEL CATALOG --json > {path}"
        ) from error
    except (ValueError, TypeError, KeyError):
        pass
    raise InputError(
        f"{path} is not the result of a check: make it with  likewise check MODEL CATALOG --json > {path}"
    )


def images_digest(catalog: Catalog) -> str:
    """Digest of the ids of the images, whatever their order, labels and other columns."""
    return digest(*sorted(catalog.ids))


def require_same_images(reference: Mapping[str, Any], catalog: Catalog) -> None:
    """Refuse an earlier result of other images, whose scores cannot be compared.

    Raises:
        InputError: The ids of the images differ.
    """
    if reference.get("catalog") != images_digest(catalog):
        raise InputError(
            f"The reference is a check of other images ({reference.get('images', 0):,}, and this catalog has "
            f"{len(catalog):,}): give the catalog it was made of, or the earlier model as reference."
        )
