"""Pairs of the faithfulness audit as a picture: what each choice of places hides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from likewise.drawing import Tile, heat_overlay, sheet
from likewise.explain import PairExplanation
from likewise.explain.pair_types import as_picture

_TILE_PX = 150


@dataclass(frozen=True)
class Shown:
    """A pair to be shown.

    Attributes:
        pair: Its explanation.
        hidden: Choice of places to the first image without them, uint8 (3, H, W).
    """

    pair: PairExplanation
    hidden: Mapping[str, Tensor]


def example_sheet(shown: Sequence[Shown]) -> Image.Image | None:
    """One line a pair: both images, the explanation on the first, and the first with a fifth of it hidden each way."""
    rows = [_row(one) for one in shown]
    return sheet(rows, _TILE_PX, caption_lines=2) if rows else None


def _row(one: Shown) -> list[Tile]:
    pair, alike = one.pair, one.pair.a.alike
    scaled = alike / (float(np.abs(alike).max()) or 1.0)
    tiles = [
        Tile(pair.a.image, pair.a.name),
        Tile(pair.b.image, f"nearest: {pair.b.name}"),
        Tile(heat_overlay(pair.a.image, np.clip(scaled, -1, 1), signed=True), "red: what makes them alike"),
    ]
    return tiles + [
        Tile(as_picture(pixels), f"without a fifth:\n{name}") for name, pixels in one.hidden.items()
    ]
