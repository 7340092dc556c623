"""The approximate search of an index: partitions of similar vectors, with the recall that was measured for them."""

import heapq
import math
from dataclasses import replace

import numpy as np

from likewise.avsl.search.comparison import AVSLComparison
from likewise.errors import ConfigError, InputError
from likewise.retrieval.distances import Comparison
from likewise.retrieval.index.avsl_projection import collapse_store
from likewise.retrieval.index.metadata import Approximate
from likewise.retrieval.index.schema import COLLAPSED, VectorCodes, vectors_of
from likewise.retrieval.index.search import STORED_DISTANCES, CandidateSearch, search_store
from likewise.retrieval.index.store import Store
from likewise.retrieval.neighbors import nearest
from likewise.seeds import stream

FEWEST_IMAGES = 1000  # below, an exact search takes no time anyway
LONGEST_SHORTLIST = 64


def require_many(images: int) -> None:
    """Refuse an approximate search of so few images.

    Raises:
        InputError: Fewer than 1,000.
    """
    if images < FEWEST_IMAGES:
        raise InputError(
            f"An approximate index pays from {FEWEST_IMAGES} images on, this one has {images}: search it exactly."
        )


def require_approximable(distance: str, dim: int, vectors: VectorCodes) -> None:
    """Refuse an approximate index that cannot be built, before any work.

    Raises:
        InputError: A distance that has no approximate search.
        ConfigError: Binary codes of a number of dimensions that is not a multiple of 8.
    """
    if distance not in STORED_DISTANCES and distance != "avsl":
        raise InputError(f"There is no approximate search by the {distance} distance: the exact one is used.")
    if distance != "avsl":  # whose collapsed vectors have another length
        _require_codes(dim, vectors)


def _require_codes(dim: int, vectors: VectorCodes) -> None:
    if vectors == "binary" and dim % 8:
        raise ConfigError(
            f"Binary vectors need a multiple of 8 dimensions, but these have {dim}: use int8 vectors."
        )


def build_approximate(
    store: Store,
    distance: str | Comparison,
    *,
    vectors: VectorCodes = "float32",
    partitions: int | None = None,
    recall: float = 0.95,
    recall_at: int = 10,
    queries: int = 100,
    seed: int = 0,
) -> tuple[Approximate, np.ndarray | None]:
    """Partition the vectors (IVF) and find the number of partitions to search.

    Images of the index, drawn by ``seed``, are searched exactly and approximately, each without itself; the number
    of partitions is doubled until the required fraction of the exact nearest images is found. Codes (int8: scalar
    quantization; binary: RaBitQ, Gao & Long 2024) and the collapsed vectors of AVSL only select candidates, which are
    compared exactly: first the number of candidates is doubled until, with all partitions, at most half of the allowed
    misses remain.

    Args:
        store: Store of the index.
        distance: Distance of the index.
        vectors: Storage type of the vectors in the partitions.
        partitions: Groups; None is the square root of the number of images.
        recall: The share of the exact nearest images that a search should find.
        recall_at: Number of nearest images.
        queries: Images to measure with.
        seed: Seed of their draw.

    Returns:
        The approximate index with its measured recall, and for AVSL the factors of the collapsed vectors.

    Raises:
        InputError: A distance that has no approximate search, or too few images.
        ConfigError: A number out of range, or binary codes of a number of dimensions that is not a multiple of 8.
    """
    size = store.count()
    dim = store.schema.field("vector").type.list_size
    require_approximable("avsl" if isinstance(distance, AVSLComparison) else str(distance), dim, vectors)
    require_many(size)
    groups = round(math.sqrt(size)) if partitions is None else partitions
    if groups > size // 4:
        raise ConfigError(
            f"partitions must be at most {size // 4}, a quarter of the {size} images of the index, but is {groups}."
        )
    stage = CandidateSearch(probes=groups)
    if isinstance(distance, AVSLComparison):
        _require_codes(distance.distance.levels * distance.distance.dim, vectors)
        stage = CandidateSearch(groups, 1, collapse_store(store, distance.distance))
        store.build_partitions("euclidean", groups, vectors, COLLAPSED)
    else:
        store.build_partitions(str(distance), groups, vectors)
    test = _Sampled(store, distance, *_sample(store, queries, seed), recall_at)
    while (
        (stage.factors is not None or vectors != "float32")
        and stage.shortlist < LONGEST_SHORTLIST
        and test.recall(stage) < (1 + recall) / 2
    ):
        stage = replace(stage, shortlist=2 * stage.shortlist)
    stage = replace(stage, probes=1)
    while (measured := test.recall(stage)) < recall and stage.probes < groups:
        stage = replace(stage, probes=min(2 * stage.probes, groups))
    made = Approximate(
        partitions=groups, probes=stage.probes, recall=measured, recall_at=recall_at, queries=len(test.ids),
        images=size, shortlist=stage.shortlist, vectors=vectors,
    )  # fmt: skip
    return made, stage.factors


class _Sampled:
    """Images of the index with their exact nearest others."""

    def __init__(
        self, store: Store, distance: str | Comparison, ids: list[str], vectors: np.ndarray, k: int
    ) -> None:
        self.ids = ids
        self._store, self._distance, self._vectors, self._k = store, distance, vectors, k
        self._exact = _exact(store, ids, vectors, k, distance)

    def recall(self, stage: CandidateSearch) -> float:
        """Share of the exact nearest that a search finds."""
        shares = []
        for image_id, vector, expected in zip(self.ids, self._vectors, self._exact, strict=True):
            hits = search_store(
                self._store, vector, self._k, None, self._distance, stage=stage, exclude=[image_id]
            )
            shares.append(len(expected & {row["id"] for _, row in hits}) / len(expected))
        return float(np.mean(shares))


def _exact(
    store: Store, ids: list[str], vectors: np.ndarray, k: int, distance: str | Comparison
) -> list[set[str]]:
    """The ids of the k nearest others of each sampled image, from one pass over the store."""
    best: list[list[tuple[float, str]]] = [[] for _ in ids]
    for batch in store.scan(["id", "vector"]):
        names = batch.column("id").to_pylist()
        neighbors = nearest(vectors, vectors_of(batch), min(k + 1, len(names)), distance=distance)
        for row, image_id in enumerate(ids):
            pairs = zip(neighbors.distances[row].tolist(), neighbors.indices[row].tolist(), strict=True)
            near = [(value, names[column]) for value, column in pairs if names[column] != image_id]
            best[row] = heapq.nsmallest(k, best[row] + near)
    return [{name for _, name in pairs} for pairs in best]


def _sample(store: Store, queries: int, seed: int) -> tuple[list[str], np.ndarray]:
    ids = sorted(name for batch in store.scan(["id"]) for name in batch.column("id").to_pylist())
    random = stream(seed, "approximate recall")
    chosen = [ids[row] for row in random.choice(len(ids), min(queries, len(ids)), replace=False)]
    table = store.rows(chosen, ["id", "vector"])
    return table["id"].to_pylist(), vectors_of(table)
