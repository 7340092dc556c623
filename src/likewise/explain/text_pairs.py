"""Why does a model find an image and a text similar? For models with a text tower (CLIP, SigLIP)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from likewise.arguments import checked
from likewise.drawing import Grid, Tile, largest_magnitude, signed_overlay
from likewise.errors import ModelError
from likewise.explain.exact_parts import exact_parts
from likewise.explain.pair_types import Map, as_picture
from likewise.explain.pairs import picture_name
from likewise.explain.sampled_hiding import PASSES, hidden_effects
from likewise.explain.saving import save_picture_or_page
from likewise.explain.targets import frozen_weights, usable_vectors
from likewise.models import SimilarityModel
from likewise.models.pictures import Picture, check_picture, square
from likewise.readable import readable

if TYPE_CHECKING:
    from pathlib import Path

    from likewise.report import Report

_TILE_PX = 300


@readable
@dataclass(frozen=True)
class TextExplanation:
    """Contributions of the locations of an image to its similarity to a text.

    Attributes:
        name: File name of the image, or "the image".
        image: The square the model saw.
        text: The text.
        model: Name of the model.
        similarity: Cosine similarity of image and text, -1 to 1.
        similarity_map: Signed map (h, w): contributions to the similarity; positive = speaks for the text. If
            ``inexact_reason`` is not empty: decrease of the similarity when the location is hidden.
        unlocated: Contributions without a location, by name. Their sum and that of the map is the similarity.
        completeness: |sum of all parts - similarity|; None if the parts do not add up.
        inexact_reason: Why the embedding cannot be decomposed and locations were hidden instead; else empty.
    """

    name: str
    image: Image.Image
    text: str
    model: str
    similarity: float
    similarity_map: Map
    unlocated: Mapping[str, float] = field(default_factory=dict)
    completeness: float | None = None
    inexact_reason: str = ""

    @property
    def words(self) -> str:
        """Sentences with the numbers of the explanation."""
        first = (
            f"The cosine similarity of {self.name} and the text '{self.text}' is {self.similarity:z.3f} according to "
            f"{self.model}."
        )
        if self.inexact_reason:
            return (
                f"{first} The embedding of this model cannot be decomposed: {self.inexact_reason}. The effect of "
                f"each location was estimated by hiding {PASSES} random areas instead. Hiding a red location reduces "
                "the similarity. These values do not add up."
            )
        located = float(self.similarity_map.sum())
        rest = f", {self.similarity - located:z.3f} have no location" if self.unlocated else ""
        exact = f"The sum is exact up to {self.completeness:.0e}."
        return f"{first} Its locations contribute {located:z.3f} of it{rest}. {exact}"

    @property
    def table(self) -> pd.DataFrame:
        """One row per location: row, column, similarity; largest contribution first."""
        row, column = np.indices(self.similarity_map.shape)
        table = pd.DataFrame(
            {"row": row.ravel(), "column": column.ravel(), "similarity": self.similarity_map.ravel()}
        )
        return table.sort_values("similarity", ascending=False, kind="stable", ignore_index=True)

    def grid(self) -> Grid:
        """The image, and its contributions, as figures with captions for a page."""
        scaled = self.similarity_map / largest_magnitude([self.similarity_map])
        what = "without it less like the text" if self.inexact_reason else "speaks for the text"
        tiles: list[Tile | None] = [
            Tile(self.image, "the image as the model sees it"),
            Tile(signed_overlay(self.image, scaled), f"red: {what}, blue: the opposite"),
        ]
        return Grid(
            [tiles], [self.name], f"similarity to '{self.text}': {self.similarity:z.3f}", tile_px=_TILE_PX
        )

    def draw(self) -> Image.Image:
        """:meth:`grid` as one image."""
        return self.grid().draw()

    @checked
    def report(self, facts: Mapping[str, str] | None = None) -> "Report":
        """A page with the words, the figures and a table."""
        from likewise.report.explanations import text_report

        return text_report(self, facts)

    @checked
    def save(self, path: "Path | str", facts: Mapping[str, str] | None = None) -> None:
        """Write :meth:`draw` as a .png or .jpg file, or :meth:`report` as .html, .md or .txt.

        Args:
            path: Path of the file.
            facts: Provenance for the end of the page (see :func:`likewise.report.provenance`).
        """
        save_picture_or_page(self, path, facts)

    @checked
    def to_dict(self) -> Mapping[str, Any]:
        """Numbers for JSON."""
        return {
            "image": self.name,
            "text": self.text,
            "model": self.model,
            "similarity": self.similarity,
            "similarity_map": self.similarity_map.tolist(),
            "unlocated": dict(self.unlocated),
            "completeness": self.completeness,
            "inexact_reason": self.inexact_reason,
            "words": self.words,
        }


@checked
def explain_text(
    model: SimilarityModel, image: Picture, text: str, *, progress: bool = False
) -> TextExplanation:
    """Explain the similarity of an image and a text.

    The embedding of the image is decomposed over its locations if the model allows it, as for pairs of images.
    The contribution of a location is its part of the embedding times the embedding of the text.

    Args:
        model: A model with a text tower.
        image: A path, PIL image, array or tensor, as for ``model.embed``.
        text: The text.
        progress: Show a bar on stderr if locations are hidden to measure them.

    Raises:
        ModelError: The model has no text tower.
        ImageError: The file cannot be read.
        InputError: ``image`` is not an image, or the text is empty.
    """
    direction = torch.from_numpy(model.embed_text([text])[0]).double()
    name = picture_name(image, "the image")
    check_picture(image, name)
    pixels = square(model.preprocessing, image, name)[None]
    with frozen_weights(model), torch.no_grad():
        rows = usable_vectors(model, pixels, [name])
        vector = torch.from_numpy(rows[0]).double()
        similarity = float(vector @ direction / vector.norm().clamp_min(1e-12))
        picture = as_picture(pixels[0])
        try:
            (taken,) = exact_parts(model, pixels)
        except ModelError as error:
            words = direction.float().numpy()
            effects = hidden_effects(
                model, pixels[0], rows, lambda rows: 1 - rows @ words, PASSES, progress=progress
            ).effects
            return TextExplanation(
                name, picture, text, model.name, similarity, effects, inexact_reason=str(error)
            )
    located = (taken.parts @ direction).reshape(taken.grid).numpy()
    rest = taken.rest or {"bias of the last layer": taken.bias}
    unlocated = {title: float(term @ direction) for title, term in rest.items()}
    total = float(located.sum()) + sum(unlocated.values())
    return TextExplanation(
        name, picture, text, model.name, similarity, located, unlocated, completeness=abs(total - similarity)
    )
