"""The distance a model's embeddings are compared in, in the form that searches and metrics take."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from likewise.models import SimilarityModel
from likewise.retrieval.distances import Comparison

if TYPE_CHECKING:
    from likewise.models.avsl_distance import AVSLDistance

_BLOCK_ROWS = 64


def distance_of(model: SimilarityModel) -> str | Comparison:
    """The name of the model's distance, or for AVSL models the Comparison with their links and reliabilities."""
    if model.distance != "avsl":
        return model.distance
    head: Any = model.network.embedder.head  # type: ignore[union-attr]  # an AVSLHead
    return ExhaustiveAVSL(head.distance())


class ExhaustiveAVSL:
    """Every AVSL distance, block by block: exact and slow; for validation sets of a few thousand images."""

    name = "avsl"

    def __init__(self, distance: "AVSLDistance") -> None:
        self._distance = distance

    def nearest(self, queries: Tensor, gallery: Tensor, k: int, own: Tensor | None) -> tuple[Tensor, Tensor]:
        """See :class:`Comparison`."""
        found = []
        for start in range(0, len(queries), _BLOCK_ROWS):
            block = self.pairwise(queries[start : start + _BLOCK_ROWS], gallery)
            if own is not None:
                mine = own[start : start + _BLOCK_ROWS].to(block.device)
                rows = torch.nonzero(mine >= 0).flatten()
                block[rows, mine[rows]] = torch.inf
            found.append(block.sort(dim=1, stable=True))
        return torch.cat([part.indices[:, :k] for part in found]), torch.cat(
            [part.values[:, :k] for part in found]
        )

    def pairwise(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """See :class:`Comparison`."""
        return self._distance.compare(queries, gallery)
