"""Searching a store: candidates from LanceDB (or a scan of all rows), then exact distances and a certain order."""

import heapq
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from likewise.avsl.distance import collapse
from likewise.retrieval.distances import Comparison, to_each
from likewise.retrieval.index.schema import COLLAPSED, VECTORS
from likewise.retrieval.index.store_view import StoreView

Row = dict[str, Any]
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
    count = k + len(exclude) + _MORE + k // 2
    if isinstance(distance, str) and distance in STORED_DISTANCES:
        probes, refine = (None, 1) if stage is None else (stage.probes, stage.shortlist)
        candidates = store.nearest(vector, count, where, distance, probes=probes, refine=refine)
        distances = distances_to(vector, vectors_of(candidates), distance)
        best_hits = _best_candidates(candidates, distances, k, exclude)
        if stage is not None or candidates.num_rows < count or not _may_tie(distances, best_hits):
            return best_hits
        # More rows than candidates are as near as the last hit: a scan decides their order.
    if stage is not None and stage.factors is not None:
        query = collapse(vector[None], stage.factors)[0]
        candidates = store.nearest(
            query, count * stage.shortlist, where, "euclidean", probes=stage.probes, column=COLLAPSED
        )
        distances = distances_to(vector, vectors_of(candidates), distance)
        return _best_candidates(candidates, distances, k, exclude)
    # Every row, also for AVSL: with one query the lower bound of the certified search costs more than the distances it
    # saves, because the factors of the gallery are computed for this query (``benchmarks/avsl_search.py --one-query``).
    best: list[tuple[float, str]] = []
    for batch in store.scan(["id", "vector"], where):
        best = heapq.nsmallest(k, [*best, *_best_of(batch, vector, k, distance, exclude)])
    columns = [name for name in store.schema.names if name not in VECTORS]
    by_id = {row["id"]: row for row in store.rows([name for _, name in best], columns).to_pylist()}
    return [(value, by_id[name]) for value, name in best]


def _best_candidates(candidates: pa.Table, distances: np.ndarray, k: int, exclude: Collection[str]) -> Found:
    ids = candidates["id"].to_pylist()
    order = sorted(range(len(ids)), key=lambda row: (distances[row], ids[row]))
    chosen = [row for row in order if ids[row] not in exclude][:k]
    columns = [name for name in candidates.column_names if name not in VECTORS]
    rows = candidates.select(columns).take(pa.array(chosen, pa.int64())).to_pylist()
    return [(float(distances[row]), hit) for row, hit in zip(chosen, rows, strict=True)]


def _may_tie(distances: np.ndarray, hits: Found) -> bool:
    """Whether a row beyond the candidates at ``distances`` may be as near as the last hit."""
    farthest = float(distances.max())
    return not hits or farthest <= hits[-1][0] * (1 + _ROUNDING) + _ROUNDING


def vectors_of(rows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """The vector column as ``(N, D)`` float32."""
    column = rows.column("vector")
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    # A copy: torch wants memory it could write.
    flat: np.ndarray = np.array(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
    return flat.reshape(len(column), -1) if len(column) else np.empty((0, 1), np.float32)


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


def distances_to(vector: np.ndarray, rows: np.ndarray, distance: str | Comparison) -> np.ndarray:
    """Exact distances ``(N,)`` float32 of a query ``(D,)`` to rows ``(N, D)``."""
    if not len(rows):
        return np.empty(0, np.float32)
    query, others = torch.from_numpy(vector), torch.from_numpy(rows)
    if isinstance(distance, str):
        return to_each(query, others, distance).numpy()
    return distance.pairwise(query[None], others)[0].cpu().numpy()
