"""Examples of the faithfulness audit: what each method hides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from likewise.drawing import Grid, Tile, largest_magnitude, signed_overlay
from likewise.explain import PairExplanation
from likewise.explain.pair_types import as_picture

_TILE_PX = 150


@dataclass(frozen=True)
class ExampleRow:
    """An example pair.

    Attributes:
        pair: Its explanation.
        hidden: Method to the first image with its locations hidden, uint8 (3, H, W).
    """

    pair: PairExplanation
    hidden: Mapping[str, Tensor]


def example_grid(examples: Sequence[ExampleRow]) -> Grid | None:
    """One row per pair: both images, the explanation on the first, and the first with a fifth of it hidden each way."""
    rows = [_row(example) for example in examples]
    return Grid(rows, tile_px=_TILE_PX) if rows else None


def _row(example: ExampleRow) -> list[Tile]:
    pair, evidence = example.pair, example.pair.a.refined_map
    tiles = [
        Tile(pair.a.image, pair.a.name),
        Tile(pair.b.image, f"nearest: {pair.b.name}"),
        Tile(
            signed_overlay(pair.a.image, evidence / largest_magnitude([evidence])),
            "red: shared content",
        ),
    ]
    return tiles + [
        Tile(as_picture(pixels), f"a fifth hidden:\n{name}") for name, pixels in example.hidden.items()
    ]
