"""The demo's images: the rendered samples, or the user's own folder or catalog."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from likewise.data import Catalog
from likewise.demo.classes import class_codes
from likewise.errors import InputError
from likewise.scenes import samples
from likewise.seeds import stream

MOST = 1000


@dataclass(frozen=True)
class DemoImages:
    """Input of the demo.

    Attributes:
        catalog: The images; at most a number that a processor embeds in a minute or two.
        own_photos: The user's, not the rendered samples.
        notes: Left-out parts with reasons; one sentence each.
    """

    catalog: Catalog
    own_photos: bool
    notes: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> bool:
        """Whether there are at least two classes, one of them with at least two images."""
        counts = np.bincount(self._codes)
        return len(counts) > 1 and bool((counts > 1).any())

    @property
    def masked(self) -> bool:
        """Whether every image has a mask."""
        return all(path is not None for path in self.catalog.mask_paths)

    @property
    def why_not_counted(self) -> str:
        """Reason why the search cannot be scored; empty if it can."""
        counts = np.bincount(self._codes)
        if self.labelled:
            return ""
        if not len(counts):
            return "The photos have no labels: with one folder per class, the demo also measures the search."
        if len(counts) == 1:
            return "All photos belong to one class, so every hit is right: give at least two classes."
        return "Every class has a single photo, so no hit can be right: give at least two photos per class."

    @property
    def _codes(self) -> np.ndarray:
        codes = class_codes(self.catalog)[0]
        labelled: np.ndarray = codes[codes >= 0]
        return labelled


def demo_images(data: Path | None, seed: int) -> DemoImages:
    """The images the demo runs on.

    Args:
        data: A catalog file or a folder of photos, by class or not; None takes the rendered samples.
        seed: Seed of the draw where there are too many.

    Raises:
        InputError: There is nothing there, or no image in it.
        CatalogError: The catalog cannot be read.
    """
    if data is None:
        return DemoImages(samples(), own_photos=False)
    if not data.exists():
        raise InputError(f"There is no {data}: name a folder of photos or a catalog file.")
    catalog = Catalog.read(data)
    notes = list(catalog.notes)
    if len(catalog) > MOST:
        notes.append(f"The demo uses {MOST:,} of the {len(catalog):,} images, drawn at random by class.")
        catalog = catalog.take(_drawn(catalog, seed))
    return DemoImages(catalog, own_photos=True, notes=notes)


def _drawn(catalog: Catalog, seed: int) -> np.ndarray:
    """Rows of whole classes in random order, up to ``MOST``; of any images where there are no labels."""
    generator = stream(seed, "demo images")
    codes = class_codes(catalog)[0]
    order = generator.permutation(len(catalog))
    if (codes >= 0).any():
        class_order = generator.permutation(codes.max() + 2)
        order = order[np.argsort(class_order[codes[order]], kind="stable")]
    rows: np.ndarray = np.sort(order[:MOST])
    return rows
