"""Do models of one group agree more with each other than with those of another?

Pairs that share a model are not independent, so the test permutes models, not pairs.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from likewise.audit.saliency_agreement.result import GroupTest, PairAgreement
from likewise.audit.saliency_agreement.statistics import mean_through_z
from likewise.seeds import stream

_EXACT = 5000  # ways to deal models into groups, up to which all are tried


def group_test(pairs: Sequence[PairAgreement], groups: Mapping[str, str], seed: int = 0) -> GroupTest | None:
    """Permutation test of whether agreement within groups exceeds agreement across groups.

    All permutations are used if there are at most 5,000, otherwise 5,000 random ones.

    Returns:
        None unless there are two groups or more with a pair within and a pair across.
    """
    names = sorted({name for pair in pairs for name in (pair.a, pair.b) if name in groups})
    place = {name: row for row, name in enumerate(names)}
    grouped = [pair for pair in pairs if pair.a in place and pair.b in place]
    values = np.array([pair.correlation.mean for pair in grouped])
    ends = np.array([[place[pair.a], place[pair.b]] for pair in grouped], np.int64).reshape(-1, 2)
    _, dealt = np.unique([groups[name] for name in names], return_inverse=True)
    same = dealt[ends[:, 0]] == dealt[ends[:, 1]]
    if not same.any() or same.all() or not np.isfinite(values).all():
        return None
    z = np.arctanh(np.clip(values, -1 + 1e-6, 1 - 1e-6))

    def separation(codes: NDArray[np.int64]) -> float:
        inside = codes[ends[:, 0]] == codes[ends[:, 1]]
        return float(z[inside].mean() - z[~inside].mean())

    observed = separation(dealt)
    others = [separation(codes) for codes in _dealings(dealt, seed)]
    reached = np.mean(np.array(others) >= observed - 1e-12)
    each = {}
    for code, name in enumerate(sorted({groups[name] for name in names})):
        within = same & (dealt[ends[:, 0]] == code)
        each[name] = mean_through_z(values[within].tolist())
    return GroupTest(
        mean_through_z(values[same].tolist()), mean_through_z(values[~same].tolist()), float(reached), each,
        smallest=_ties(dealt) / len(others),
    )  # fmt: skip


def _ties(codes: NDArray[np.int64]) -> int:
    """Dealings that always separate as much as the observed one: itself, and two equal groups the other way round."""
    counts = np.bincount(codes)
    return 2 if len(counts) == 2 and counts[0] == counts[1] else 1


def _dealings(codes: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    if len(np.unique(codes)) == 2:
        first_size = int((codes == codes[0]).sum())
        if comb(len(codes), first_size) <= _EXACT:
            return [
                np.isin(np.arange(len(codes)), picked).astype(np.int64)
                for picked in combinations(range(len(codes)), first_size)
            ]
    random = stream(seed, "groups")
    return [codes, *(random.permutation(codes) for _ in range(_EXACT - 1))]
