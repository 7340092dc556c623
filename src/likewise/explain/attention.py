"""Attention score: the share of a saliency map on the object, beyond chance.

Source: Kobs & Hotho, On Background Bias in Deep Metric Learning, section on attention; for readers of
saliency stores and the background audit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likewise.arguments import checked
from likewise.arrays import as_array
from likewise.errors import InputError
from likewise.readable import readable

FULL_MASK, EMPTY_MASK, EMPTY_MAP, NOTHING_SCORED = "full mask", "empty mask", "empty map", "nothing scored"
_BLOCK = 64  # images whose float64 copies exist at a time


@readable
@dataclass(frozen=True)
class AttentionScores:
    """Attention scores of images in order.

    Attributes:
        values: float64 ``(N,)``; 1 = all attention on the object, 0 = no better than attention spread
            evenly, negative = prefers the background. NaN exactly where ``reasons`` is not empty.
        reasons: Why a score does not exist: ``full mask``, ``empty mask``, ``empty map`` or
            ``nothing scored`` (every pixel is "do not score"); empty if it does.
    """

    values: npt.NDArray[np.float64]
    reasons: list[str]

    @property
    def defined(self) -> npt.NDArray[np.bool_]:
        """``(N,)``, True where the score exists."""
        return np.array([not reason for reason in self.reasons], dtype=bool)

    def mean(self) -> float:
        """Mean over the images that have a score; NaN when none has."""
        return float(self.values[self.defined].mean()) if self.defined.any() else float("nan")

    def std(self) -> float:
        """Population standard deviation (divisor n, as published) over the images with a score."""
        return float(self.values[self.defined].std()) if self.defined.any() else float("nan")


@checked
def attention_score(
    maps: npt.ArrayLike, masks: npt.ArrayLike, scored: npt.ArrayLike | None = None
) -> AttentionScores:
    """Share of each map on its object, beyond chance: (q - p) / (1 - p).

    p is the mean of the mask (the fraction of the image covered by the object) and q the fraction of the map's sum
    on it.

    Args:
        maps: Saliency ``(N, H, W)`` or ``(H, W)``, not negative, any scale.
        masks: Object masks of the same shape, soft or binary: 0..1, or uint8 0..255.
        scored: Pixels that count, same shape, 0..1 or bool. None: all. Trimaps have pixels that
            do not count (see ``likewise.data.split_trimap``).

    Raises:
        InputError: Shapes differ, a map is negative or not finite, or a mask leaves its range.

    Example:
        >>> saliency, mask = np.array([[3.0, 1.0]]), np.array([[1.0, 0.0]])
        >>> float(attention_score(saliency, mask).values[0])   # q = 3/4, p = 1/2
        0.5
    """
    maps, masks = as_array(maps, "maps"), as_array(masks, "masks")
    weights = None if scored is None else as_array(scored, "scored")
    for name, array in (("maps", maps), ("masks", masks), ("scored", weights)):
        if array is not None and (array.dtype.kind not in "biuf" or array.ndim not in (2, 3)):
            raise InputError(
                f"{name} must be numbers (N, h, w) or (h, w), but are {array.dtype} {array.shape}."
            )
    if maps.ndim == 2:
        maps, masks = maps[None], masks[None] if masks.ndim == 2 else masks
        weights = weights[None] if weights is not None and weights.ndim == 2 else weights
    for name, array in (("masks", masks), ("scored", weights)):
        if array is not None and array.shape != maps.shape:
            raise InputError(
                f"The {name} have the shape {array.shape}, the maps {maps.shape}: give one per map."
            )
    values, reasons = np.full(len(maps), np.nan), [""] * len(maps)
    for start in range(0, len(maps), _BLOCK):
        part = slice(start, start + _BLOCK)
        weight = None if weights is None else weights[part]
        values[part], reasons[part] = _scores(maps[part], masks[part], weight)
    return AttentionScores(values, reasons)


def _scores(
    maps: npt.NDArray[np.generic], masks: npt.NDArray[np.generic], weights: npt.NDArray[np.generic] | None
) -> tuple[npt.NDArray[np.float64], list[str]]:
    saliency = maps.astype(np.float64).reshape(len(maps), -1)
    mask = masks.astype(np.float64).reshape(len(maps), -1) / (255 if masks.dtype == np.uint8 else 1)
    weight = np.ones_like(mask) if weights is None else weights.astype(np.float64).reshape(len(maps), -1)
    if not np.isfinite(saliency).all() or (saliency < 0).any():
        raise InputError(
            "A saliency map has negative or infinite values: give maps as `saliency` makes them."
        )
    if (mask < 0).any() or (mask > 1).any() or np.isnan(mask).any():
        raise InputError("A mask has values outside 0..1: give 0..1 as float or 0..255 as uint8.")
    pixels, attention = weight.sum(1), (saliency * weight).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = (mask * weight).sum(1) / pixels
        share = (saliency * mask * weight).sum(1) / attention
        values = (share - chance) / (1 - chance)
    reasons = [""] * len(maps)
    undefined = [(NOTHING_SCORED, pixels == 0), (FULL_MASK, chance >= 1), (EMPTY_MASK, chance == 0),
                 (EMPTY_MAP, attention == 0)]  # fmt: skip
    for reason, rows in reversed(undefined):  # the first of the list has the last word
        for row in np.flatnonzero(rows):
            reasons[row], values[row] = reason, np.nan
    return values, reasons
