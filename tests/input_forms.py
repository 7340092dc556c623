"""The forms in which numbers and text may be given; each keeps small whole numbers exactly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

Form = Callable[[np.ndarray], Any]


def strided(values: np.ndarray) -> np.ndarray:
    return np.repeat(values, 2, axis=0)[::2]


def reversed_view(values: np.ndarray) -> np.ndarray:
    return values[::-1].copy()[::-1]


def read_only(values: np.ndarray) -> np.ndarray:
    copy = values.copy()
    copy.flags.writeable = False
    return copy


def requiring_grad(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float64)).requires_grad_()


# Numbers of any shape; each keeps small whole numbers exactly.
NUMBERS: dict[str, Form] = {
    "list": np.ndarray.tolist,
    "tuple": lambda values: tuple(values.tolist()),
    "list of arrays": list,
    "list of tensors": lambda values: [torch.from_numpy(np.array(row)) for row in values],
    "float32": lambda values: values.astype(np.float32),
    "float16": lambda values: values.astype(np.float16),
    "longdouble": lambda values: values.astype(np.longdouble),
    "big-endian": lambda values: values.astype(">f8"),
    "big-endian float32": lambda values: values.astype(">f4"),
    "object": lambda values: values.astype(object),
    "strided": strided,
    "reversed view": reversed_view,
    "Fortran order": np.asfortranarray,
    "read-only": read_only,
    "tensor": lambda values: torch.from_numpy(values.copy()),
    "half tensor": lambda values: torch.from_numpy(values.copy()).half(),
    "bfloat16 tensor": lambda values: torch.from_numpy(values.copy()).bfloat16(),
    "tensor with gradient": requiring_grad,
    "tensor view": lambda values: torch.from_numpy(values.copy()).flip(0).flip(0),
    "frame or column": lambda values: (pd.DataFrame if values.ndim == 2 else pd.Series)(values),
    "other index": lambda values: (pd.DataFrame if values.ndim == 2 else pd.Series)(
        values, index=np.arange(len(values))[::-1]
    ),
}  # fmt: skip
WHOLE: dict[str, Form] = {
    **{name: NUMBERS[name] for name in NUMBERS if name != "list of arrays"},
    "int8": lambda values: values.astype(np.int8),
    "uint8": lambda values: values.astype(np.uint8),
    "uint64": lambda values: values.astype(np.uint64),
    "big-endian int": lambda values: values.astype(">i4"),
    "int tensor": lambda values: torch.from_numpy(values.astype(np.int32)),
    "nullable": lambda values: pd.Series(values.astype(np.int64), dtype="Int64"),
    "index": lambda values: pd.Index(values.astype(np.int64)),
    "categorical": lambda values: pd.Series(values.astype(np.int64)).astype("category"),
    "range or list": lambda values: values.astype(int).tolist(),
    "NumPy scalars": lambda values: list(values.astype(np.int16)),
    "0-d tensors": lambda values: list(torch.from_numpy(values.astype(np.int64))),
}
TEXT: dict[str, Form] = {
    "list": np.ndarray.tolist,
    "tuple": lambda values: tuple(values.tolist()),
    "object": lambda values: values.astype(object),
    "big-endian": lambda values: values.astype(">U8"),
    "strided": strided,
    "column": pd.Series,
    "other index": lambda values: pd.Series(values, index=[f"x{row}" for row in range(len(values))][::-1]),
    "string column": lambda values: pd.Series(values, dtype="string"),
    "categorical": lambda values: pd.Series(values).astype("category"),
    "pandas categorical": pd.Categorical,
    "index": pd.Index,
    "NumPy scalars": list,
}
