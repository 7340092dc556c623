"""Which output of a transformers vision model is its embedding.

========== ==========================================================================================================
projection the image features of a model with text (CLIP, SigLIP...), those that are compared with text features
pooler     what the architecture pools itself: the normalised class token (DINOv2, DINOv3, CLIP without projection),
           a layer on it (ViT, DeiT), the mean (Swin, ConvNeXT, ResNet), attention pooling (SigLIP)
class      the class token in the last hidden state
mean       the mean of the image tokens or of all positions of a map; without class and register tokens
========== ==========================================================================================================

Without a choice it is the first of projection, pooler (if the weights hold it) and class that the model has.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from likewise.errors import ModelError
from likewise.models.external.repository import Repository


class ImageTower(nn.Module):
    """Normalised images to vectors, through one output of a network of transformers.

    Attributes:
        network: The vision model; its weights are those of the embedding alone, without a text tower.
        projection: From the pooled vector to the space that is shared with text; Identity without one.
        output: Output that is the embedding.
        identity: Becomes part of the fingerprint.
    """

    def __init__(self, network: Any, projection: nn.Module | None, output: str) -> None:
        super().__init__()
        self.network = network
        self.projection = nn.Identity() if projection is None else projection
        self.output = output
        self.identity = f"output={output}"

    def forward(self, inputs: Tensor) -> Tensor:
        """``(B, D)`` of normalised images ``(B, 3, H, W)``."""
        outputs = self.network(pixel_values=inputs)
        if self.output in {"projection", "pooler"}:
            vectors: Tensor = self.projection(outputs.pooler_output.flatten(1))
            return vectors
        features: Tensor = outputs.last_hidden_state
        if self.output == "class":
            return features[:, 0]
        return features.mean((2, 3)) if features.dim() == 4 else self._image_tokens(features, inputs).mean(1)

    def _image_tokens(self, tokens: Tensor, inputs: Tensor) -> Tensor:
        """``(B, N, C)`` without the class and register tokens before them."""
        patch = getattr(self.network.config, "patch_size", None)
        if patch is None or not has_class_token(self.network):
            return tokens
        return tokens[:, max(0, tokens.shape[1] - math.prod(side // patch for side in inputs.shape[-2:])) :]


def choose_output(
    network: Any, projection: nn.Module | None, dual: bool, repository: Repository
) -> ImageTower:
    """The tower of the requested output, or of that of the architecture.

    Args:
        network: The vision model, without poolers whose weights are missing.
        projection: To the space shared with text, or None.
        dual: Whether the model has a text tower or belongs to one.
        repository: Source, with the requested output.

    Raises:
        ModelError: The model lacks it, or no output is requested and there is no default.
    """
    possible = _possible(network, dual)
    requested = repository.output
    if requested is not None and requested not in possible:
        raise ModelError(
            f"{repository.title} has no output '#{requested}': write one of #{', #'.join(possible)}, or leave it out."
        )
    chosen = requested or next((name for name in ("projection", "pooler", "class") if name in possible), None)
    if chosen is None:
        raise ModelError(
            f"{repository.title} ({network.config.model_type}) does not say which of its outputs is the embedding: "
            f"write {repository.name}#mean for the mean of its tokens."
        )
    return ImageTower(network, projection if chosen == "projection" else None, chosen)


def has_class_token(network: nn.Module) -> bool:
    """Whether the first token is a class token."""
    names = ("cls_token", "class_embedding", "class_token")
    return any(name.rpartition(".")[2] in names for name, _ in network.named_parameters())


@torch.no_grad()
def _possible(network: Any, dual: bool) -> list[str]:
    """The outputs of a network, determined by one forward pass of a grey image."""
    side = image_side(network.config)
    answer = network(pixel_values=torch.zeros(1, 3, side, side))
    pooled, features = getattr(answer, "pooler_output", None), getattr(answer, "last_hidden_state", None)
    outputs = ["projection"] if dual and pooled is not None else []
    outputs += ["pooler"] if pooled is not None else []
    if features is not None and features.dim() in {3, 4}:
        outputs += ["class"] if features.dim() == 3 and has_class_token(network) else []
        outputs += ["mean"]
    return outputs


def image_side(config: Any) -> int:
    """The side of the images a network was built for; 224 where any size will do."""
    size = getattr(config, "image_size", None)
    if isinstance(size, list | tuple):
        size = max(size)
    patch = getattr(config, "patch_size", None) or 32
    patch = max(patch) if isinstance(patch, list | tuple) else patch
    return int(size) if size else math.ceil(224 / patch) * patch
