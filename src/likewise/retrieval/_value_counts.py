"""Number of each image's n nearest neighbours with the same value, for many properties from one search.

The scores of a block of queries are computed once. Sorting a row gives the score of its n-th neighbour for every n;
then only the images that share the query's value are compared with it. No ranking is stored, so memory does not
depend on n, and n may be many thousands.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.arrays import Floats
from likewise.progress import Bar
from likewise.retrieval._filter import Filter, exact_products

_BLOCK_SCORES = 1 << 23
Codes = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Grouping:
    """The values of one property among the images that have one.

    Attributes:
        codes: ``(M,)`` numbers 0..V-1.
        depth: ``(M,)`` how many neighbours to look at for each image; 0 leaves it out.
    """

    codes: Codes
    depth: Codes

    def members(self) -> list[NDArray[np.int64]]:
        """The images of each value, ascending."""
        order = np.argsort(self.codes, kind="stable")
        return np.split(order, np.bincount(self.codes).cumsum()[:-1])


def count_same(prepared: Tensor, groupings: Sequence[Grouping], bar: Bar) -> list[Floats]:
    """For each grouping ``(M,)``: how many of the ``depth`` nearest others have the image's own value.

    Nearness is that of float32 scores. Where several images are exactly as near as the last one counted, each
    counts with the chance it would have if they were ordered at random.

    Args:
        prepared: ``(M, D)`` float32 rows, searched by Euclidean distance.
        groupings: All over the same M images.
        bar: Counts the images.
    """
    counter = _Counter(groupings)
    results = np.zeros((len(groupings), len(prepared)))
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        for start, scores in _score_blocks(prepared):
            # Each thread takes some of the rows: sorting and gathering let go of the interpreter.
            parts = [part for part in np.array_split(np.arange(len(scores)), threads) if len(part)]
            counts = pool.map(partial(counter.count, scores, start), parts)
            results[:, start : start + len(scores)] = np.concatenate(list(counts)).T
            bar.advance(len(scores))
    return list(results)


def _score_blocks(prepared: Tensor) -> Iterator[tuple[int, Scores]]:
    """Blocks of scores ``(B, M)``, larger is nearer, and their first query; a query's score with itself is -inf."""
    size = len(prepared)
    places = torch.arange(size, device=prepared.device)
    center = prepared.mean(0, dtype=torch.float64).float()
    gallery = Filter(prepared, places, center, torch.float32)
    rows = max(1, min(2048, _BLOCK_SCORES // size))
    with exact_products(prepared.device):
        for start in range(0, size, rows):
            queries = places[start : start + rows]
            scores = gallery.encode(prepared[start : start + rows]).product(gallery.rows[:size])
            scores[queries - start, queries] = -torch.inf
            yield start, scores.cpu().numpy()


class _Counter:
    def __init__(self, groupings: Sequence[Grouping]) -> None:
        self._parts = [(grouping, grouping.members()) for grouping in groupings]
        self._deepest = max(int(grouping.depth.max()) for grouping in groupings)

    def count(self, scores: Scores, start: int, rows: NDArray[np.int64]) -> list[list[float]]:
        """For some rows of a block that begins at image ``start``: the count of each grouping."""
        return [self._count(scores[row], start + int(row)) for row in rows]

    def _count(self, line: Scores, image: int) -> list[float]:
        ranked = _highest(line, self._deepest)
        counts = []
        for grouping, members in self._parts:
            depth, same_count = int(grouping.depth[image]), 0.0
            if depth:
                last, same = ranked[-depth], line.take(members[grouping.codes[image]])
                tied = depth < len(ranked) and ranked[-depth - 1] == last
                same_count = (
                    _with_ties(line, same, last, depth) if tied else float(np.count_nonzero(same >= last))
                )
            counts.append(same_count)
        return counts


def _highest(line: Scores, count: int) -> Scores:
    """The ``count`` + 1 highest scores (or all), ascending."""
    if count < len(line) // 8:
        return np.sort(np.partition(line, len(line) - count - 1)[len(line) - count - 1 :])
    return np.sort(line)


def _with_ties(line: Scores, same: Scores, last: np.float32, depth: int) -> float:
    higher, equal = np.count_nonzero(line > last), np.count_nonzero(line == last)
    same_higher, same_equal = np.count_nonzero(same > last), np.count_nonzero(same == last)
    return float(same_higher + (depth - higher) * same_equal / equal)
