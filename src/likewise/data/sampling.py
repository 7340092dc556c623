"""A few rows of a large catalog: drawn so that the same seed draws the same images, or evenly spaced."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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


def rows_with_pairs(
    codes: NDArray[np.integer],
    count: int,
    random: np.random.Generator,
    *,
    most: int | None = None,
    singles: bool = True,
) -> NDArray[np.int64]:
    """Ascending rows of whole groups in a random order, as many groups as fit into ``count`` rows, at least two.

    Rows drawn alone from thousands of small groups would hardly hold two of one group.

    Args:
        codes: ``(N,)`` group of each row, from 0.
        count: Number of rows.
        random: Draws the order of the groups.
        most: Rows of one group, evenly spaced. None: all.
        singles: Whether groups of one row follow those of several, or are left out.
    """
    sizes = np.bincount(codes)
    groups = random.permutation(np.flatnonzero(sizes > 1))
    if singles:
        groups = np.concatenate([groups, random.permutation(np.flatnonzero(sizes == 1))])
    drawn = sizes if most is None else np.minimum(sizes, most)
    groups = groups[: max(2, int(np.searchsorted(drawn[groups].cumsum(), count, side="right")))]
    ordered, ends = np.argsort(codes, kind="stable"), np.cumsum(sizes)
    of_group = [ordered[ends[group] - sizes[group] : ends[group]] for group in groups]
    return np.sort(
        np.concatenate([rows[list(evenly_spaced(len(rows), most or len(rows)))] for rows in of_group])
    )


def evenly_spaced(total: int, count: int) -> Sequence[int]:
    """``count`` different numbers below ``total``, evenly spread, ascending; all where there are fewer.

    >>> list(evenly_spaced(10, 3)), list(evenly_spaced(3, 10))
    ([0, 3, 6], [0, 1, 2])
    """
    count = min(count, total)
    return [number * total // count for number in range(count)]
