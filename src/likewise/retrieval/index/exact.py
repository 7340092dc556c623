"""Exact distances of a query to rows of a store."""

import numpy as np
import torch

from likewise.retrieval.distances import Comparison, to_each


def distances_to(vector: np.ndarray, rows: np.ndarray, distance: str | Comparison) -> np.ndarray:
    """Exact distances ``(N,)`` float32 of a query ``(D,)`` to rows ``(N, D)``."""
    if not len(rows):
        return np.empty(0, np.float32)
    query, others = torch.from_numpy(vector), torch.from_numpy(rows)
    if isinstance(distance, str):
        return to_each(query, others, distance).numpy()
    return distance.pairwise(query[None], others)[0].cpu().numpy()
