"""A few rows of a large catalog: drawn so that the same seed draws the same images, or evenly spaced."""

from collections.abc import Sequence

import numpy as np

from likewise.arguments import checked
from likewise.bounds import Count, Seed
from likewise.data.catalog import Catalog
from likewise.data.given import require_catalog
from likewise.seeds import stream


@checked
def sample_rows(catalog: Catalog, images: Count, seed: Seed = 0) -> Catalog:
    """``images`` rows of ``catalog`` (all, where it has fewer), in its order.

    Args:
        catalog: To draw from.
        images: Number of images, 1 or more.
        seed: Seed of the draw.

    Raises:
        ConfigError: ``images`` is below 1, or ``seed`` below 0.
    """
    require_catalog(catalog, "sample_rows")
    if images >= len(catalog):
        return catalog
    chosen = stream(seed, "rows").permutation(len(catalog))[:images]
    return catalog.take(np.sort(chosen))


def evenly_spaced(total: int, count: int) -> Sequence[int]:
    """``count`` different numbers below ``total``, evenly spread, ascending; all where there are fewer.

    >>> list(evenly_spaced(10, 3)), list(evenly_spaced(3, 10))
    ([0, 3, 6], [0, 1, 2])
    """
    count = min(count, total)
    return [number * total // count for number in range(count)]
