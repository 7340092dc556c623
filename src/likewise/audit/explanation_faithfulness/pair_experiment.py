"""Measurement of all pairs of the faithfulness audit: each image alone, and beside a distractor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise.audit.explanation_faithfulness.examples import example_grid
from likewise.audit.explanation_faithfulness.hiding_protocol import HidingProtocol, Rankings, example_row
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
    _ranked_examples: dict[int, dict[str, tuple[Tensor, Rankings]]] = field(
        default_factory=dict, compare=False
    )

    def measure(self, rows: Sequence[int], on_progress: OnProgress) -> tuple[Arrays, list[Failure]]:
        """Measure some of the pairs.

        Returns:
            ``distance`` and ``error`` (P,), the latter NaN where parts do not sum; per choice of locations
            ``alone/...`` and ``halves/...`` (P, S) and ``on own/...`` (P,).
        """
        columns: dict[str, list[Any]] = {}
        for row in rows:
            right = self.sides[row]
            for kind, (pixels, rankings) in self._ranked(row).items():
                distance, changes = self.protocol.changes(pixels, rankings)
                measured: dict[str, Any] = {f"{kind}/{name}": growth for name, growth in changes.items()}
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

    def grids(self) -> list[Grid | None]:
        """Pictures of the examples, alone and as halves."""
        rows = [self._ranked(row) for row in range(self.examples)]
        return [example_grid([example_row(*row[kind]) for row in rows]) for kind in ("alone", "halves")]

    def _ranked(self, row: int) -> dict[str, tuple[Tensor, Rankings]]:
        """Both kinds of a pair; those of an example are computed once, unless an earlier call has measured it."""
        if row in self._ranked_examples:
            return self._ranked_examples[row]
        ranked = self._new(row)
        if row < self.examples:
            self._ranked_examples[row] = ranked
        return ranked

    def _new(self, row: int) -> dict[str, tuple[Tensor, Rankings]]:
        triple = self.triples[row]
        image, other, third = as_pixels(self.protocol.model, [self.paths[name] for name in triple])
        alone = torch.stack([image, other])
        halves = torch.stack([mosaic(image, third, right=self.sides[row]), other])
        return {
            "alone": (alone, self.protocol.rankings(alone, triple[:2], row)),
            "halves": (halves, self.protocol.rankings(halves, ("two in one", triple[1]), row, "halves")),
        }
