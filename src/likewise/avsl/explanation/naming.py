"""Meaning of an AVSL node: the images of a catalog it responds to most, and the properties.

A node's response to an image is its entry of the level's unit embedding, -1..1. Nodes have no preferred sign: the
images at both ends show what it distinguishes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from likewise.arguments import checked
from likewise.avsl.explanation.properties import property_table
from likewise.avsl.node_drawing import NODE_PX
from likewise.avsl.nodes import Map
from likewise.bounds import Count, CountOrZero, Workers
from likewise.data import Catalog, Failure
from likewise.data.masks import image_properties
from likewise.drawing import Grid, Tile, largest_magnitude, signed_overlay
from likewise.errors import InputError, ModelError
from likewise.explain.pair_types import as_picture
from likewise.explain.saving import save_picture_or_page
from likewise.models import AVSLHead, SimilarityModel
from likewise.models.evaluating import evaluating
from likewise.models.pictures import squares
from likewise.readable import readable
from likewise.results import percent

if TYPE_CHECKING:
    from likewise.report import Report

_SIGNIFICANT = 0.05


@readable
@dataclass(frozen=True)
class NodeImage:
    """An image at one end of a node's responses.

    Attributes:
        id: Id in the catalog.
        label: "" if it has none.
        response: Response of the node, -1..1.
        image: The square the model saw.
        map: Activation of the node (h, w); its mean is the response.
    """

    id: str
    label: str
    response: float
    image: Image.Image
    map: Map


@readable
@dataclass(frozen=True)
class NodeName:
    """Meaning of a node in a catalog.

    Attributes:
        level: Level, 0 = lowest.
        node: Number of the node.
        model: Name of the model.
        images: Images that were read.
        mean: Mean of the responses.
        deviation: Standard deviation of the responses.
        highest: The images with the largest responses, largest first.
        lowest: The images with the smallest, smallest first.
        properties: One row per property, largest share first: property, share (of the variance of the responses' ranks,
            beyond chance, 0..1), p_value (Holm over the properties), high and low (values with the largest and the
            smallest mean response; "more" and "less" for numbers), high_mean, low_mean.
        failures: Images that could not be read.
    """

    level: int
    node: int
    model: str
    images: int
    mean: float
    deviation: float
    highest: list[NodeImage]
    lowest: list[NodeImage]
    properties: pd.DataFrame
    failures: list[Failure]

    @property
    def words(self) -> str:
        """Description of its responses."""
        start = f"Node {self.level}:{self.node} of {self.model}, over {self.images} images"
        table = self.properties[self.properties["p_value"] < _SIGNIFICANT]
        if not len(table):
            return f"{start}: no property of the catalog says what it responds to; look at its images."
        best = table.iloc[0]
        sentence = (
            f"{start}: it responds to {best['property']}, most to {best['high']} ({best['high_mean']:+z.3f}) and "
            f"least to {best['low']} ({best['low_mean']:+z.3f}), which explains "
            f"{percent(best['share'], 0)} of how it ranks them"
        )
        others = [f"{row['property']} {percent(row['share'], 0)}" for _, row in table.iloc[1:4].iterrows()]
        return f"{sentence}; then {', '.join(others)}." if others else f"{sentence}."

    def draw(self) -> Image.Image:
        """Its images at both ends, with its activation maps."""
        return replace(self.grid(), title=self.words).draw()

    def grid(self) -> Grid:
        """Four rows: images with the highest responses, the node's maps on them, and the same of the lowest."""
        ends = (("highest", self.highest), ("lowest", self.lowest))
        top = largest_magnitude(example.map for _, end in ends for example in end)
        rows, heads = [], []
        for words, end in ends:
            rows.append([Tile(example.image, example.label or example.id) for example in end])
            heads.append(f"The {words} responses of node {self.level}:{self.node}")
            rows.append(
                [
                    Tile(signed_overlay(example.image, example.map / top), f"{example.response:+z.3f}")
                    for example in end
                ]
            )
            heads.append("Response by location: red adds to it, blue reduces it")
        return Grid(rows, heads, tile_px=NODE_PX, caption_lines=2)

    @checked
    def report(self, facts: Mapping[str, str] | None = None) -> "Report":
        """A page: its words, images with captions and properties."""
        from likewise.report.explanations import node_report

        return node_report(self, facts)

    @checked
    def save(self, path: Path | str, facts: Mapping[str, str] | None = None) -> None:
        """As :meth:`PairExplanation.save`."""
        save_picture_or_page(self, path, facts)

    def to_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        ends = {"highest": self.highest, "lowest": self.lowest}
        return {
            "node": f"{self.level}:{self.node}", "model": self.model, "images": self.images, "words": self.words,
            "mean": self.mean, "deviation": self.deviation,
            **{name: [{"id": each.id, "label": each.label, "response": each.response} for each in end]
               for name, end in ends.items()},
            "properties": self.properties.to_dict("records"),
        }  # fmt: skip


