"""Index, search, twins and evidence of the demo: what needs no training."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from likewise.data import Catalog, Failure
from likewise.demo.backbones import Chosen
from likewise.demo.classes import class_codes
from likewise.errors import InputError
from likewise.explain import PairExplanation
from likewise.files import content_digest, discard_folder
from likewise.images import open_mask
from likewise.retrieval import Index, ModelReference, Neighbors, RetrievalResult, evaluate_queries, nearest
from likewise.retrieval.distances import search_distance

_NEIGHBORS = 10
_PAIRS_FOR_EVIDENCE = 8


@dataclass(frozen=True)
class Search:
    """Result of searching all images among each other.

    Attributes:
        catalog: The images that could be read, in the order of the vectors.
        neighbors: Nearest images of each image.
        result: Recall and precision; None if there is nothing to count.
        failures: Images that could not be read.
        index: Path of the index.
    """

    catalog: Catalog
    neighbors: Neighbors
    result: RetrievalResult | None
    failures: list[Failure]
    index: Path

    @property
    def recall(self) -> float:
        """Recall@1, 0 to 1; NaN where nothing was counted."""
        return float("nan") if self.result is None else self.result.scores()["recall@1"]

    @property
    def unread(self) -> list[str]:
        """Notes on images that could not be read; empty if there are none."""
        if not self.failures:
            return []
        count = "1 image" if len(self.failures) == 1 else f"{len(self.failures):,} images"
        return [f"{count} could not be read, first {self.failures[0].id}: {self.failures[0].reason}"]


def search_all(chosen: Chosen, catalog: Catalog, index: Path, *, counted: bool, progress: bool) -> Search:
    """Build the index, and search every image among the others.

    Raises:
        InputError: Fewer than two images can be read.
    """
    embeddings = chosen.model.embed(catalog, progress=progress)
    if len(embeddings) < 2:
        reason = f" {embeddings.failures[0].reason}" if embeddings.failures else ""
        raise InputError(f"{len(embeddings)} image can be read, and a search needs two: add photos.{reason}")
    discard_folder(index)
    weights = None if chosen.weights is None else str(chosen.weights)
    reference = ModelReference.to(chosen.name, str(index), weights)
    Index.from_embeddings(index, embeddings, catalog, reference=reference)
    rows = {name: row for row, name in enumerate(catalog.ids)}
    usable = catalog.take(np.array([rows[name] for name in embeddings.ids]))
    distance = search_distance(chosen.model)
    neighbors = nearest(embeddings.vectors, k=min(_NEIGHBORS, len(usable) - 1), distance=distance)
    result = None
    if counted:
        labelled = class_codes(usable)[0] >= 0
        result = evaluate_queries(embeddings.vectors[labelled], usable.labels[labelled], distance=distance)
    return Search(usable, neighbors, result, embeddings.failures, index)


@dataclass(frozen=True)
class Twins:
    """Photos that occur twice, or nearly.

    Attributes:
        same: Pairs of rows whose files have the same content.
        near: The nearest pairs of other files: rows and distance, nearest first.
    """

    same: list[tuple[int, int]]
    near: list[tuple[int, int, float]]


def find_twins(search: Search, count: int) -> Twins:
    """Files with the same content, and the ``count`` nearest pairs of different ones."""
    paths = search.catalog.paths
    groups: dict[str, list[int]] = defaultdict(list)
    for row, path in enumerate(paths):
        groups[content_digest(path)].append(row)
    same = [(rows[0], other) for rows in groups.values() for other in rows[1:]]
    first_of = {row: rows[0] for rows in groups.values() for row in rows}
    near: dict[tuple[int, int], float] = {}
    rankings = zip(search.neighbors.indices, search.neighbors.distances, strict=True)
    for row, (others, distances) in enumerate(rankings):
        for other, distance in zip(others.tolist(), distances.tolist(), strict=True):
            first, second = first_of[row], first_of[other]
            pair = (min(first, second), max(first, second))
            if first != second:
                near[pair] = min(distance, near.get(pair, np.inf))
    nearest_pairs = sorted(near.items(), key=lambda item: item[1])[:count]
    return Twins(same, [(a, b, distance) for (a, b), distance in nearest_pairs])


def alike_pairs(search: Search, count: int, seed: int) -> list[tuple[int, int]]:
    """Images with their first hit, of different classes each; right hits only where there are labels."""
    codes = class_codes(search.catalog)[0]
    first = search.neighbors.indices[:, 0]
    usable = (
        np.flatnonzero((codes == codes[first]) & (codes >= 0))
        if search.result is not None
        else np.arange(len(first))
    )
    pairs, drawn_classes = [], set()
    for row in np.random.default_rng(seed).permutation(usable).tolist():
        if codes[row] >= 0 and codes[row] in drawn_classes:
            continue
        drawn_classes.add(codes[row])
        pairs.append((row, int(first[row])))
        if len(pairs) == count:
            break
    return pairs


@dataclass(frozen=True)
class Evidence:
    """Evidence of pairs, and the fraction of it on the objects.

    Attributes:
        pairs: Explanations.
        share: Share of the evidence on the objects, mean; NaN without masks.
        covered: Mean fraction of the images covered by the objects.
        images: Number of measured images.
    """

    pairs: list[PairExplanation]
    share: float
    covered: float
    images: int


def explain_some(chosen: Chosen, search: Search, seed: int, count: int = _PAIRS_FOR_EVIDENCE) -> Evidence:
    """Explain pairs of the search, and measure their evidence against the masks where there are any."""
    paths, masks = search.catalog.paths, search.catalog.mask_paths
    codes, names = class_codes(search.catalog)

    def name_of(row: int) -> str:
        return names[codes[row]] if codes[row] >= 0 else paths[row].name

    pairs, shares, covers = [], [], []
    for first, second in alike_pairs(search, count, seed):
        pair = chosen.model.explain(paths[first], paths[second], check=False)
        sides = [replace(side, name=name_of(row)) for row, side in ((first, pair.a), (second, pair.b))]
        pairs.append(replace(pair, a=sides[0], b=sides[1]))
        for row, side in ((first, pair.a), (second, pair.b)):
            mask = masks[row]
            if mask is not None:
                share, covered = _on_object(side.refined_map, mask, chosen)
                shares.append(share)
                covers.append(covered)
    if not shares:
        return Evidence(pairs, float("nan"), float("nan"), 0)
    return Evidence(pairs, float(np.mean(shares)), float(np.mean(covers)), len(shares))


def _on_object(evidence: NDArray[np.float64], mask: Path, chosen: Chosen) -> tuple[float, float]:
    """Fraction of the positive evidence on the object, and fraction of the image covered by the object."""
    preprocessing, crop = chosen.model.preprocessing, chosen.model.preprocessing.crop_px
    picture = open_mask(mask)
    resized = preprocessing.resized(picture.size)
    left, top = preprocessing.corner(resized)
    square = picture.resize(resized).crop((left, top, left + crop, top + crop))
    on_object = np.asarray(square) > 127
    positive = torch.from_numpy(np.clip(evidence, 0, None))[None, None]
    spread = interpolate(positive, (crop, crop), mode="bilinear")[0, 0].numpy()
    return float(spread[on_object].sum() / max(spread.sum(), 1e-12)), float(on_object.mean())
