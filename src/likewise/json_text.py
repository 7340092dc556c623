"""Values of any column type as one JSON document that every parser reads.

Dates become ISO 8601 text, NumPy and torch numbers and arrays become numbers and lists, and a number that JSON cannot
hold (NaN, infinite) becomes null.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any

from likewise.printable import ACTIVE


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """``value`` as indented JSON, ending with a newline.

    Args:
        value: Mappings, sequences, sets, arrays, data frames' cells, dates, data classes, pydantic models, paths.
        ascii_only: Write characters outside ASCII as escapes, for an output that cannot hold them.

    Raises:
        TypeError: An object that has no JSON form.
    """
    plain = json_value(value)
    text = json.dumps(plain, indent=2, ensure_ascii=ascii_only, allow_nan=False)
    # JSON allows some control characters as they are; UTF-8 does not allow lone surrogates.
    return ACTIVE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def json_value(value: Any) -> Any:  # noqa: PLR0911 - one return per kind of value
    """``value`` in the types that :mod:`json` writes; NaN and missing values are None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return json_value(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, datetime | date | time):
        # pandas' missing time is a datetime that is not equal to itself
        return value.isoformat() if value == value else None  # noqa: PLR0124
    return _other(value)


def _other(value: Any) -> Any:  # noqa: PLR0911 - one return per kind of value
    if isinstance(value, timedelta):
        return value.total_seconds() if value == value else None  # noqa: PLR0124
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", errors="backslashreplace")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: json_value(getattr(value, field.name)) for field in fields}
    if hasattr(value, "model_dump"):  # pydantic
        return json_value(value.model_dump(mode="json"))
    if type(value).__name__ in ("NaTType", "NAType"):  # pandas' missing values
        return None
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # NumPy and torch; a date of NumPy is text
        return (
            str(value) if "datetime64" in str(value.dtype) and not value.shape else json_value(_listed(value))
        )
    if isinstance(value, Set):
        return sorted((json_value(item) for item in value), key=str)
    if isinstance(value, Iterable):
        return [json_value(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _listed(array: Any) -> Any:
    return array.astype(str).tolist() if "datetime64" in str(array.dtype) else array.tolist()


def _key(key: Any) -> str:
    plain = json_value(key)
    return plain if isinstance(plain, str) else json.dumps(plain)
