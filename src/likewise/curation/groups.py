"""Pairs of copies as groups: what belongs together, and what to keep."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def group_numbers(pairs: Iterable[tuple[int, int]], count: int) -> NDArray[np.int64]:
    """Number of the group of each of ``count`` rows, from 0 in the order of first members; -1 for single rows."""
    links = np.array(list(pairs), np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    members = np.bincount(labels, minlength=count)
    numbers = np.full(count, -1, np.int64)
    shared = members[labels] > 1
    if shared.any():
        first = np.unique(labels[shared], return_index=True)
        order = {int(label): rank for rank, label in enumerate(first[0][np.argsort(first[1])])}
        numbers[shared] = [order[int(label)] for label in labels[shared]]
    return numbers
