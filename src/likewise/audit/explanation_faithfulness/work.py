"""Measurement of all pairs of the faithfulness audit: each image alone, and beside a distractor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise.audit.explanation_faithfulness.examples import example_grid
from likewise.audit.explanation_faithfulness.pointing_game import mosaic, share_on_half
from likewise.audit.explanation_faithfulness.trial import Named, Trial, shown
from likewise.audit.parts import Arrays, Moved
from likewise.data import Failure
from likewise.drawing import Grid
from likewise.explain.saliency import as_pixels


@dataclass(frozen=True)
class Work:
    """Pairs to measure: each image alone, and with a distractor in the same image.

    Attributes:
        trial: How.
        triples: Image, neighbour, stranger.
        sides: Whether the image is on the right of the distractor.
        paths: Of the images.
    """

    trial: Trial
    triples: Sequence[tuple[str, str, str]]
    sides: Sequence[bool]
    paths: Mapping[str, Path]

    def measure(self, rows: Sequence[int], moved: Moved) -> tuple[Arrays, list[Failure]]:
        """Try some of the pairs.

        Returns:
            ``distance`` and ``error`` (P,), the latter NaN where parts do not sum; for each choice of places
            ``alone/...`` and ``halves/...`` (P, S) and ``on own/...`` (P,).
        """
        found: dict[str, list[Any]] = {}
        for row in rows:
            right = self.sides[row]
            for kind, (pixels, named) in self._named(row).items():
                distance, changes = self.trial.changes(pixels, named)
                one: dict[str, Any] = {f"{kind}/{name}": growth for name, growth in changes.items()}
                if kind == "alone":
                    error = named.explanation.completeness
                    one |= {"distance": distance, "error": np.nan if error is None else error}
                else:
                    one |= {
                        f"on own/{name}": share_on_half(own, right=right) for name, own in named.maps.items()
                    }
                for name, value in one.items():
                    found.setdefault(name, []).append(value)
            moved(1)
        return {name: np.array(values) for name, values in found.items()}, []

    def grids(self, count: int) -> list[Grid | None]:
        """Pictures of the first pairs, alone and as halves."""
        named = [self._named(row) for row in range(count)]
        return [example_grid([shown(*one[kind]) for one in named]) for kind in ("alone", "halves")]

    def _named(self, row: int) -> dict[str, tuple[Tensor, Named]]:
        triple = self.triples[row]
        own, other, third = as_pixels(self.trial.model, [self.paths[name] for name in triple])
        alone = torch.stack([own, other])
        halves = torch.stack([mosaic(own, third, right=self.sides[row]), other])
        return {
            "alone": (alone, self.trial.name(alone, triple[:2], row)),
            "halves": (halves, self.trial.name(halves, ("two in one", triple[1]), row, "halves")),
        }
