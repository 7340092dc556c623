"""Embeddings as the released code of the property comparison took them: before they are given length 1.

Source: Kobs et al. 2021, released code: the networks' outputs went into a Euclidean search as they were, although
losses and evaluation normalise them.
"""

from torch import Tensor, nn

from likewise.models import SimilarityModel
from likewise.models.embedder import Embedder, SimilarityNetwork


class _Unnormalised(nn.Module):
    def __init__(self, network: SimilarityNetwork, embedder: Embedder) -> None:
        super().__init__()
        self.normalization = network.normalization
        self.embedder = embedder

    def forward(self, images: Tensor) -> Tensor:
        vectors: Tensor = self.embedder.head(self.embedder.features(self.normalization(images)))
        return vectors.float()


def as_released(model: SimilarityModel) -> SimilarityModel:
    """``model`` without the last step, for a plain embedding; any other model as it is (its rows have length 1)."""
    network = model.network
    if not isinstance(network, SimilarityNetwork):
        return model
    embedder = network.embedder
    if not isinstance(embedder, Embedder) or embedder.reads_levels:
        return model
    return SimilarityModel(
        _Unnormalised(network, embedder), model.preprocessing, dim=model.dim, name=model.name
    )
