"""Retrieval evaluation of embeddings: every query against the gallery, by the chosen metrics.

Two protocols: leave-one-out (the images are queries and gallery at once, own row masked) and query / gallery.
Queries without a relevant image in the gallery ("lone") are left out of every mean and counted; they still serve
as wrong neighbours of the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likewise.arguments import checked
from likewise.bounds import Count
from likewise.errors import ConfigError, InputError
from likewise.progress import progress_bar
from likewise.retrieval.distances import Comparison, Vectors
from likewise.retrieval.labels import Labels, checked_labels
from likewise.retrieval.metrics import Metric, metric_names
from likewise.retrieval.neighbors import NeighborSearch, checked_self_index
from likewise.retrieval.result import RetrievalResult


@checked
def evaluate(
    vectors: Vectors,
    labels: Labels,
    *,
    gallery_vectors: Vectors | None = None,
    gallery_labels: Labels | None = None,
    distance: str | Comparison = "cosine",
    recall_at: Sequence[Count] = (1, 2, 4, 8),
    metrics: Sequence[str] | None = None,
    average: str = "micro",
    self_index: np.ndarray | None = None,
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """Retrieval metrics, mean over queries, each 0 to 1.

    Args:
        vectors: ``(Q, D)`` embeddings of the queries, and of the gallery where none is given.
        labels: ``(Q,)`` classes: text or whole numbers.
        gallery_vectors: ``(N, D)``; None is leave-one-out.
        gallery_labels: ``(N,)``.
        distance: "cosine", "euclidean", "snr", or a Comparison such as that of AVSL.
        recall_at: Ranks of recall@K.
        metrics: Names instead of the usual ones: recall@K, precision@K, r_precision, map@r, map (the whole gallery
            ranked, slow on large ones), map@K (no credit past rank K).
        average: "micro" is the mean over queries, "macro" the mean over classes of class means.
        self_index: Query / gallery: the gallery row that is the query itself, or -1.
        device: Device to search on. None: that of the vectors.

    Returns:
        Metric names to values: recall@K, precision@1, r_precision and map@r unless ``metrics`` says otherwise.

    Raises:
        InputError: Shapes or labels that do not fit, or no query with a relevant image in the gallery.
        ConfigError: An unknown metric, distance or average.

    Example:
        >>> vectors = np.array([[0.0], [1.0], [5.0], [7.0], [1.9]])
        >>> evaluate(vectors, ["a", "a", "b", "b", "c"], distance="euclidean", recall_at=[1])["recall@1"]
        0.75
    """
    result = evaluate_queries(
        vectors, labels, gallery_vectors=gallery_vectors, gallery_labels=gallery_labels, distance=distance,
        recall_at=recall_at, metrics=metrics, self_index=self_index, device=device,
    )  # fmt: skip
    return result.scores(average)


@checked
def evaluate_queries(
    vectors: Vectors,
    labels: Labels,
    *,
    gallery_vectors: Vectors | None = None,
    gallery_labels: Labels | None = None,
    distance: str | Comparison = "cosine",
    recall_at: Sequence[Count] = (1, 2, 4, 8),
    metrics: Sequence[str] | None = None,
    self_index: np.ndarray | None = None,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> RetrievalResult:
    """The same metrics query by query, with class table, intervals and the size of the gallery.

    Arguments and errors as for :func:`evaluate`; ``progress`` shows progress on stderr.
    """
    leave_one_out = gallery_vectors is None
    if leave_one_out != (gallery_labels is None):
        raise InputError("Give gallery_vectors and gallery_labels together, or neither for leave-one-out.")
    if leave_one_out and self_index is not None:
        raise InputError("'self_index' names rows of a gallery, but no gallery is given: leave it out.")
    chosen = resolve_metrics(recall_at, metrics)
    search = NeighborSearch(vectors if gallery_vectors is None else gallery_vectors, distance, device)
    queries = search.vectors if leave_one_out else search.accept(vectors)
    names, codes, gallery_codes = _codes(labels, gallery_labels, len(queries), len(search))
    if self_index is not None:
        self_index = checked_self_index(self_index, len(queries), len(search)).numpy()
    task = _Task(
        search,
        queries,
        codes,
        gallery_codes,
        np.arange(len(queries)) if leave_one_out else self_index,
        leave_one_out,
    )
    relevant = task.relevant()
    if not bool((relevant > 0).any()):
        raise InputError(
            f"None of the queries ({len(queries):,}) has another image of its class in the gallery: "
            "there is nothing to retrieve; check the labels."
        )
    return RetrievalResult(
        labels=names[codes.numpy()],
        relevant=relevant.numpy(),
        per_query=task.measure(chosen, relevant, progress),
        gallery_size=len(search),
    )


@checked
def resolve_metrics(
    recall_at: Sequence[Count] = (1, 2, 4, 8), metrics: Sequence[str] | None = None
) -> list[Metric]:
    """The metrics requested from :func:`evaluate`.

    Raises:
        ConfigError: An unknown metric or rank, or none at all.
    """
    if isinstance(metrics, str) or not (metrics is None or isinstance(metrics, Iterable)):
        raise ConfigError(
            f"metrics must be a list of names, such as ['recall@1', 'map@r'], but is {metrics!r}."
        )
    chosen = [Metric.parse(name) for name in (metric_names(recall_at) if metrics is None else metrics)]
    if not chosen:
        raise ConfigError("No metric is named: give at least one, such as recall@1 or map@r.")
    return chosen


@dataclass(frozen=True)
class _Task:
    search: NeighborSearch
    queries: Tensor
    codes: Tensor
    gallery_codes: Tensor
    self_index: np.ndarray | None
    prepared: bool

    def relevant(self) -> Tensor:
        """Number of gallery images of the query's class, other than the query itself."""
        size = int(torch.cat([self.codes, self.gallery_codes]).max()) + 1
        relevant = torch.bincount(self.gallery_codes, minlength=size)[self.codes]
        if self.self_index is None:
            return relevant
        row = checked_self_index(self.self_index, len(self.queries), len(self.search))
        return relevant - ((row >= 0) & (self.gallery_codes[row.clamp(min=0)] == self.codes)).long()

    def measure(self, metrics: Sequence[Metric], relevant: Tensor, progress: bool) -> dict[str, np.ndarray]:
        """Metric names to values ``(Q,)``; NaN for queries without a relevant image."""
        hidden = (
            torch.zeros_like(relevant)
            if self.self_index is None
            else (torch.as_tensor(self.self_index) >= 0).long()
        )
        candidates = len(self.search) - hidden
        depth = torch.stack([metric.depth(relevant, candidates) for metric in metrics]).amax(0)
        values = {metric.name: np.full(len(self.queries), np.nan) for metric in metrics}
        gallery_codes = self.gallery_codes.to(self.search.vectors.device)
        groups = _groups(depth, relevant, hidden)
        with progress_bar("searches", sum(len(rows) for rows, _ in groups), enabled=progress) as bar:
            for rows, k in groups:
                masked = self.self_index if hidden[rows[0]] else None
                for block in self.search.blocks(
                    self.queries, k, self_index=masked, rows=rows, prepared=self.prepared, distances=False
                ):
                    device = block.indices.device
                    hits = gallery_codes[block.indices] == self.codes[block.rows].to(device)[:, None]
                    for metric in metrics:
                        scores = metric(hits, relevant[block.rows].to(device))
                        values[metric.name][block.rows.numpy()] = scores.cpu().numpy()
                    bar.advance(len(block.rows))
        return values


