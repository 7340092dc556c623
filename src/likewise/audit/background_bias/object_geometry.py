"""Size and place of the object in each photo, from its mask."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from likewise.data.masks import OBJECT_FROM
from likewise.errors import ImageError
from likewise.images import open_mask

_SIDE_PX = 64


def object_geometry(masks: Sequence[Path | None]) -> pd.DataFrame:
    """``object share`` and ``distance from centre`` of each mask; NaN without a readable mask or an object.

    The object share is the fraction of the photo that the mask covers, 0 to 1. The distance from centre is that of the
    mask's centre of mass from the middle of the photo, as a share of half the diagonal: 0 in the middle, 1 in a corner.
    """
    values = [(np.nan, np.nan) if mask is None else _measured(mask) for mask in masks]
    return pd.DataFrame(values, columns=["object share", "distance from centre"], dtype=float)


def _measured(file: Path) -> tuple[float, float]:
    try:
        mask = open_mask(file)
    except ImageError:
        return np.nan, np.nan
    width, height = mask.size
    inside = np.asarray(mask.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX)) >= OBJECT_FROM
    if not inside.any():
        return np.nan, np.nan
    down, across = (np.nonzero(inside)[axis].mean() / (_SIDE_PX - 1) - 0.5 for axis in (0, 1))
    offset = float(np.hypot(across * width, down * height) / np.hypot(width / 2, height / 2))
    return float(inside.mean()), offset
