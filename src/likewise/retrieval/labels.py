"""Classes of images, as users give them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from likewise.arrays import as_array
from likewise.errors import InputError

Labels = Sequence[Any] | np.ndarray | Tensor


def checked_labels(labels: Labels, rows: int | None, name: str) -> np.ndarray:
    """``labels`` as ``(rows,)`` of whole numbers or text; None takes any number of rows.

    Lists, tuples, arrays and tensors of any type, pandas columns with any index: the same classes. Numbers and text are
    never the same class, so a mixture is refused.

    Raises:
        InputError: Another length, or a value that is neither text nor a whole number (empty, None, NaN, 0.5).
    """
    # NumPy would convert a 7 among names to the text "7", so lists are checked entry by entry.
    values = (
        np.array([*labels, None], dtype=object)[:-1]
        if isinstance(labels, list | tuple)
        else as_array(labels, name)
    )
    if values.shape != (len(values) if rows is None and values.ndim else rows,):
        raise InputError(
            f"{name} must hold one class for each of the {rows} vectors, but has shape {values.shape}."
        )
    if values.dtype.kind in "bi" or (values.dtype.kind == "u" and (not len(values) or values.max() < 2**63)):
        return values.astype(np.int64)
    if values.dtype.kind in "UT":
        values = values.astype(object)
    entries = values.tolist()
    if isinstance(labels, list | tuple):
        entries = [entry.item() if _is_scalar(entry) else entry for entry in entries]
    wrong = [row for row, entry in enumerate(entries) if not _is_class(entry)]
    if wrong:
        raise InputError(
            f"{name} must be text or whole numbers, but row {wrong[0]} is {entries[wrong[0]]!r} "
            f"({len(wrong)} such rows): name the class or leave the image out."
        )
    if not entries:
        raise InputError(f"{name} has no class: give one per image.")
    texts = [isinstance(entry, str) for entry in entries]
    if any(texts) != all(texts):
        row = texts.index(texts[0] is False)
        raise InputError(
            f"{name} must be all text or all whole numbers, but row 0 is {entries[0]!r} and row {row} {entries[row]!r}."
        )
    return (
        np.array(entries, dtype=np.str_)
        if all(texts)
        else np.array([int(entry) for entry in entries], np.int64)
    )


def _is_scalar(entry: Any) -> bool:
    """A NumPy scalar, or an array or tensor of one number."""
    return hasattr(entry, "item") and getattr(entry, "ndim", 1) == 0


def _is_class(entry: Any) -> bool:
    """Text that is not empty, or an integer that fits in int64."""
    if isinstance(entry, str):
        return bool(entry)
    if isinstance(entry, bool | int):
        return -(2**63) <= entry < 2**63
    return isinstance(entry, float) and entry.is_integer() and abs(entry) < 2**63