def _groups(depth: Tensor, relevant: Tensor, hidden: Tensor) -> list[tuple[Tensor, int]]:
    """Queries that need a similar number of neighbours, so that a large class does not slow down the others.

    Queries that exclude their own row are grouped separately: they have different candidates.
    """
    steps = 2 * depth.clamp(min=16).double().log2().ceil().long() + hidden
    steps[relevant == 0] = -1
    groups = []
    for step in torch.unique(steps).tolist():
        if step >= 0:
            rows = (steps == step).nonzero().flatten()
            groups.append((rows, int(depth[rows].max())))
    return groups


def _codes(
    labels: Labels, gallery_labels: Labels | None, queries: int, gallery: int
) -> tuple[np.ndarray, Tensor, Tensor]:
    """Class names, and numbers into them for queries and gallery."""
    query_labels = checked_labels(labels, queries, "labels")
    others = (
        query_labels if gallery_labels is None else checked_labels(gallery_labels, gallery, "gallery_labels")
    )
    if query_labels.dtype.kind != others.dtype.kind:
        raise InputError("labels and gallery_labels must both be text or both be whole numbers.")
    names, codes = np.unique(np.concatenate([query_labels, others]), return_inverse=True)
    numbers = torch.from_numpy(codes.astype(np.int64))
    return (
        names,
        numbers[: len(query_labels)],
        numbers[: len(query_labels)] if gallery_labels is None else numbers[len(query_labels) :],
    )
