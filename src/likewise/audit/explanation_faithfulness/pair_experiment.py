"""Measurement of all pairs of the faithfulness audit: each image alone, and beside a distractor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise.audit.explanation_faithfulness.examples import ExampleRow, example_grid
from likewise.audit.explanation_faithfulness.hiding_protocol import (
    HidingProtocol,
    Rankings,
    shown_cells,
    with_hidden,
)
from likewise.audit.explanation_faithfulness.pointing_game import mosaic, share_on_half
from likewise.audit.parts import Arrays, OnProgress
from likewise.data import Failure
from likewise.drawing import Grid
from likewise.explain.saliency import as_pixels


@dataclass(frozen=True)
class PairExperiment:
    """Pairs to measure: each image alone, and with a distractor in the same image.

    Attributes:
        protocol: Protocol of hiding.
        triples: Image, neighbour, distractor.
        sides: Whether the image is on the right of the distractor.
        paths: Paths of the images.
        examples: Number of the first pairs that are examples.
    """

    protocol: HidingProtocol
    triples: Sequence[tuple[str, str, str]]
    sides: Sequence[bool]
    paths: Mapping[str, Path]
    examples: int = 0

    def measure(self, rows: Sequence[int], on_progress: OnProgress) -> tuple[Arrays, list[Failure]]:
        """Measure some of the pairs.

        Returns:
            ``distance`` and ``error`` (P,), the latter NaN where parts do not sum; per choice of locations
            ``alone/...`` and ``halves/...`` (P, S) and ``on own/...`` (P,); for the pictures, ``map KIND`` (P, h, w)
            and ``shown KIND/...`` (P, cells).
        """
        columns: dict[str, list[Any]] = {}
        for row in rows:
            right = self.sides[row]
            for kind, (pixels, rankings) in self._ranked(row).items():
                distance, changes = self.protocol.changes(pixels, rankings)
                measured: dict[str, Any] = {f"{kind}/{name}": growth for name, growth in changes.items()}
                # Examples are drawn from these without another pass, also by a call that measures nothing.
                measured[f"map {kind}"] = rankings.explanation.a.refined_map.astype(np.float32)
                measured |= {
                    f"shown {kind}/{name}": cells for name, cells in shown_cells(rankings.orders).items()
                }
                if kind == "alone":
                    error = rankings.explanation.completeness
                    measured |= {"distance": distance, "error": np.nan if error is None else error}
                else:
                    measured |= {
                        f"on own/{name}": share_on_half(heatmap, right=right)
                        for name, heatmap in rankings.maps.items()
                    }
                for name, value in measured.items():
                    columns.setdefault(name, []).append(value)
            on_progress(1)
        return {name: np.array(values) for name, values in columns.items()}, []

    def grids(self, arrays: Arrays) -> list[Grid | None]:
        """Pictures of the examples, alone and as halves, from what :meth:`measure` returned for all pairs."""
        rows = range(self.examples)
        return [
            example_grid([self._example(row, kind, arrays) for row in rows]) for kind in ("alone", "halves")
        ]

    def _example(self, row: int, kind: str, arrays: Arrays) -> ExampleRow:
        pixels, names = self._squares(row)[kind]
        prefix = f"shown {kind}/"
        cells = {
            key.removeprefix(prefix): values[row] for key, values in arrays.items() if key.startswith(prefix)
        }
        return ExampleRow(pixels, names, arrays[f"map {kind}"][row], with_hidden(pixels[0], cells))

    def _squares(self, row: int) -> dict[str, tuple[Tensor, tuple[str, str]]]:
        """Both kinds of a pair: squares (2, 3, H, W) and their names."""
        triple = self.triples[row]
        image, other, third = as_pixels(self.protocol.model, [self.paths[name] for name in triple])
        halves = torch.stack([mosaic(image, third, right=self.sides[row]), other])
        return {
            "alone": (torch.stack([image, other]), triple[:2]),
            "halves": (halves, ("two in one", triple[1])),
        }

    def _ranked(self, row: int) -> dict[str, tuple[Tensor, Rankings]]:
        keys: dict[str, tuple[str | int, ...]] = {"alone": (row,), "halves": (row, "halves")}
        return {
            kind: (pixels, self.protocol.rankings(pixels, names, *keys[kind]))
            for kind, (pixels, names) in self._squares(row).items()
        }
