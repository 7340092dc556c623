"""Searching a store: candidates from LanceDB (or a scan of all rows), then exact distances and a certain order."""

import heapq
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from likewise.avsl.distance import collapse
from likewise.retrieval.distances import Comparison
from likewise.retrieval.index.exact import distances_to
from likewise.retrieval.index.schema import COLLAPSED, VECTORS, vectors_of
from likewise.retrieval.index.store_view import Compared, Row, StoreView

Found = list[tuple[float, Row]]

# Distances that LanceDB supports; the others need a scan of all rows.
STORED_DISTANCES = ("cosine", "euclidean")
_ROUNDING = 1e-6
_MORE = 16  # candidates beyond k, so that rounding in LanceDB cannot cost a hit


@dataclass(frozen=True)
class CandidateSearch:
    """Candidate selection of an approximate search.

    Attributes:
        probes: Partitions to look into.
        shortlist: Candidates compared exactly for each wanted image; more than 1 for codes and AVSL.
        factors: AVSL: those of the collapsed vectors, (levels x D,).
    """

    probes: int
    shortlist: int = 1
    factors: np.ndarray | None = None


def search_store(
    store: StoreView,
    vector: np.ndarray,
    k: int,
    where: str | None,
    distance: str | Comparison,
    *,
    stage: CandidateSearch | None = None,
    exclude: Collection[str] = (),
) -> Found:
    """The k nearest rows with their distances, nearest first, equal distances by id.

    Args:
        store: Store to search.
        vector: ``(D,)`` float32.
        k: Largest number of rows.
        where: A condition that :meth:`Store.count` accepted.
        distance: Distance of the index.
        stage: Settings of the approximate search. None: exact.
        exclude: Ids to exclude.
    """
    count = candidate_count(k, len(exclude))
    if isinstance(distance, str) and distance in STORED_DISTANCES:
        probes, refine = (None, 1) if stage is None else (stage.probes, stage.shortlist)
        compared = store.compared(vector, count, where, distance, probes=probes, refine=refine)
        best_hits = _best_candidates(compared, k, exclude)
        if stage is not None or len(compared.ids) < count or not _may_tie(compared.distances, best_hits):
            return best_hits
        # More rows than candidates are as near as the last hit: a scan decides their order.
    if stage is not None and stage.factors is not None:
        query = collapse(vector[None], stage.factors)[0]
        candidates = store.nearest(
            query, count * stage.shortlist, where, "euclidean", probes=stage.probes, column=COLLAPSED
        )
        return _best_candidates(Compared.of(candidates, vector, distance), k, exclude)
    # Every row, also for AVSL: with one query the lower bound of the certified search costs more than the distances it
    # saves, because the factors of the gallery are computed for this query (``benchmarks/avsl_search.py --one-query``).
    best: list[tuple[float, str]] = []
    for batch in store.scan(["id", "vector"], where):
        best = heapq.nsmallest(k, [*best, *_best_of(batch, vector, k, distance, exclude)])
    columns = [name for name in store.schema.names if name not in VECTORS]
    by_id = {row["id"]: row for row in store.rows([name for _, name in best], columns).to_pylist()}
    return [(value, by_id[name]) for value, name in best]


def candidate_count(k: int, excluded: int = 0) -> int:
    """Rows that are compared exactly for ``k`` hits."""
    return k + excluded + _MORE + k // 2


def _best_candidates(compared: Compared, k: int, exclude: Collection[str]) -> Found:
    ids, distances = compared.ids, compared.distances.tolist()
    order = sorted(range(len(ids)), key=lambda row: (distances[row], ids[row]))
    chosen = [row for row in order if ids[row] not in exclude][:k]
    return [(distances[row], hit) for row, hit in zip(chosen, compared.rows(chosen), strict=True)]


def _may_tie(distances: np.ndarray, hits: Found) -> bool:
    """Whether a row beyond the candidates at ``distances`` may be as near as the last hit."""
    farthest = float(distances.max())
    return not hits or farthest <= hits[-1][0] * (1 + _ROUNDING) + _ROUNDING


def _best_of(
    batch: pa.RecordBatch, vector: np.ndarray, k: int, distance: str | Comparison, exclude: Collection[str]
) -> list[tuple[float, str]]:
    distances = distances_to(vector, vectors_of(batch), distance)
    if not len(distances):
        return []
    # All that are as near as the last one that counts: a tie is broken by id, not by the order of storage.
    place = min(k + len(exclude), len(distances)) - 1
    last = np.partition(distances, place)[place]
    ids = batch.column("id")
    near = [(float(distances[row]), ids[int(row)].as_py()) for row in np.flatnonzero(distances <= last)]
    return [pair for pair in near if pair[1] not in exclude]
