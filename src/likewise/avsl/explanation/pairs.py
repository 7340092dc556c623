"""A pair under an AVSL model: the distance as an exact sum over levels, nodes and positions."""

from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from likewise.avsl.attribution import (
    LinkFlow,
    NodeAttribution,
    attribute_links,
    attribute_nodes,
    attribute_regions,
)
from likewise.avsl.nodes import LevelPart, LinkedNode, Map, NodeGraph, NodeLink, NodePicture
from likewise.explain.evidence import agreed
from likewise.explain.grids import sum_on_finest_grid
from likewise.explain.pair_types import PairExplanation, Side, as_picture
from likewise.explain.targets import usable_vectors
from likewise.models import SimilarityModel

_SHOWN = 2  # distinguishing nodes per level, and as many shared ones
_GRAPH_NODES, _GRAPH_LINKS = 6, 24


def explain_nodes(
    model: SimilarityModel, pixels: Tensor, names: tuple[str, str], traced: tuple[Map, Map | None]
) -> PairExplanation:
    """Explain the distance of two squares ``(2, 3, H, W)``, with the evidence ``traced``; None is not refined.

    The maps of the levels are resized to the finest grid, preserving their sums, and added.
    """
    network: Any = model.network
    head = network.embedder.head
    maps = network.feature_maps(pixels.to(model.device))
    first, second = (head.detail([level[side : side + 1] for level in maps]) for side in (0, 1))
    distance = head.distance()
    nodes = attribute_nodes(distance, first.representation, second.representation)
    regions = attribute_regions(distance, first, second)
    rows = usable_vectors(model, pixels, names)
    value = float(model.compare(rows[:1], rows[1:])[0, 0])
    sides = []
    for side, (shared, distance_maps, contrast) in enumerate([
        (regions.shared_first, regions.first, regions.contrast_first),
        (regions.shared_second, regions.second, regions.contrast_second),
    ]):  # fmt: skip
        apart = _joined(distance_maps)
        alike = _joined(shared) if shared else -apart  # only squared node differences have a shared term
        fine = traced[side]
        evidence = alike if fine is None else agreed(alike, fine)
        sides.append(Side(names[side], as_picture(pixels[side]), alike, apart, _joined(contrast), evidence))
    squared = distance.index_p == 2
    shared_terms = nodes.shared(first.representation, second.representation) if squared else ()
    levels = [
        _level(level, nodes, shared_terms[level] if squared else None, first.maps[level], second.maps[level])
        for level in reversed(range(distance.levels))
    ]
    graph = _graph(attribute_links(distance, first.representation, second.representation), nodes)
    table = _table([level[0].cpu().numpy() for level in nodes.contributions])
    return PairExplanation(
        a=sides[0], b=sides[1], model=model.name, distance=value, distance_name="avsl", similarity=None, kind="nodes",
        table=table, completeness=abs(float(regions.total()[0]) - value), levels=levels, graph=graph,
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


def _level(
    level: int, nodes: NodeAttribution, shared: Tensor | None, first: Tensor, second: Tensor
) -> LevelPart:
    """A level with its most distinguishing and most shared nodes."""
    parts = nodes.contributions[level][0]
    alike = torch.zeros_like(parts) if shared is None else shared[0]

    def picture(node: int, role: Literal["apart", "alike"]) -> NodePicture:
        maps = (first[0, node].double().cpu().numpy(), second[0, node].double().cpu().numpy())
        return NodePicture(level, node, float(parts[node]), float(alike[node]), maps, role)

    pictures = [picture(int(node), "apart") for node in parts.topk(min(_SHOWN, len(parts))).indices]
    if shared is not None:
        pictures += [picture(int(node), "alike") for node in alike.topk(min(_SHOWN, len(parts))).indices]
    return LevelPart(level, float(parts.double().sum()), (first.shape[2], first.shape[3]), pictures)


def _graph(flow: LinkFlow, nodes: NodeAttribution) -> NodeGraph:
    chosen: list[list[LinkedNode]] = []
    for level, (carried, contributions) in enumerate(zip(flow.carried, nodes.contributions, strict=True)):
        strongest = carried[0].topk(min(_GRAPH_NODES, carried.shape[1])).indices.tolist()
        chosen.append(
            [
                LinkedNode(level, node, float(carried[0, node]), float(contributions[0, node]))
                for node in strongest
            ]
        )
    links = [
        NodeLink(lower, higher, float(flow.flows[step][0, lower.node, higher.node]))
        for step in range(len(flow.flows))
        for lower in chosen[step]
        for higher in chosen[step + 1]
    ]
    links = sorted((link for link in links if link.flow > 0), key=lambda link: -link.flow)
    return NodeGraph([node for level in reversed(chosen) for node in level], links[:_GRAPH_LINKS])


def _joined(levels: tuple[Tensor, ...]) -> Map:
    """Maps ``(1, h, w)`` of several levels as one map on the finest grid, with the same sum."""
    total: Map = sum_on_finest_grid([level.double().cpu() for level in levels])[0].numpy()
    return total
