"""The approximate search of an index: partitions of similar vectors, with the recall that was measured for them."""

import heapq
import math

import numpy as np

from likewise.errors import ConfigError, InputError
from likewise.retrieval.index.about import Approximate
from likewise.retrieval.index.search import STORED_DISTANCES, search_store, vectors_of
from likewise.retrieval.index.store import Store
from likewise.retrieval.neighbors import nearest
from likewise.seeds import stream

FEWEST_IMAGES = 1000  # below, an exact search takes no time anyway


def build_approximate(
    store: Store,
    distance: str,
    *,
    partitions: int | None = None,
    recall: float = 0.95,
    recall_at: int = 10,
    queries: int = 100,
    seed: int = 0,
) -> Approximate:
    """Group the vectors (IVF, vectors kept as they are) and find how many groups a search must look into.

    Images of the index, drawn by ``seed``, are searched exactly and approximately, each without itself; the number
    of groups is doubled until the wanted share of the exact nearest images is found.

    Args:
        store: Of the index.
        distance: Of the index.
        partitions: Groups; None is the square root of the number of images.
        recall: The share of the exact nearest images that a search should find.
        recall_at: How many nearest images.
        queries: Images to measure with.
        seed: Of drawing them.

    Raises:
        InputError: A distance that has no approximate search, or too few images.
        ConfigError: A number out of range.
    """
    if distance not in STORED_DISTANCES:
        raise InputError(f"There is no approximate search by the {distance} distance: the exact one is used.")
    size = store.count()
    if size < FEWEST_IMAGES:
        raise InputError(
            f"An approximate index pays from {FEWEST_IMAGES} images on, this one has {size}: search it exactly."
        )
    groups = round(math.sqrt(size)) if partitions is None else partitions
    if not 0 < recall <= 1 or recall_at < 1 or queries < 10 or not 1 <= groups <= size // 4:
        raise ConfigError(
            "An approximate index needs recall in (0, 1], recall_at of at least 1, queries of at least 10 and "
            f"partitions between 1 and {size // 4}, but got {recall}, {recall_at}, {queries}, {groups}."
        )
    store.build_partitions(distance, groups)
    ids, vectors = _sample(store, queries, seed)
    exact = _exact(store, ids, vectors, recall_at, distance)
    probes = 1
    while True:
        found = []
        for own, vector in zip(ids, vectors, strict=True):
            hits = search_store(store, vector, recall_at, None, distance, probes=probes, exclude=[own])
            found.append({row["id"] for _, row in hits})
        measured = float(np.mean([len(a & b) / len(a) for a, b in zip(exact, found, strict=True)]))
        if measured >= recall or probes == groups:
            break
        probes = min(2 * probes, groups)
    return Approximate(
        partitions=groups, probes=probes, recall=measured, recall_at=recall_at, queries=len(ids), images=size
    )


def _exact(store: Store, ids: list[str], vectors: np.ndarray, k: int, distance: str) -> list[set[str]]:
    """The ids of the k nearest others of each sampled image, from one pass over the store."""
    best: list[list[tuple[float, str]]] = [[] for _ in ids]
    for batch in store.scan(["id", "vector"]):
        names = batch.column("id").to_pylist()
        found = nearest(vectors, vectors_of(batch), min(k + 1, len(names)), distance=distance)
        for row, own in enumerate(ids):
            pairs = zip(found.distances[row].tolist(), found.indices[row].tolist(), strict=True)
            near = [(value, names[column]) for value, column in pairs if names[column] != own]
            best[row] = heapq.nsmallest(k, best[row] + near)
    return [{name for _, name in pairs} for pairs in best]


def _sample(store: Store, queries: int, seed: int) -> tuple[list[str], np.ndarray]:
    ids = sorted(name for batch in store.scan(["id"]) for name in batch.column("id").to_pylist())
    random = stream(seed, "approximate recall")
    chosen = [ids[row] for row in random.choice(len(ids), min(queries, len(ids)), replace=False)]
    table = store.rows(chosen, ["id", "vector"])
    return table["id"].to_pylist(), vectors_of(table)
