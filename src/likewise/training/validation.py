"""Retrieval metrics of the validation images, shared among the processes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from likewise.data import Batch, CatalogDataset, make_loader
from likewise.data.loading import Key
from likewise.errors import WorkError
from likewise.models import SimilarityModel
from likewise.retrieval import RetrievalResult, evaluate_queries
from likewise.retrieval.distances import search_distance
from likewise.training.distributed import gather_rows
from likewise.training.module import TrainingModule


class Validation:
    """One condition of the validation images: measures them as one gallery, leave-one-out.

    Args:
        dataset: The images, transformed for this condition.
        batch_size: Images per forward pass.
        num_workers: Number of loader processes. None: chosen automatically.
        rank: Number of this process.
        world_size: Number of processes; each embeds its share.
        queries: Number of leading images that are queries; the others are in the gallery only. None: all.
    """

    def __init__(
        self,
        dataset: CatalogDataset,
        *,
        batch_size: int,
        num_workers: int | None,
        rank: int,
        world_size: int,
        queries: int | None = None,
    ) -> None:
        self._labels = dataset.label_codes
        self._queries = len(dataset) if queries is None else queries
        rank_rows = range(rank, len(dataset), world_size)
        batches: list[list[Key]] = [
            list(rank_rows[start : start + batch_size]) for start in range(0, len(rank_rows), batch_size)
        ]
        self._loader: DataLoader[Batch] = make_loader(dataset, batch_sampler=batches, num_workers=num_workers)

    def measure(self, module: TrainingModule) -> dict[str, float]:
        """Every metric of :func:`likewise.retrieval.evaluate`, the same on every process.

        Raises:
            WorkError: The model gives rows of zeros or non-finite values.
        """
        module.network.eval()
        with torch.no_grad():
            parts = [(module.network(batch.images), batch.indices) for batch in self._batches(module)]
        empty = (torch.empty(0, module.model.dim, device=module.device), torch.empty(0, dtype=torch.int64))
        rows = gather_rows(torch.cat([rows for rows, _ in parts] or [empty[0]]).float()).cpu().numpy()
        indices = gather_rows(torch.cat([indices for _, indices in parts] or [empty[1]])).cpu().numpy()
        if len(rows) and not (np.isfinite(rows).all() and np.abs(rows).max(1).all()):
            raise WorkError(
                "The embeddings are no longer usable (zeros or not numbers): start a new run with lower learning rates "
                "or with -o optimizer.clip_norm=10."
            )
        order = np.argsort(indices, kind="stable")
        queries = int((indices < self._queries).sum())
        return search(rows[order], self._labels[indices[order]], queries, module.model).scores()

    def _batches(self, module: TrainingModule) -> Iterator[Batch]:
        for batch in self._loader:
            module.note(batch.failures)
            if len(batch):
                yield batch.to(module.device, non_blocking=True)


def search(
    vectors: np.ndarray,
    labels: np.ndarray,
    queries: int,
    model: SimilarityModel,
    metrics: Sequence[str] | None = None,
) -> RetrievalResult:
    """Search for the first ``queries`` rows among all rows, no row in itself.

    Args:
        vectors: ``(N, D)``.
        labels: ``(N,)``.
        queries: Number of leading rows that are queries.
        model: Gives the distance.
        metrics: Names; None takes the usual ones.

    Raises:
        InputError: No query has another image of its class in the gallery.
    """
    common: dict[str, Any] = {"distance": search_distance(model), "device": model.device, "metrics": metrics}
    if queries == len(vectors):
        return evaluate_queries(vectors, labels, **common)
    return evaluate_queries(
        vectors[:queries], labels[:queries], gallery_vectors=vectors, gallery_labels=labels,
        self_index=np.arange(queries), **common,
    )  # fmt: skip