@checked
def name_node(
    model: SimilarityModel,
    catalog: Catalog,
    level: CountOrZero,
    node: CountOrZero,
    *,
    images: Count = 6,
    batch_size: Count = 64,
    num_workers: Workers | None = None,
) -> NodeName:
    """Find out what a node responds to.

    Args:
        model: With an AVSL head.
        catalog: Images, with properties where there are some; labels count as one.
        level: 0 = lowest.
        node: 0 to D - 1.
        images: Number of images to show per end.
        batch_size: Images per forward pass.
        num_workers: Number of decoding processes. None: chosen automatically.

    Raises:
        ModelError: The model has no AVSL head, or no such level or node.
        InputError: Fewer than 3 images can be read.
    """
    head = _checked_head(model, level, node)
    embeddings = model.embed(catalog, batch_size, num_workers)
    if len(embeddings) < 3:
        raise InputError(f"A node is named from 3 images or more, but only {len(embeddings)} can be read.")
    responses = embeddings.vectors[:, level * head.spec.dim + node].astype(np.float64)
    table = catalog.table.set_index("path", drop=False).loc[embeddings.ids]
    order = np.argsort(-responses, kind="stable")
    count = min(images, len(order) // 2)
    paths = dict(zip(catalog.ids, catalog.paths, strict=True))

    def ends(rows: Sequence[int]) -> list[NodeImage]:
        return _shown(
            model, level, node, [(embeddings.ids[row], paths[embeddings.ids[row]]) for row in rows], table
        )

    return NodeName(
        level, node, model.name, len(responses), float(responses.mean()), float(responses.std()),
        highest=ends(order[:count].tolist()), lowest=ends(order[::-1][:count].tolist()),
        properties=property_table(table, image_properties(catalog), responses), failures=embeddings.failures,
    )  # fmt: skip


@checked
def parse_node(text: str) -> tuple[int, int]:
    """Read "2:137" as level and node.

    Raises:
        InputError: Not of that form.
    """
    level, _, node = text.partition(":")
    if not (level.isdecimal() and node.isdecimal()):
        raise InputError(
            f"A node is written LEVEL:NODE, for instance 2:137 (level 0 is the lowest), not {text!r}."
        )
    return int(level), int(node)


def _checked_head(model: SimilarityModel, level: int, node: int) -> AVSLHead:
    head = getattr(model.network.embedder, "head", None)
    if not isinstance(head, AVSLHead):
        raise ModelError(
            f"'{model.name}' has no AVSL head, so it has no nodes: train one with catalog/LOSS/avsl."
        )
    levels, dim = len(head.spec.levels), head.spec.dim
    if not (0 <= level < levels and 0 <= node < dim):
        raise ModelError(
            f"'{model.name}' has no node {level}:{node}: levels go from 0 to {levels - 1}, nodes from 0 to {dim - 1}."
        )
    return head


@torch.no_grad()
def _shown(
    model: SimilarityModel, level: int, node: int, files: Sequence[tuple[str, Path]], table: pd.DataFrame
) -> list[NodeImage]:
    network: Any = model.network
    pixels = squares(model.preprocessing, [path for _, path in files])
    with evaluating(network):
        detail = network.embedder.head.detail(network.feature_maps(pixels.to(model.device)))
    maps = detail.maps[level][:, node].double().cpu().numpy()
    return [
        NodeImage(
            name, str(table.loc[name, "label"]), float(maps[row].mean()), as_picture(pixels[row]), maps[row]
        )
        for row, (name, _) in enumerate(files)
    ]
