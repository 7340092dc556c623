"""Figures of the demo: classes, searches, pairs with evidence, duplicates, and the effect of the background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.audit import BackgroundAudit
from likewise.data import Catalog
from likewise.demo.classes import class_codes
from likewise.drawing import QUERY, Grid, Tile, heat_overlay
from likewise.explain import PairExplanation
from likewise.images import open_image
from likewise.retrieval import Neighbors

_TILE_PX = 140
_COLUMNS = 7
HITS = 6


def some_images(catalog: Catalog, count: int, seed: int) -> Grid:
    """Some images, each of another class where there are labels."""
    codes, names = class_codes(catalog)
    paths = catalog.paths
    order = np.random.default_rng(seed).permutation(len(catalog))
    # The first image of each class in a random order, then the others.
    first = np.unique(codes[order], return_index=True)[1]
    chosen = [*order[np.sort(first)].tolist(), *np.delete(order, first).tolist()][:count]
    tiles = [
        Tile(open_image(paths[row]), str(names[codes[row]]) if codes[row] >= 0 else "") for row in chosen
    ]
    lines = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    return Grid(lines, caption="Some of the images.", tile_px=_TILE_PX)


def searches(catalog: Catalog, neighbors: Neighbors, seed: int, count: int = 6) -> Grid:
    """Random searches with their first hits, marked as right or wrong if there are labels."""
    codes, names = class_codes(catalog)
    paths = catalog.paths
    drawn = np.random.default_rng(seed).permutation(len(catalog))
    lines, drawn_classes = [], set()
    for query in drawn.tolist():
        # One search per class, so that six searches show six things.
        if codes[query] >= 0 and codes[query] in drawn_classes and len(names) >= count:
            continue
        drawn_classes.add(codes[query])
        lines.append(_search(query, paths, codes, names, neighbors))
        if len(lines) == count:
            break
    words = "Query on the left, followed by its nearest images with their distances."
    return Grid(lines, caption=words, tile_px=_TILE_PX)


def _search(
    query: int, paths: Sequence[Path], codes: NDArray[np.int64], names: Sequence[str], neighbors: Neighbors
) -> list[Tile]:
    query_class = codes[query]
    title = f"query: {names[query_class]}" if query_class >= 0 else "query"
    tiles = [Tile(open_image(paths[query]), title, QUERY, "?")]
    for hit, distance in zip(neighbors.indices[query][:HITS], neighbors.distances[query][:HITS], strict=True):
        label = names[codes[hit]] if codes[hit] >= 0 else paths[hit].name
        caption = f"{label} {distance:z.2f}"
        image = open_image(paths[hit])
        if query_class < 0 or codes[hit] < 0:
            tiles.append(Tile(image, caption))
        else:
            tiles.append(Tile.judged(image, caption, right=bool(codes[hit] == query_class)))
    return tiles


def evidence(pairs: Sequence[PairExplanation]) -> Grid:
    """Pairs, each image beside its evidence map."""
    lines, titles = [], []
    for pair in pairs:
        scale = max(float(np.abs(side.refined_map).max()) for side in (pair.a, pair.b)) or 1.0
        line = []
        for side in (pair.a, pair.b):
            heat = heat_overlay(side.image, np.clip(side.refined_map / scale, -1, 1), signed=True)
            line += [Tile(side.image, side.name), Tile(heat, "evidence")]
        lines.append(line)
        titles.append(f"distance {pair.distance:z.2f}")
    return Grid(lines, titles, caption="Red: content shared by both images.", tile_px=200)


def twins(paths: Sequence[Path], pairs: Sequence[tuple[int, int, float]]) -> Grid:
    """The nearest pairs, side by side."""
    tiles = []
    for first, second, distance in pairs:
        tiles.append([
            Tile(open_image(paths[first]), paths[first].name),
            Tile(open_image(paths[second]), f"{paths[second].name} {distance:z.3f}"),
        ])  # fmt: skip
    lines = [
        [tile for pair in tiles[start : start + 3] for tile in pair] for start in range(0, len(tiles), 3)
    ]
    return Grid(lines, caption="The nearest pairs, with their distances.", tile_px=_TILE_PX)


def changed_results(audit: BackgroundAudit, count: int) -> Grid | None:
    """Searches with original and replaced background; None if nothing changes."""
    lines, titles = [], []
    for example in audit.examples[:count]:
        for side, words in ((0, "original"), (1, "background replaced")):
            tiles = [Tile(example.query[side], words, QUERY, "?")]
            for image, label in zip(example.neighbors[side], example.neighbor_labels[side], strict=True):
                tiles.append(Tile.judged(image, label, label == example.label))
            lines.append(tiles)
            titles.append(example.label if side == 0 else "")
    if not lines:
        return None
    caption = f"The searches of {audit.model} that change most when the background is replaced."
    return Grid(lines, titles, caption=caption, tile_px=_TILE_PX)
