"""A few rows of a large catalog, drawn so that the same seed draws the same images."""

import numpy as np

from likewise.data.catalog import Catalog
from likewise.seeds import stream


def draw_rows(catalog: Catalog, images: int, seed: int = 0) -> Catalog:
    """``images`` rows of ``catalog`` (all, where it has fewer), in its order.

    Args:
        catalog: To draw from.
        images: How many, 1 or more.
        seed: Of the draw.
    """
    if images >= len(catalog):
        return catalog
    chosen = stream(seed, "rows").permutation(len(catalog))[:images]
    return catalog.take(np.sort(chosen))
