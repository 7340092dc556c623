"""Classes of a catalog whose images may have none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.data import Catalog


def class_codes(catalog: Catalog) -> tuple[NDArray[np.int64], list[str]]:
    """``(N,)`` numbers 0..C-1, -1 for an image without a label, and the C class names."""
    codes, names = catalog.label_codes
    if "" not in names:
        return codes, names
    empty = names.index("")
    moved = np.where(codes > empty, codes - 1, codes)
    return np.where(codes == empty, -1, moved), [name for name in names if name]
