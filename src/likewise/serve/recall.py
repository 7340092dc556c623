"""The recall of the approximate search of a served index, measured on a sample."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from likewise.errors import InputError
from likewise.retrieval.index.schema import vectors_of
from likewise.retrieval.index.store_view import StoreView
from likewise.seeds import stream
from likewise.serve.served_index import ServedIndex


def measured_recall(served: ServedIndex, queries: int, k: int, seed: int = 0) -> dict[str, Any]:
    """Search images of the index exactly and approximately, each without itself.

    Raises:
        InputError: The index has no approximate search.
    """
    if served.index.info().approximate is None:
        raise InputError(
            f"{served.name} is searched exactly, so its recall is 1: an approximate index is made with  likewise index "
            "approximate INDEX"
        )

    def sample(view: StoreView) -> tuple[list[str], np.ndarray]:
        ids = sorted(name for batch in view.scan(["id"]) for name in batch.column(0).to_pylist())
        chosen = stream(seed, "served recall").choice(len(ids), min(queries, len(ids)), replace=False)
        table = view.rows([ids[row] for row in chosen], ["id", "vector"])
        return table["id"].to_pylist(), vectors_of(table)

    shares = []
    for name, vector in zip(*served.read(sample), strict=True):
        exact, fast = (
            {
                hit.id
                for hit in served.index.search(
                    vector, k, approximate=approximate, threshold=None, exclude=[name]
                ).hits
            }
            for approximate in (False, True)
        )
        shares.append(len(exact & fast) / len(exact) if exact else 1.0)
    served.recall = {
        "measured": float(np.mean(shares)),
        "k": k,
        "queries": len(shares),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return served.recall
