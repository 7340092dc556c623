"""Examples of the faithfulness audit: what each method hides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from likewise.drawing import Grid, Tile, largest_magnitude, signed_overlay
from likewise.explain.pair_types import as_picture

_TILE_PX = 150


@dataclass(frozen=True)
class ExampleRow:
    """An example pair.

    Attributes:
        pixels: Both squares, uint8 (2, 3, H, W).
        names: Of both.
        evidence: Signed map (h, w) of the first: positive = content shared with the second.
        hidden: Method to the first image with its locations hidden, uint8 (3, H, W).
    """

    pixels: Tensor
    names: tuple[str, str]
    evidence: NDArray[np.floating]
    hidden: Mapping[str, Tensor]


def example_grid(examples: Sequence[ExampleRow]) -> Grid | None:
    """One row per pair: both images, the explanation on the first, and the first with a fifth of it hidden each way."""
    rows = [_row(example) for example in examples]
    return Grid(rows, tile_px=_TILE_PX) if rows else None


def _row(example: ExampleRow) -> list[Tile]:
    first, second = map(as_picture, example.pixels)
    tiles = [
        Tile(first, example.names[0]),
        Tile(second, f"nearest: {example.names[1]}"),
        Tile(
            signed_overlay(first, example.evidence / largest_magnitude([example.evidence])),
            "red: shared content",
        ),
    ]
    return tiles + [
        Tile(as_picture(pixels), f"a fifth hidden:\n{name}") for name, pixels in example.hidden.items()
    ]
