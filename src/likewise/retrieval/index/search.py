"""Searching a store: candidates from LanceDB (or a scan of all rows), then exact distances and a certain order."""

import heapq
from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from likewise.retrieval.distances import Comparison, to_each
from likewise.retrieval.index.store import Store

Row = dict[str, Any]
Found = list[tuple[float, Row]]

# Distances LanceDB knows itself; the others are found by looking at every row.
STORED_DISTANCES = ("cosine", "euclidean")
_MORE = 16  # candidates beyond k, so that rounding in LanceDB cannot cost a hit


def search_store(
    store: Store,
    vector: np.ndarray,
    k: int,
    where: str | None,
    distance: str | Comparison,
    *,
    probes: int | None = None,
    exclude: Collection[str] = (),
) -> Found:
    """The k nearest rows with their distances, nearest first, equal distances by id.

    Args:
        store: Where.
        vector: ``(D,)`` float32.
        k: At most so many.
        where: A condition that :meth:`Store.count` accepted.
        distance: That of the index.
        probes: Partitions of the approximate index to look into; None is exact.
        exclude: Ids that are not to be found.
    """
    if isinstance(distance, str) and distance in STORED_DISTANCES:
        wanted = k + len(exclude) + _MORE + k // 2
        candidates = store.nearest(vector, wanted, where, distance, probes)
        distances = _distances(vector, vectors_of(candidates), distance)
        ids = candidates["id"].to_pylist()
        order = sorted(range(len(ids)), key=lambda row: (distances[row], ids[row]))
        chosen = [row for row in order if ids[row] not in exclude][:k]
        rows = candidates.take(pa.array(chosen, pa.int64())).drop_columns(["vector"]).to_pylist()
        return [(float(distances[row]), found) for row, found in zip(chosen, rows, strict=True)]
    best: list[tuple[float, str]] = []
    for batch in store.scan(["id", "vector"], where):
        best = heapq.nsmallest(k, [*best, *_best_of(batch, vector, k, distance, exclude)])
    columns = [name for name in store.schema.names if name != "vector"]
    by_id = {row["id"]: row for row in store.rows([name for _, name in best], columns).to_pylist()}
    return [(value, by_id[name]) for value, name in best]


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
    distances = _distances(vector, vectors_of(batch), distance)
    if not len(distances):
        return []
    # All that are as near as the last one that counts: a tie is broken by id, not by the order of storage.
    place = min(k + len(exclude), len(distances)) - 1
    last = np.partition(distances, place)[place]
    ids = batch.column("id")
    near = [(float(distances[row]), ids[int(row)].as_py()) for row in np.flatnonzero(distances <= last)]
    return [pair for pair in near if pair[1] not in exclude]


def _distances(vector: np.ndarray, rows: np.ndarray, distance: str | Comparison) -> np.ndarray:
    if not len(rows):
        return np.empty(0, np.float32)
    query, others = torch.from_numpy(vector), torch.from_numpy(rows)
    if isinstance(distance, str):
        return to_each(query, others, distance).numpy()
    return distance.pairwise(query[None], others)[0].cpu().numpy()
