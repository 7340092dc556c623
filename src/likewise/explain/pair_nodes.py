"""A pair under an AVSL model: the distance as an exact sum over levels, nodes and positions."""

from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from likewise.explain.pair_types import Map, NodePicture, PairExplanation, Side, as_picture
from likewise.models import SimilarityModel
from likewise.models.avsl_attribution import attribute_nodes, attribute_regions

_NODES = 4


def explain_nodes(model: SimilarityModel, pixels: Tensor, names: tuple[str, str]) -> PairExplanation:
    """Explain the distance of two squares ``(2, 3, H, W)``.

    The maps of the levels are brought to the finest grid with their sums kept, and added.
    """
    network: Any = model.network
    head = network.embedder.head
    maps = network.feature_maps(pixels.to(model.device))
    first, second = (head.detail([level[side : side + 1] for level in maps]) for side in (0, 1))
    distance = head.distance()
    nodes = attribute_nodes(distance, first.representation, second.representation)
    regions = attribute_regions(distance, first, second)
    rows = model.embed(pixels, num_workers=0).vectors
    value = float(model.compare(rows[:1], rows[1:])[0, 0])
    sides = []
    for side, (shared, own) in enumerate(
        [(regions.shared_first, regions.first), (regions.shared_second, regions.second)]
    ):
        apart = _joined(own)
        alike = _joined(shared) if shared else -apart  # only squared node differences have a shared term
        sides.append(Side(names[side], as_picture(pixels[side]), alike, apart, -apart))
    table = _table([level[0].cpu().numpy() for level in nodes.contributions])
    shown = [_shown(record, first.maps, second.maps) for record in table.head(_NODES).to_dict("records")]
    return PairExplanation(
        a=sides[0], b=sides[1], model=model.name, distance=value, distance_name="avsl", similarity=None, kind="nodes",
        table=table, completeness=abs(float(regions.total()[0]) - value), nodes=shown,
    )  # fmt: skip


def _table(contributions: list[np.ndarray]) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {"level": level, "node": np.arange(len(values)), "contribution": values.astype(np.float64)}
        )
        for level, values in enumerate(contributions)
    ]
    table = pd.concat(frames)
    total = float(table["contribution"].sum())
    table["share"] = table["contribution"] / (total or 1.0)
    return table.sort_values("contribution", ascending=False, kind="stable", ignore_index=True)


def _shown(record: dict[Any, Any], first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> NodePicture:
    level, node = int(record["level"]), int(record["node"])
    one, other = (maps[level][0, node].double().cpu().numpy() for maps in (first, second))
    return NodePicture(level, node, float(record["contribution"]), (one, other))


def _joined(levels: tuple[Tensor, ...]) -> Map:
    """Maps ``(1, h, w)`` of several levels as one map on the finest grid, with the same sum."""
    height, width = max((level.shape[1:] for level in levels), key=lambda grid: grid[0] * grid[1])
    total = np.zeros((height, width))
    for level in levels:
        values = level[0].double().cpu().numpy()
        rows = np.arange(height) * values.shape[0] // height
        columns = np.arange(width) * values.shape[1] // width
        # Where the sides do not divide, cells are repeated unevenly often: each shares its value among its copies.
        copies = np.bincount(rows)[:, None] * np.bincount(columns)[None]
        total += (values / copies)[np.ix_(rows, columns)]
    return total
