"""Arrays as users give them: one road from any form to plain NumPy, so that the form never changes a result.

A list, a tuple, a NumPy array of any type, byte order and stride, a torch tensor on any device, a pandas column with
any index: all give the same values in the same order, or a sentence that says what is wrong with them.
"""

import sys
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from likewise.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]


def as_array(values: Any, name: str) -> NDArray[Any]:
    """Any array-like as a NumPy array of native byte order; pandas columns lose their index, tensors their device.

    Args:
        values: List, tuple, range, NumPy array, torch tensor, pandas Series, Index or DataFrame, nested or not.
        name: How messages call it.

    Raises:
        InputError: No array: a set or a dictionary (without an order), text, ragged rows, masked or sparse values.
    """
    if isinstance(values, str | bytes | Mapping | Set) or values is None:
        what = (
            f"{type(values).__name__} {values!r}" if isinstance(values, str) else f"a {type(values).__name__}"
        )
        raise InputError(f"{name} must be a list or an array, not {what}.")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        return _of_tensor(values, name)
    if (
        torch is not None
        and isinstance(values, list | tuple)
        and any(isinstance(one, torch.Tensor) for one in values)
    ):
        values = [_of_tensor(one, name) if isinstance(one, torch.Tensor) else one for one in values]
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(f"{name} has masked values: leave these rows out.")
    if isinstance(values, Iterable) and not hasattr(values, "__len__"):
        values = list(values)
    try:
        found = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{name} must be an array, but its rows have different lengths or types ({error})."
        ) from error
    if found.dtype.kind == "f" and found.dtype.itemsize > 8:  # neither torch nor Python has such numbers
        found = found.astype(np.float64)
    if not found.dtype.isnative:
        found = found.astype(found.dtype.newbyteorder("="))
    return found


def as_numbers(values: Any, name: str) -> Floats:
    """Any array-like of numbers as float64, of any shape; truth values are 0 and 1, missing values are NaN.

    Raises:
        InputError: As :func:`as_array`; or text, dates or complex numbers among them.
    """
    found = as_array(values, name)
    if found.dtype.kind in "biuf":
        return found.astype(np.float64)
    if found.dtype.kind == "O":
        flat = found.ravel().tolist()
        wrong = next((one for one in flat if not _is_number(one) and not _is_missing(one)), None)
        if wrong is None:
            numbers = np.array([np.nan if _is_missing(one) else float(one) for one in flat], np.float64)
            return numbers.reshape(found.shape)
        raise InputError(f"{name} must be numbers, but contains {wrong!r}.")
    kinds = {"c": "complex numbers", "U": "text", "S": "bytes", "T": "text", "M": "dates", "m": "time spans"}
    raise InputError(f"{name} must be numbers, but contains {kinds.get(found.dtype.kind, found.dtype.name)}.")


def as_rows(rows: Any, count: int) -> NDArray[np.int64]:
    """Numbers of rows, in the order given, from numbers or from one truth value for each of ``count`` rows.

    Raises:
        InputError: Neither, or a number outside 0..``count`` - 1.
    """
    found = as_array(rows, "rows")
    if found.dtype == bool and found.shape == (count,):
        return np.flatnonzero(found)
    whole = found.ndim == 1 and (found.dtype.kind in "iu" or not len(found))
    if not whole or (found < 0).any() or (found >= count).any():
        raise InputError(
            f"Cannot take rows {rows!r:.60}: give some of 0 to {count - 1}, each once, or True or False each."
        )
    return found.astype(np.int64)


def as_column(values: Any, name: str) -> "pd.Series[Any]":
    """Any one-dimensional array-like as a pandas column numbered from 0, with its missing values.

    Text stays text and numbers stay numbers; mixed values become an object array.

    Raises:
        InputError: As :func:`as_array`, or more than one dimension.
    """
    import pandas as pd

    if isinstance(values, pd.Series | pd.Index):
        column = pd.Series(values).reset_index(drop=True)
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = pd.Series(column.tolist())
    elif isinstance(values, np.ma.MaskedArray):
        column = pd.Series([None if one is np.ma.masked else one for one in values.tolist()])
    else:
        column = pd.Series(_one_dimension(values, name))
    return column.infer_objects() if column.dtype == object else column


def _one_dimension(values: Any, name: str) -> list[Any]:
    """The entries of a list or an array, as Python objects."""
    if isinstance(values, list | tuple | range):
        torch = sys.modules.get("torch")
        entries = [
            one.tolist() if torch is not None and isinstance(one, torch.Tensor) else one for one in values
        ]
        wrong = next(
            (one for one in entries if isinstance(one, list | tuple | dict | set | np.ndarray)), None
        )
        if wrong is not None:
            raise InputError(f"{name} must have one value per image, but contains {wrong!r}.")
        return [
            one.item() if isinstance(one, np.generic) and not isinstance(one, np.datetime64) else one
            for one in entries
        ]
    found = as_array(values, name)
    if found.ndim != 1:
        raise InputError(f"{name} must have one value per image, but has shape {found.shape}.")
    return found.tolist() if found.dtype.kind not in "Mm" else list(found)


def _of_tensor(values: Any, name: str) -> NDArray[Any]:
    import torch

    if values.layout != torch.strided:
        raise InputError(f"{name} is a sparse tensor: make it dense with .to_dense().")
    plain = values.detach().cpu().resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16:
        plain = plain.float()
    found: NDArray[Any] = plain.numpy()
    return found


def _is_number(value: Any) -> bool:
    from numbers import Real

    return isinstance(value, Real | np.bool_)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in {"NAType", "NaTType"}
