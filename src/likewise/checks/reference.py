"""A stored check as the reference of a later one: what ``likewise check --json`` printed."""

import json
from pathlib import Path
from typing import Any

from likewise.arguments import checked
from likewise.errors import InputError


@checked
def read_reference(path: Path | str) -> dict[str, Any]:
    """Read an earlier result.

    Args:
        path: File with what ``likewise check --json`` printed, or ``CheckRun.to_dict()`` as JSON.

    Raises:
        InputError: The file is missing, or holds something else.
    """
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        checks = stored["checks"]
        if all(isinstance(one["id"], str) and isinstance(one["measures"], dict) for one in checks):
            return dict(stored)
    except OSError as error:
        raise InputError(
            f"There is no file {path}: make it with  likewise check MODEL CATALOG --json > {path}"
        ) from error
    except (ValueError, TypeError, KeyError):
        pass
    raise InputError(
        f"{path} is no result of a check: make it with  likewise check MODEL CATALOG --json > {path}"
    )
