"""The distance a model's embeddings are compared in, in the form that searches and metrics take."""

from typing import Any

from likewise.arguments import checked
from likewise.avsl.search.comparison import AVSLComparison
from likewise.models import SimilarityModel
from likewise.retrieval.distances import Comparison


@checked
def distance_of(model: SimilarityModel) -> str | Comparison:
    """The name of the model's distance, or for AVSL models the Comparison with their links and reliabilities.

    Raises:
        ModelError: An AVSL head that has no links yet.
    """
    if model.distance != "avsl":
        return model.distance
    head: Any = model.network.embedder.head  # type: ignore[union-attr]  # an AVSLHead
    return AVSLComparison(head.distance())
