"""Retrieval metrics as functions of which neighbours are relevant.

``hits`` is ``(Q, k)`` bool: whether the j-th nearest gallery image has the query's class, nearest first.
``relevant`` is ``(Q,)``: how many gallery images have the query's class (the query itself not counted). A query
with none gives NaN: it can neither succeed nor fail. All results are ``(Q,)`` float64, 0 to 1.

Names as in Musgrave et al., A Metric Learning Reality Check (2020); other libraries use some of them differently,
see docs/retrieval.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.bounds import Count
from likewise.errors import ConfigError, InputError, choices

_NAMES = ("recall@1", "precision@1", "r_precision", "map@r", "map")
_WITH_K = re.compile(r"(recall|precision|map)@([1-9]\d*)")


@checked
def recall_at_k(hits: ArrayLike | Tensor, relevant: ArrayLike | Tensor, k: Count) -> Tensor:
    """1 where any of the first k neighbours is relevant, else 0.

    This is the Recall@K of metric learning (hit rate, CMC), not the fraction of all relevant images that is found.

    Example:
        >>> recall_at_k(torch.tensor([[False, True, False]]), torch.tensor([2]), k=2).tolist()
        [1.0]
    """
    hits, relevant = _given(hits, relevant)
    _check_depth(hits, k, "recall@k")
    return _defined(hits[:, :k].any(1).double(), relevant)


@checked
def precision_at_k(hits: ArrayLike | Tensor, relevant: ArrayLike | Tensor, k: Count) -> Tensor:
    """Share of the first k neighbours that are relevant; the divisor is k even where fewer exist.

    Example:
        >>> precision_at_k(torch.tensor([[True, False, True, False]]), torch.tensor([2]), k=4).tolist()
        [0.5]
    """
    hits, relevant = _given(hits, relevant)
    _check_depth(hits, k, "precision@k")
    return _defined(hits[:, :k].sum(1).double() / k, relevant)


@checked
def r_precision(hits: ArrayLike | Tensor, relevant: ArrayLike | Tensor) -> Tensor:
    """Share of the first R neighbours that are relevant, R = ``relevant``.

    Example:
        >>> r_precision(torch.tensor([[True, False, True]]), torch.tensor([2])).tolist()
        [0.5]
    """
    hits, relevant = _given(hits, relevant)
    within = hits & _first_r(hits, relevant)
    return _defined(within.sum(1).double() / relevant, relevant)


@checked
def map_at_r(hits: ArrayLike | Tensor, relevant: ArrayLike | Tensor) -> Tensor:
    """Mean over the first R ranks of the precision at each hit, R = ``relevant``.

    Source: Musgrave et al. 2020: (1/R) sum over j <= R of hit(j) * (hits among the first j) / j. The divisor
    is R, not the number of hits, and nothing past rank R counts, so only R neighbours are needed.

    Example:
        >>> map_at_r(torch.tensor([[True, False, True]]), torch.tensor([2])).tolist()
        [0.5]
    """
    hits, relevant = _given(hits, relevant)
    return _defined(_summed_precision(hits & _first_r(hits, relevant)) / relevant, relevant)


@checked
def average_precision(hits: ArrayLike | Tensor, relevant: ArrayLike | Tensor) -> Tensor:
    """Precision at each hit among the neighbours looked at, summed and divided by R = ``relevant``.

    With all of the gallery in ``hits`` this is the textbook's average precision; with fewer columns relevant
    images beyond them count as not retrieved.

    Example:
        >>> average_precision(torch.tensor([[True, False, True]]), torch.tensor([2])).tolist()
        [0.8333333333333333]
    """
    hits, relevant = _given(hits, relevant)
    return _defined(_summed_precision(hits) / relevant, relevant)


@dataclass(frozen=True)
class Metric:
    """One named metric.

    Attributes:
        name: Name in results: recall@K, precision@K, r_precision, map@r, map or map@K.
        kind: The name without its K.
        k: K, or None.
    """

    name: str
    kind: str
    k: int | None

    @classmethod
    def parse(cls, name: str) -> "Metric":
        """Read a metric's name.

        Raises:
            ConfigError: There is no such metric.
        """
        match = _WITH_K.fullmatch(name) if isinstance(name, str) else None
        if match:
            return cls(name, match[1], int(match[2]))
        if name in ("r_precision", "map@r", "map"):
            return cls(name, name, None)
        raise ConfigError(
            f"There is no metric {name!r}: {choices(str(name), _NAMES)} K may be any number in recall@K, precision@K, "
            "map@K."
        )

    def depth(self, relevant: Tensor, candidates: Tensor) -> Tensor:
        """Number of neighbours ``(Q,)`` needed per query, given its relevant images and its candidates."""
        if self.kind in ("r_precision", "map@r"):
            return relevant
        return candidates if self.k is None else candidates.clamp(max=self.k)

    def __call__(self, hits: Tensor, relevant: Tensor) -> Tensor:
        """The metric of each query; ``hits`` must have the depth it needs, and may be deeper."""
        if self.kind == "r_precision":
            return r_precision(hits, relevant)
        if self.kind == "map@r":
            return map_at_r(hits, relevant)
        if self.kind == "map":
            return average_precision(hits if self.k is None else hits[:, : self.k], relevant)
        k = self.k or 1
        if k > hits.shape[1]:  # the whole gallery is smaller: there are no further hits
            hits = torch.nn.functional.pad(hits, (0, k - hits.shape[1]))
        return (recall_at_k if self.kind == "recall" else precision_at_k)(hits, relevant, k)


@checked
def metric_names(recall_at: Sequence[Count] = (1, 2, 4, 8)) -> list[str]:
    """The metrics reported unless others are named.

    Raises:
        ConfigError: A rank that is not a positive whole number.
    """
    return [*(f"recall@{k}" for k in recall_at), "precision@1", "r_precision", "map@r"]


def _given(hits: Any, relevant: Any) -> tuple[Tensor, Tensor]:
    """Hits ``(Q, k)`` and counts ``(Q,)`` of any array-like; tensors stay where they are.

    Raises:
        InputError: Hits that are not true or false, counts that are not whole, or shapes that do not fit.
    """
    if not isinstance(hits, Tensor):
        hits = torch.from_numpy(as_numbers(hits, "hits"))
    if not isinstance(relevant, Tensor):
        relevant = torch.from_numpy(as_numbers(relevant, "relevant"))
    if hits.dtype != torch.bool:
        if not bool(((hits == 0) | (hits == 1)).all()):
            raise InputError("hits must be true or false for each neighbour.")
        hits = hits.bool()
    if relevant.is_floating_point():
        if not bool((relevant == relevant.round()).all()):
            raise InputError("relevant must hold whole numbers of images.")
        relevant = relevant.long()
    if hits.ndim != 2 or relevant.shape != hits.shape[:1]:
        raise InputError(
            f"hits must be (Q, k) and relevant (Q,), but they are {tuple(hits.shape)} and {tuple(relevant.shape)}."
        )
    return hits, relevant.to(hits.device)


def _check_depth(hits: Tensor, k: int, name: str) -> None:
    if k > hits.shape[1]:
        raise InputError(
            f"{name} with k={k} needs k neighbours of each query, but {hits.shape[1]} are given."
        )


def _first_r(hits: Tensor, relevant: Tensor) -> Tensor:
    needed = int(relevant.max()) if len(relevant) else 0
    if hits.shape[1] < needed:
        raise InputError(
            f"R-precision and MAP@R need as many neighbours as the largest class has other images, {needed}, "
            f"but {hits.shape[1]} are given: with fewer the numbers would be wrong."
        )
    return torch.arange(hits.shape[1], device=hits.device) < relevant[:, None]


def _summed_precision(hits: Tensor) -> Tensor:
    ranks = torch.arange(1, hits.shape[1] + 1, device=hits.device, dtype=torch.float64)
    return (hits.cumsum(1) / ranks).masked_fill_(~hits, 0.0).sum(1)


def _defined(values: Tensor, relevant: Tensor) -> Tensor:
    return values.masked_fill(relevant == 0, torch.nan)
