"""A stored check as the reference of a later one: what ``likewise check --json`` printed."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from likewise.arguments import checked
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.files import digest
from likewise.validation_errors import reason


class _Measure(BaseModel):
    """None stands for a value that is not a number."""

    value: float | None
    low: float | None
    high: float | None


class _Check(BaseModel):
    id: str
    measures: dict[str, _Measure]


class _Run(BaseModel):
    model: str
    images: int
    catalog: str
    checks: list[_Check]


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
        _Run.model_validate(stored)
    except OSError as error:
        raise InputError(
            f"There is no file {path}: make it with  likewise check MODEL CATALOG --json > {shlex.quote(str(path))}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not the result of a check ({reason(error, _Run)}): make it with  "
            f"likewise check MODEL CATALOG --json > {shlex.quote(str(path))}"
        ) from error
    return dict(stored)


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
            f"The reference is a check of {reference.get('images', 0)} other images, and this catalog has "
            f"{len(catalog)}: give the catalog it was made of, or the earlier model as reference."
        )
