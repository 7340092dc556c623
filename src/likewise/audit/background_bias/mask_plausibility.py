"""Check whether object masks are plausible enough for a verdict.

Predicted masks may cover one fruit of a heap, a shadow, or everything. This module checks the masks themselves; the
verdict checks the scores (object alone and background alone both find nearly everything).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from likewise.audit.significance import percent
from likewise.data import Catalog
from likewise.data.masks import OBJECT_FROM, has_exact_masks
from likewise.drawing import Grid, Tile, mask_overlay
from likewise.errors import ImageError
from likewise.images import open_image, open_mask
from likewise.seeds import stream

Exact = Literal["", "user", "catalog"]
_EXACT = {
    "user": "The masks are declared exact by the user (exact_masks)",
    "catalog": "The masks are declared exact by the catalog (mask_status)",
}
DOUBTS = {
    "tiny": "cover less than 1 % of the photo",
    "full": "cover more than 95 % of the photo",
    "soft": "are mostly grey",
    "cut off": "cover more than half of the photo's border",
    "in pieces": "have several parts of similar size",
}
MOST_DOUBTFUL = 0.25
"""Fraction of missing or doubtful masks above which no verdict is given."""

_TINY, _FULL, _SOFT, _BORDER, _PIECE = 0.01, 0.95, 0.5, 0.5, 0.25
_FAINT, _SURE = 26, 230  # grey values: below is certainly background, above certainly object
_SIDE_PX = 160  # masks are checked at this longer side, so that stray pixels do not count as parts
_MOST_IMAGES = 300
_DRAWN = 12
_ACROSS = 6


@dataclass(frozen=True)
class MaskPlausibility:
    """Plausibility of the masks of a catalog, unless they are declared exact.

    Attributes:
        images: Number of masks checked, a random sample of at most 300.
        missing: Fraction of the catalog's images without a usable mask, 0 to 1.
        doubts: Kind of doubt (a key of ``DOUBTS``) to the ids of its images.
        object_shares: Id to the fraction of the photo covered by the object, 0 to 1.
        picture: Some of the photos with outlined masks, or None.
        exact: Who declared the masks exact: "user", "catalog", or "" if they were checked.
    """

    images: int
    missing: float = 0.0
    doubts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    object_shares: Mapping[str, float] = field(default_factory=dict)
    picture: Grid | None = None
    exact: Exact = ""

    @property
    def doubtful(self) -> float:
        """Fraction of the checked masks that are doubtful for any reason, 0 to 1."""
        ids = {name for names in self.doubts.values() for name in names}
        return len(ids) / self.images if self.images else 0.0

    @property
    def plausible(self) -> bool:
        """Whether the masks are good enough for a verdict."""
        return max(self.doubtful, self.missing) <= MOST_DOUBTFUL

    def words(self) -> str:
        """The result as one sentence."""
        counts = [f"{len(ids)} {DOUBTS[kind]}" for kind, ids in self.doubts.items() if ids]
        missing = f"{percent(self.missing)} of the images have no usable mask"
        sentence = f"Of {self.images} masks checked, {', '.join(counts) if counts else 'none looks wrong'}"
        if self.exact:
            sentence = f"{_EXACT[self.exact]}, so their plausibility was not checked"
        return f"{sentence}; {missing}." if self.missing else f"{sentence}."

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "images": self.images, "exact": self.exact, "missing": self.missing, "doubtful": self.doubtful,
            "plausible": self.plausible,
            "doubts": {kind: list(ids) for kind, ids in self.doubts.items()},
        }  # fmt: skip


def who_says_exact(catalog: Catalog, exact_masks: bool | None) -> Exact:
    """The source of the claim that the masks are exact: the user, or the catalog if the user gave no value."""
    if exact_masks is not None:
        return "user" if exact_masks else ""
    return "catalog" if has_exact_masks(catalog) else ""


def mask_plausibility(
    catalog: Catalog, *, missing: float = 0.0, exact: Exact = "", seed: int = 0
) -> MaskPlausibility:
    """Check the masks of a random sample of a catalog whose images all have masks.

    Args:
        catalog: Images with masks.
        missing: Fraction of the images that were left out because they have no mask.
        exact: Who declared the masks exact; exact masks are drawn, but not checked.
        seed: Seed of the sample.
    """
    order = stream(seed, "mask sample").permutation(len(catalog))[:_MOST_IMAGES].tolist()
    masks = catalog.mask_paths
    doubts: dict[str, list[str]] = {kind: [] for kind in DOUBTS}
    shares: dict[str, float] = {}
    tiles: list[Tile | None] = []
    for row in order:
        name, mask_file = catalog.ids[row], masks[row]
        if mask_file is None:
            continue
        try:
            mask = open_mask(mask_file)
            photo = open_image(catalog.paths[row]) if len(tiles) < _DRAWN else None
        except ImageError:
            continue  # the audit lists what cannot be read
        mask.thumbnail((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX)
        grey = np.asarray(mask)
        kinds = [] if exact else mask_doubts(grey)
        for kind in kinds:
            doubts[kind].append(name)
        shares[name] = float((grey >= OBJECT_FROM).mean())
        if photo is not None:
            photo.thumbnail((2 * _SIDE_PX, 2 * _SIDE_PX))
            tiles.append(Tile(mask_overlay(photo, mask), ", ".join(kinds) or str(catalog.labels[row])))
    rows = [tiles[start : start + _ACROSS] for start in range(0, len(tiles), _ACROSS)]
    picture = Grid(rows, caption="Outlined masks of a random sample.", tile_px=_SIDE_PX) if rows else None
    return MaskPlausibility(len(shares), missing, doubts, shares, picture, exact)


def mask_doubts(grey: NDArray[np.uint8]) -> list[str]:
    """Doubts about one mask, (H, W) with 255 = object: keys of ``DOUBTS``."""
    inside = grey >= OBJECT_FROM
    share = float(inside.mean())
    doubts = []
    if share < _TINY:
        doubts.append("tiny")
    if share > _FULL:
        doubts.append("full")
    marked = grey >= _FAINT
    if marked.any() and float((marked & (grey < _SURE)).sum() / marked.sum()) > _SOFT:
        doubts.append("soft")
    border = np.concatenate([inside[0], inside[-1], inside[1:-1, 0], inside[1:-1, -1]])
    if share <= _FULL and float(border.mean()) > _BORDER:
        doubts.append("cut off")
    sizes = np.sort(np.bincount(ndimage.label(inside)[0].ravel())[1:])
    if len(sizes) > 1 and sizes[-2] >= _PIECE * sizes[-1]:
        doubts.append("in pieces")
    return doubts
