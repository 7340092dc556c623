"""Parts of an explanation of a pair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from likewise.arguments import checked
from likewise.avsl.node_drawing import level_grids
from likewise.avsl.nodes import LevelPart, NodeGraph
from likewise.bounds import CountOrZero
from likewise.drawing import Grid, below_each_other
from likewise.explain.pair_drawing import pair_grid
from likewise.explain.pair_words import pair_words
from likewise.explain.perturbation import Faithfulness
from likewise.explain.saving import save_picture_or_page
from likewise.readable import readable

if TYPE_CHECKING:
    from likewise.report import Report

Map = NDArray[np.float64]
Box = tuple[int, int, int, int]
Kind = Literal["positions", "tokens", "nodes", "hiding"]


@readable
@dataclass(frozen=True)
class Side:
    """One of the two images.

    Attributes:
        name: File name, or "first" and "second".
        image: The square the model saw.
        similarity_map: Signed map (h, w): positive = here it shows what the other image shows too.
        distance_map: Signed map (h, w): positive = increases the distance, negative = reduces it.
        contrast_map: Signed map (h, w): positive = more similar than the images as a whole, negative = less.
        refined_map: Signed map, the most faithful one, but not a sum. ``positions`` and ``nodes``: ``similarity_map``
            at a higher resolution if the network has one (see `likewise.explain.evidence`). ``tokens`` and ``hiding``:
            by how much hiding each of 7 x 7 locations increases the distance (see `likewise.explain.sampled_hiding`).
        standard_errors: ``tokens`` and ``hiding``: (7, 7), standard errors of ``refined_map``; else None.
        faithfulness: Effect of hiding the most similar cells; None if not checked.
        unlocated: Contributions to the cosine similarity without a location, by name. Their sum and that of
            ``similarity_map`` is the similarity.
    """

    name: str
    image: Image.Image
    similarity_map: Map
    distance_map: Map
    contrast_map: Map
    refined_map: Map
    faithfulness: Faithfulness | None = None
    unlocated: Mapping[str, float] = field(default_factory=dict)
    standard_errors: Map | None = None


@dataclass(frozen=True)
class Match:
    """Two matching locations.

    Attributes:
        box_a: (left, top, right, bottom) in pixels of the first square.
        box_b: In the second.
        similarity: Contribution of the two locations to the cosine similarity.
    """

    box_a: Box
    box_b: Box
    similarity: float


@readable
@dataclass(frozen=True)
class PairExplanation:
    """Explanation of why a model finds two images similar, or not.

    Attributes:
        a: The first image.
        b: The second.
        model: Name of the model.
        distance: Their distance, in ``distance_name``; smaller is more similar.
        distance_name: The model's own distance.
        similarity: Cosine similarity, -1 to 1; None for AVSL models.
        kind: ``positions``: exact sums over positions of the last feature map. ``tokens``: exact sums over the
            image tokens of a vision transformer and a rest without a location. ``nodes``: exact sums over nodes,
            levels and positions (AVSL). ``hiding``: effect of hiding each location; not a sum.
        table: One row per part, best first: level, node, contribution, share for ``nodes``; else image, row, column,
            similarity, distance, contrast.
        matches: Matching locations, best first; empty if unknown.
        rest: Part of the distance without a location: the bias of the last layer; for transformers also the MLPs,
            class and register tokens.
        completeness: |sum of all parts - distance|; None if parts do not sum.
        levels: AVSL: each level's part, highest first, and its most important nodes with their maps.
        graph: AVSL: how the strongest nodes are linked.
        inexact_reason: For ``hiding``: why the embedding cannot be decomposed.
        passes: Partly hidden copies of each image that ``refined_map`` was measured with; 0 if it was not measured.
    """

    a: Side
    b: Side
    model: str
    distance: float
    distance_name: str
    similarity: float | None
    kind: Kind
    table: pd.DataFrame
    matches: list[Match] = field(default_factory=list)
    rest: float = 0.0
    completeness: float | None = None
    levels: list[LevelPart] = field(default_factory=list)
    graph: NodeGraph | None = None
    inexact_reason: str = ""
    passes: int = 0

    @property
    def heatmap_a(self) -> Map:
        """Content of the first image shared with the second: ``a.similarity_map`` in -1..1, on the scale of both."""
        return self.a.similarity_map / self._scale

    @property
    def heatmap_b(self) -> Map:
        """Content of the second image shared with the first, on the same scale."""
        return self.b.similarity_map / self._scale

    @property
    def words(self) -> str:
        """The explanation in a few sentences, with its numbers."""
        return pair_words(self)

    def draw(self) -> Image.Image:
        """Both images with shared content and differences, then AVSL nodes; :meth:`report` shows more."""
        return below_each_other([grid.draw() for grid in (self.grid(), *self.level_grids())])

    def grid(self) -> Grid:
        """Both images with shared content and differences, as captioned images for a page."""
        return pair_grid(self)

    def level_grids(self) -> list[Grid]:
        """AVSL: each level's most telling nodes on both images, highest level first."""
        return level_grids(self.levels, self.distance, (self.a.image, self.b.image))

    @checked
    def report(self, facts: Mapping[str, str] | None = None) -> "Report":
        """A page: text and captioned images; for AVSL models also the sum of levels, nodes and links."""
        from likewise.report.explanations import pair_report

        return pair_report(self, facts)

    @checked
    def save(self, path: Path | str, facts: Mapping[str, str] | None = None) -> None:
        """Write :meth:`draw` as a .png or .jpg file, or :meth:`report` as .html, .md or .txt.

        Args:
            path: Path of the file.
            facts: Origin of the explanation, for the end of the page (see :func:`likewise.report.provenance`).
        """
        save_picture_or_page(self, path, facts)

    @checked
    def to_dict(self, parts: CountOrZero = 20) -> Mapping[str, Any]:
        """Numbers for JSON: distance, completeness, faithfulness, maps, matches and the first ``parts``."""
        return {
            "a": self.a.name,
            "b": self.b.name,
            "model": self.model,
            "distance": self.distance,
            "distance_name": self.distance_name,
            "similarity": self.similarity,
            "kind": self.kind,
            "rest": self.rest,
            "unlocated": {"a": dict(self.a.unlocated), "b": dict(self.b.unlocated)},
            "inexact_reason": self.inexact_reason,
            "completeness": self.completeness,
            "words": self.words,
            "faithfulness": {name: _faithfulness(side) for name, side in (("a", self.a), ("b", self.b))},
            "similarity_map": {"a": self.a.similarity_map.tolist(), "b": self.b.similarity_map.tolist()},
            "distance_map": {"a": self.a.distance_map.tolist(), "b": self.b.distance_map.tolist()},
            "refined_map": {"a": self.a.refined_map.tolist(), "b": self.b.refined_map.tolist()},
            "standard_errors": {
                name: None if side.standard_errors is None else side.standard_errors.tolist()
                for name, side in (("a", self.a), ("b", self.b))
            },
            "passes": self.passes,
            "matches": [
                {"box_a": match.box_a, "box_b": match.box_b, "similarity": match.similarity}
                for match in self.matches
            ],
            "levels": [
                {"level": part.level, "contribution": part.contribution, "grid": list(part.grid)}
                for part in self.levels
            ],
            "links": _links(self.graph),
            "parts": self.table.head(parts).to_dict("records"),
        }

    @property
    def _scale(self) -> float:
        return float(max(np.abs(self.a.similarity_map).max(), np.abs(self.b.similarity_map).max())) or 1.0


def as_picture(pixels: Tensor) -> Image.Image:
    """uint8 ``(3, H, W)`` as a PIL image."""
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def _faithfulness(side: Side) -> dict[str, float] | None:
    check = side.faithfulness
    if check is None:
        return None
    return {
        "share": check.share,
        "named": check.named,
        "random": check.random_mean,
        "win_rate": check.win_rate,
    }


def _links(graph: NodeGraph | None) -> list[dict[str, Any]]:
    return [
        {
            "lower": f"{link.lower.level}:{link.lower.node}",
            "higher": f"{link.higher.level}:{link.higher.node}",
            "flow": link.flow,
        }
        for link in (graph.links if graph else [])
    ]
