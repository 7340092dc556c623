"""Reading object masks: soft ones that were predicted, and true ones in which some pixels do not count."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.images import DEFAULT, Limits, Source, open_mask
from likewise.readable import readable

if TYPE_CHECKING:
    from likewise.data.catalog import Catalog

OBJECT_FROM = 128
NOT_SCORED = 128
STATUS_COLUMN = "mask_status"
"""Status of a mask: result of the prediction, or exact."""
EXACT = "exact"


@readable
@dataclass(frozen=True)
class TrueMask:
    """A mask drawn by hand.

    Attributes:
        object: (H, W) True on the object.
        scored: (H, W) False where the annotator did not decide (grey 128, as in trimaps): leave out of scores.
    """

    object: NDArray[np.bool_]
    scored: NDArray[np.bool_]


def has_exact_masks(catalog: "Catalog") -> bool:
    """Whether the catalog declares every mask exact (``mask_status``), as rendered catalogs do."""
    table = catalog.table
    if not {STATUS_COLUMN, "mask"} <= set(table.columns):
        return False
    statuses = table[STATUS_COLUMN][table["mask"] != ""]
    return len(statuses) > 0 and bool((statuses == EXACT).all())


def image_properties(catalog: "Catalog") -> list[str]:
    """The properties of the images themselves: without ``mask_status``, which describes the mask."""
    return [name for name in catalog.properties if name != STATUS_COLUMN]


@checked
def read_mask(source: Source, *, limits: Limits = DEFAULT) -> NDArray[np.float32]:
    """A soft mask: (H, W), 0 = background to 1 = object.

    Raises:
        ImageError: The file is not a readable mask.
    """
    return np.asarray(open_mask(source, limits=limits), dtype=np.float32) / np.float32(255)


@checked
def read_true_mask(source: Source, *, limits: Limits = DEFAULT) -> TrueMask:
    """A true mask: above 128 object, below 128 background, exactly 128 not to be scored.

    Raises:
        ImageError: The file is not a readable mask.
    """
    grey = np.asarray(open_mask(source, limits=limits))
    return TrueMask(grey > NOT_SCORED, grey != NOT_SCORED)


def object_share(grey: NDArray[np.uint8]) -> float:
    """Share of pixels that count as object (grey 128 and above), 0 to 1."""
    return float((grey >= OBJECT_FROM).mean())
