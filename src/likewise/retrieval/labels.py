"""Classes of images, as users give them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from likewise.errors import InputError

Labels = Sequence[Any] | np.ndarray | Tensor


def checked_labels(labels: Labels, rows: int | None, name: str) -> np.ndarray:
    """``labels`` as ``(rows,)`` of whole numbers or text; None takes any number of rows.

    Raises:
        InputError: Another length, or a value that is neither text nor a whole number (empty, None, NaN, 0.5).
    """
    values = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if values.shape != (len(values) if rows is None and values.ndim else rows,):
        raise InputError(
            f"{name} must hold one class for each of the {rows} vectors, but has shape {values.shape}."
        )
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        empty = np.flatnonzero(values != np.round(values)).tolist()  # NaN too
    else:
        empty = [row for row, value in enumerate(values.tolist()) if not isinstance(value, str) or not value]
    if empty:
        raise InputError(
            f"{name} must be text or whole numbers, but row {empty[0]} is {values.tolist()[empty[0]]!r} "
            f"({len(empty)} such rows): name the class or leave the image out."
        )
    return values.astype(np.int64 if values.dtype.kind == "f" else np.str_)
