"""Conversion of array-likes of any form to plain NumPy, so that the form never changes a result.

A list, a tuple, a NumPy array of any type, byte order and stride, a torch tensor on any device, a pandas column with
any index: all give the same values in the same order, or an error in one sentence.
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
        name: Name in messages.

    Raises:
        InputError: No array: a set or a dictionary (without an order), text, ragged rows, masked or sparse values.
    """
    if isinstance(values, str | bytes | Mapping | Set) or values is None:
        received = (
            f"{type(values).__name__} {values!r}" if isinstance(values, str) else f"a {type(values).__name__}"
        )
        raise InputError(f"{name} must be a list or an array, not {received}.")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        return _of_tensor(values, name)
    if (
        torch is not None
        and isinstance(values, list | tuple)
        and any(isinstance(entry, torch.Tensor) for entry in values)
    ):
        values = [_of_tensor(entry, name) if isinstance(entry, torch.Tensor) else entry for entry in values]
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(f"{name} has masked values: leave these rows out.")
    if isinstance(values, Iterable) and not hasattr(values, "__len__"):
        values = list(values)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{name} must be an array, but its rows have different lengths or types ({error})."
        ) from error
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:  # neither torch nor Python has such numbers
        array = array.astype(np.float64)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def is_dataframe(value: Any) -> bool:
    """Whether a value is a table where a list is expected: its iterator would give the names of its columns."""
    return hasattr(value, "iloc") and value.ndim == 2


def as_numbers(values: Any, name: str) -> Floats:
    """Any array-like of numbers as float64, of any shape; truth values are 0 and 1, missing values are NaN.

    Raises:
        InputError: As :func:`as_array`; or text, dates or complex numbers among them.
    """
    array = as_array(values, name)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    if array.dtype.kind == "O":
        flat = array.ravel().tolist()
        wrong = next((entry for entry in flat if not _is_number(entry) and not _is_missing(entry)), None)
        if wrong is None:
            numbers = np.array([np.nan if _is_missing(entry) else float(entry) for entry in flat], np.float64)
            return numbers.reshape(array.shape)
        raise InputError(f"{name} must be numbers, but contains {wrong!r}.")
    kinds = {"c": "complex numbers", "U": "text", "S": "bytes", "T": "text", "M": "dates", "m": "time spans"}
    raise InputError(f"{name} must be numbers, but contains {kinds.get(array.dtype.kind, array.dtype.name)}.")


def as_rows(rows: Any, count: int) -> NDArray[np.int64]:
    """Numbers of rows, in the order given, from numbers or from one truth value for each of ``count`` rows.

    Raises:
        InputError: Neither, or a number outside 0..``count`` - 1.
    """
    numbers = as_array(rows, "rows")
    if numbers.dtype == bool and numbers.shape == (count,):
        return np.flatnonzero(numbers)
    are_integers = numbers.ndim == 1 and (numbers.dtype.kind in "iu" or not len(numbers))
    if not are_integers or (numbers < 0).any() or (numbers >= count).any():
        raise InputError(
            f"Cannot take rows {rows!r:.60}: give some of 0 to {count - 1}, each once, or True or False each."
        )
    return numbers.astype(np.int64)


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
        column = pd.Series([None if entry is np.ma.masked else entry for entry in values.tolist()])
    else:
        column = pd.Series(_one_dimension(values, name))
    return column.infer_objects() if column.dtype == object else column


def without_blanks(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A column of a catalog in which empty text is missing, whatever the type of the column."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):  # a category without images would be a value
        column = pd.Series(column.tolist(), column.index)
    blank = column.astype(str) == ""
    return column.mask(blank, np.nan) if blank.any() else column


def _one_dimension(values: Any, name: str) -> list[Any]:
    """The entries of a list or an array, as Python objects."""
    if isinstance(values, list | tuple | range):
        torch = sys.modules.get("torch")
        entries = [
            entry.tolist() if torch is not None and isinstance(entry, torch.Tensor) else entry
            for entry in values
        ]
        wrong = next(
            (entry for entry in entries if isinstance(entry, list | tuple | dict | set | np.ndarray)), None
        )
        if wrong is not None:
            raise InputError(f"{name} must have one value per image, but contains {wrong!r}.")
        return [
            entry.item() if isinstance(entry, np.generic) and not isinstance(entry, np.datetime64) else entry
            for entry in entries
        ]
    array = as_array(values, name)
    if array.ndim != 1:
        raise InputError(f"{name} must have one value per image, but has shape {array.shape}.")
    return array.tolist() if array.dtype.kind not in "Mm" else list(array)


def _of_tensor(values: Any, name: str) -> NDArray[Any]:
    import torch

    if values.layout != torch.strided:
        raise InputError(f"{name} is a sparse tensor: make it dense with .to_dense().")
    plain = values.detach().cpu().resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16:
        plain = plain.float()
    array: NDArray[Any] = plain.numpy()
    return array


def _is_number(value: Any) -> bool:
    from numbers import Real

    return isinstance(value, Real | np.bool_)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in {"NAType", "NaTType"}
