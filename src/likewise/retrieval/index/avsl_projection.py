"""The collapsed vectors of an AVSL index: what the first stage of its approximate search looks into.

Any index of vectors finds candidates among them, which are then compared exactly; how many of the true neighbours that
finds is measured.
"""

import numpy as np
import torch

from likewise.avsl.distance import AVSLDistance, collapse
from likewise.errors import InputError
from likewise.retrieval.index.schema import vectors_of
from likewise.retrieval.index.store import Store

_ROWS_AT_ONCE = 4096


def collapse_store(store: Store, distance: AVSLDistance) -> np.ndarray:
    """Writes the collapsed vector of every image into the store, replacing an earlier one.

    Returns:
        The factors ``(levels x D,)`` that collapse queries and images added later.

    Raises:
        InputError: Node differences to another power than 2 have no such vector.
    """
    if distance.index_p != 2:
        raise InputError(
            f"This AVSL model takes node differences to the power {distance.index_p:g}: only those to the power 2 have "
            "an approximate search; the exact one is used."
        )
    factors = distance.collapsed_weights(_mean_certainties(store, distance)).sqrt().cpu().numpy()
    store.renew_collapsed(len(factors))
    # Listed first: rows must not be read while they are being rewritten.
    ids = [name for batch in store.scan(["id"]) for name in batch.column("id").to_pylist()]
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        rows = store.rows(ids[start : start + _ROWS_AT_ONCE], ["id", "vector"])
        store.write_collapsed(rows["id"], collapse(vectors_of(rows), factors))
    return factors


def _mean_certainties(store: Store, distance: AVSLDistance) -> list[torch.Tensor]:
    total, count = torch.zeros(distance.levels - 1, distance.dim, dtype=torch.float64), 0
    for batch in store.scan(["vector"]):
        rows = distance.unpack(torch.from_numpy(vectors_of(batch)))
        total += torch.stack([values.double().sum(dim=0) for values in rows.certainties])
        count += len(rows)
    return list((total / max(count, 1)).float().to(distance.coef[0].device))
