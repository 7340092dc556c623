"""Embedder: backbone, pooling, head; and the network around it that takes pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.data.preprocessing import Preprocessing
from likewise.errors import LikewiseError, ModelError
from likewise.extensions import what_happened
from likewise.models.backbone import Backbone, Level
from likewise.models.evaluating import evaluating
from likewise.models.normalization import InputNormalization

if TYPE_CHECKING:
    from likewise.models.projection import Projection


class Embedder(nn.Module):
    """Normalised images ``(B, 3, H, W)`` to embeddings ``(B, dim)``.

    With a linear head: last feature map -> ``pool`` -> ``head`` -> L2 normalisation. With a head that reads
    levels (AVSL): the maps of ``levels`` -> ``head``, whose rows are not normalised again.

    Attributes:
        backbone: The network below.
        pool: ``(B, C, h, w) -> (B, C)``; None if the backbone pools by itself ("native") or the head
            reads maps.
        head: Linear layer, Identity, or AVSLHead.
        levels: The levels ``head`` reads, low to high; None for a head on the pooled vector.
        projection: Affine map of unit embeddings behind the head (whitening, say); None without one.
        dim: Length of an embedding.
    """

    def __init__(
        self,
        backbone: Backbone,
        pool: nn.Module | None,
        head: nn.Module,
        dim: int,
        levels: Sequence[Level] | None = None,
        *,
        projection: "Projection | None" = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = pool
        self.head = head
        self.projection = projection
        self.dim = dim
        self.levels = None if levels is None else tuple(levels)
        # A plain embedding is a linear function of the pooled map, so it can be decomposed by position.
        self.reads_levels = levels is not None

    def feature_maps(self, inputs: Tensor, levels: Sequence[Level] | None = None) -> list[Tensor]:
        """Feature maps ``(B, C, h, w)`` of normalised images.

        Args:
            inputs: Normalised images.
            levels: Levels of the backbone by name or number; None: the input of the head, which is the
                last map, or all levels of an AVSL head.
        """
        levels = levels if levels is not None else self.levels
        return [self.backbone(inputs)] if levels is None else self.backbone.level_maps(inputs, levels)

    def features(self, inputs: Tensor) -> Tensor:
        """The pooled vector below a linear head, ``(B, C)``, not normalised.

        Raises:
            ModelError: The head reads maps, so there is none.
        """
        if self.reads_levels:
            raise ModelError(
                "An AVSL head reads the maps of several levels; it has no pooled vector below it."
            )
        return (
            self.backbone.native_features(inputs) if self.pool is None else self.pool(self.backbone(inputs))
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """``(B, dim)``; rows of length 1, or the flat rows of an AVSL head."""
        if self.reads_levels:
            rows: Tensor = self.head(self.feature_maps(inputs))
            return rows
        return self._embedded(self.features(inputs))

    def embed_map(self, feature_map: Tensor) -> Tensor:
        """Embeddings ``(B, dim)`` of last feature maps ``(B, C, h, w)``, for a head on a pooled map.

        Raises:
            ModelError: There is no such map: the backbone pools by itself, or the head reads levels.
        """
        if self.pool is None:
            raise ModelError("This model does not pool one feature map: its embedding has no map below it.")
        return self._embedded(self.pool(feature_map))

    def before_length(self, features: Tensor) -> Tensor:
        """The embeddings ``(B, dim)`` of :meth:`features` before they are made length 1, float32."""
        # Also under autocast: 8 bits of a bfloat16 length are not enough.
        vectors: Tensor = self.head(features).float()
        return vectors if self.projection is None else self.projection.linear(F.normalize(vectors, dim=-1))

    def _embedded(self, features: Tensor) -> Tensor:
        return F.normalize(self.before_length(features).float(), dim=-1)


class SimilarityNetwork(nn.Module):
    """Pixels to embeddings: what a SimilarityModel runs, trains and saves.

    Attributes:
        normalization: Pixels (RGB, uint8 or 0..255) to network input.
        embedder: Network input to embeddings.
    """

    def __init__(self, preprocessing: Preprocessing, embedder: nn.Module) -> None:
        super().__init__()
        self.normalization = InputNormalization(preprocessing)
        self.embedder = embedder

    def feature_maps(self, images: Tensor, levels: Sequence[Level] | None = None) -> list[Tensor]:
        """:meth:`Embedder.feature_maps` of pixels.

        Raises:
            ModelError: The network gives vectors only (ONNX files, most foreign modules).
        """
        if not isinstance(self.embedder, Embedder):
            raise ModelError("This model gives vectors only, no feature maps: use a timm backbone or a Run.")
        return self.embedder.feature_maps(self.normalization(images), levels)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` RGB pixels, uint8 or floating point 0..255, to ``(B, dim)``."""
        embeddings: Tensor = self.embedder(self.normalization(images))
        return embeddings


class ExternalEmbedder(nn.Module):
    """Any module that turns normalised images into vectors, as an embedder: adds the L2 normalisation."""

    def __init__(self, module: nn.Module, name: str = "The model") -> None:
        super().__init__()
        self.module = module
        self._name = name

    def forward(self, inputs: Tensor) -> Tensor:
        """``(B, D)``, rows of length 1.

        Raises:
            ModelError: The module raises something, or gives anything but one vector per image.
        """
        try:
            vectors = self.module(inputs)
        except LikewiseError:
            raise
        except Exception as error:  # foreign code may raise anything
            raise ModelError(
                f"{self._name} failed on images {tuple(inputs.shape)}: {what_happened(error)}"
            ) from error
        if not isinstance(vectors, Tensor) or vectors.dim() != 2:
            answer = list(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
            raise ModelError(
                f"{self._name} must give one vector per image, (B, D), but gave {answer}: pool or wrap it."
            )
        return F.normalize(vectors.float(), dim=-1)


def output_dim(network: nn.Module, side_px: int) -> int:
    """Length of the vectors of ``network``, from one black image."""
    with evaluating(network), torch.no_grad():
        return int(network(torch.zeros(1, 3, side_px, side_px)).shape[1])
