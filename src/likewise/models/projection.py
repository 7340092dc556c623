"""Affine maps of unit embeddings: the first dimensions of a model, principal components, whitening."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import ModelError
from likewise.models.embedder import Embedder, SimilarityNetwork
from likewise.models.fingerprint import tensors_digest

if TYPE_CHECKING:
    from likewise.models.similarity_model import SimilarityModel


_NO_AVSL = (
    "'{}' has an AVSL head, whose rows are not plain vectors to project: use a model with a linear head."
)


class Projection(nn.Module):
    """Unit embeddings ``(B, C)`` to unit embeddings ``(B, dim)``: ``normalize(weight (x - center))``.

    Args:
        weight: ``(dim, C)``.
        center: ``(C,)``, subtracted first. Zeros keep vectors of texts comparable.
    """

    weight: Tensor
    center: Tensor

    def __init__(self, weight: Tensor, center: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().float().contiguous().clone())
        self.register_buffer("center", center.detach().float().contiguous().clone())

    @property
    def dim(self) -> int:
        """Length of a projected embedding."""
        return len(self.weight)

    @property
    def centered(self) -> bool:
        """Whether a mean is subtracted."""
        return bool(self.center.any())

    def first(self, dim: int) -> "Projection":
        """The projection on the first ``dim`` rows."""
        return Projection(self.weight[:dim], self.center)

    def digest(self) -> str:
        """Identity of its numbers."""
        return tensors_digest({"weight": self.weight, "center": self.center})

    def linear(self, embeddings: Tensor) -> Tensor:
        """``(B, dim)`` before length 1, in the precision of ``embeddings``."""
        if torch.is_autocast_enabled(embeddings.device.type):  # 8 bits of a bfloat16 product are not enough
            with torch.autocast(embeddings.device.type, enabled=False):
                return self.linear(embeddings)
        return F.linear(embeddings - self.center.to(embeddings), self.weight.to(embeddings))

    def of_rows(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors ``(N, C)`` to ``(N, dim)`` float32."""
        rows: np.ndarray = self(torch.from_numpy(vectors).to(self.weight.device)).cpu().numpy()
        return rows

    def forward(self, embeddings: Tensor) -> Tensor:
        """``(B, dim)`` of length 1."""
        return F.normalize(self.linear(embeddings).float(), dim=-1)


def leading(count: int, dim: int) -> Projection:
    """The projection of ``count`` dimensions on the first ``dim`` of them."""
    return Projection(torch.eye(dim, count), torch.zeros(count))


class _Projected(nn.Module):
    """A network or an embedder with a projection behind it."""

    def __init__(self, inner: nn.Module, projection: Projection) -> None:
        super().__init__()
        self.inner, self.projection = inner, projection

    def forward(self, images: Tensor) -> Tensor:
        """``(B, dim)``."""
        projected: Tensor = self.projection(self.inner(images))
        return projected


class _ProjectedNetwork(_Projected):
    """For networks without gradients, which have no halves."""

    def __init__(self, inner: nn.Module, projection: Projection) -> None:
        super().__init__(inner, projection)
        self.embedder = nn.Identity()
        self.differentiable = bool(getattr(inner, "differentiable", True))
        self.runtime = str(getattr(inner, "runtime", "torch"))


def projected_network(network: nn.Module, preprocessing: Preprocessing, projection: Projection) -> nn.Module:
    """``network`` with a projection behind it, of the same form and with the same weights."""
    if not isinstance(network, SimilarityNetwork):
        return _ProjectedNetwork(network, projection)
    embedder: Any = network.embedder
    if not isinstance(embedder, Embedder):
        return SimilarityNetwork(preprocessing, _Projected(embedder, projection))
    halves = embedder.backbone, embedder.pool, embedder.head
    return SimilarityNetwork(
        preprocessing, Embedder(*halves, projection.dim, embedder.levels, projection=projection)
    )


def projected_texts(base: "SimilarityModel", projection: Projection, texts: Sequence[str]) -> np.ndarray:
    """Vectors of texts behind a projection.

    Raises:
        ModelError: A mean of images is subtracted, which texts do not have; or ``base`` has no text tower.
    """
    if projection.centered and base.text is not None:
        raise ModelError(
            f"The projection behind '{base.name}' was fitted to images, whose mean texts do not have: search by text "
            "with that model itself."
        )
    return projection.of_rows(base.embed_text(texts))


def foundation(model: "SimilarityModel") -> "SimilarityModel":
    """The model below all projections."""
    while model.base is not None:
        model = model.base
    return model


def check_projection(model: "SimilarityModel", projection: Projection) -> None:
    """Refuse a model that cannot be projected.

    Raises:
        ModelError: An AVSL model, or another number of dimensions.
    """
    if model.distance == "avsl":
        raise ModelError(_NO_AVSL.format(model.name))
    count = projection.weight.shape[1]
    if count != model.dim:
        raise ModelError(
            f"The projection maps {count} dimensions, but '{model.name}' has {model.dim}: fit it to this model."
        )


def _check_truncation(model: "SimilarityModel", dim: int, untrained: bool) -> None:
    """Refuse a number of dimensions at which a model has no embedding of its own.

    Raises:
        ModelError: There are fewer, or the model was not trained so and ``untrained`` is False.
    """
    if model.distance == "avsl":
        raise ModelError(_NO_AVSL.format(model.name))
    if not 1 <= dim <= model.dim:
        raise ModelError(f"'{model.name}' has {model.dim} dimensions, not {dim}: ask for 1 to {model.dim}.")
    if untrained or dim == model.dim:
        return
    if model.prefix_sizes is None:
        raise ModelError(
            f"'{model.name}' was not trained so that its first {dim} of {model.dim} dimensions are an embedding of "
            f"their own: fit principal components with  likewise fit whitening MODEL CATALOG --dim {dim} --out DIR"
        )
    if model.prefix_sizes and dim < min(model.prefix_sizes):
        raise ModelError(
            f"'{model.name}' was trained with {min(model.prefix_sizes)} dimensions or more, not {dim}: ask for more."
        )


def first_dimensions(model: "SimilarityModel", dim: int, *, untrained: bool) -> "SimilarityModel":
    """See :meth:`SimilarityModel.truncated`."""
    _check_truncation(model, dim, untrained)
    if dim == model.dim:
        return model
    below, projection = model, leading(model.dim, dim)
    if model.base is not None and model.projection is not None:
        below, projection = model.base, model.projection.first(dim)
    made = below.projected(projection)
    named = model if projection.centered else below
    made.name, made.prefix_sizes = f"{named.name}#{dim}", model.prefix_sizes
    return made
