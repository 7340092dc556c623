"""Embeddings as exact sums over locations, for every model that has such a sum."""

from typing import Any

from torch import Tensor

from likewise.errors import ModelError
from likewise.explain.parts import EmbeddingParts, embedding_parts, projected_parts
from likewise.explain.token_parts import token_parts
from likewise.models import SimilarityModel


def exact_parts(model: SimilarityModel, pixels: Tensor) -> list[EmbeddingParts]:
    """The embeddings of images ``(B, 3, S, S)`` uint8 as sums over the positions of a feature map, or over tokens.

    Raises:
        ModelError: The model has no such sum; the message is the reason.
    """
    if not model.differentiable:
        raise ModelError("it returns vectors only")
    if not model.decomposable:
        return token_parts(model, pixels)
    network: Any = model.network
    embedder = network.embedder
    if embedder.reads_levels:
        raise ModelError("its embedding has several levels")
    maps = network.feature_maps(pixels.to(model.device))[-1].float().cpu()
    taken = [embedding_parts(row, embedder.pool, embedder.head) for row in maps]
    projection = embedder.projection
    return taken if projection is None else [projected_parts(each, projection) for each in taken]
