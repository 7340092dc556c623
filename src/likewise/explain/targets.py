"""The number a saliency map explains: the distance of an image's embedding to a fixed one.

By default the fixed one is the embedding of a black image, as published; any other embedding (of a second
image, say) gives the saliency of that comparison.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise.arrays import as_numbers
from likewise.errors import EmbeddingError, InputError, ModelError
from likewise.explain.distances import Distance, embedding_distance
from likewise.models import SimilarityModel
from likewise.models.capabilities import require_network
from likewise.models.devices import with_gradients
from likewise.models.evaluating import evaluating

_WAY_OUT = "Use method='occlusion' (--method occlusion), which needs no gradients."


class DistanceToTarget:
    """``(rows of network input, image of each row) -> (B,)`` distances to each image's target."""

    def __init__(self, model: SimilarityModel, targets: Tensor, distance: str | None) -> None:
        self._embed, self._name = _embedder(model), model.name
        self._targets = targets
        self._measure = _measure(model, distance)

    def __call__(self, rows: Tensor, image: Tensor) -> Tensor:
        """Distances ``(B,)``; differentiable.

        Raises:
            ModelError: The model cuts the way of the gradient.
        """
        embeddings = self._embed(rows)
        if torch.is_grad_enabled() and rows.requires_grad and not embeddings.requires_grad:
            raise ModelError(f"The embedding of '{self._name}' carries no gradient back to the pixels: its "
                             f"forward pass runs under torch.no_grad() or detaches its values. {_WAY_OUT}")  # fmt: skip
        return self.of_embeddings(embeddings, image)

    def require_slope(self, inputs: Tensor) -> None:
        """Refuse a model whose gradient is zero everywhere, for whom every map would be black.

        Args:
            inputs: Network inputs ``(N, 3, H, W)``; noise of their range is differentiated.

        Raises:
            ModelError: The gradient is exactly zero for random images.
        """
        generator = torch.Generator().manual_seed(0)
        noise = torch.rand((4, *inputs.shape[1:]), generator=generator).to(inputs)
        low, high = inputs.min(), inputs.max()
        rows = (low + noise * (high - low).clamp(min=1)).requires_grad_(True)
        with torch.enable_grad():
            embeddings = self._embed(rows)
            # A fixed direction: near the target itself the distance is flat.
            weights = torch.rand(embeddings.shape, generator=generator).to(embeddings)
            (slope,) = torch.autograd.grad((embeddings * weights).sum(), rows)
        if not bool(slope.any()):
            raise ModelError(f"The gradient of '{self._name}' is zero everywhere: its forward pass rounds or "
                             f"compares its values. {_WAY_OUT}")  # fmt: skip

    def of_embeddings(self, embeddings: Tensor, image: Tensor) -> Tensor:
        """Distances ``(B,)`` of embeddings ``(B, D)``; differentiable."""
        targets = self._targets if self._targets.ndim == 1 else self._targets[image]
        return self._measure(embeddings.float(), targets.expand(len(embeddings), -1))


def network_input(model: SimilarityModel, pixels: Tensor) -> Tensor:
    """Pixels ``(N, 3, H, W)`` uint8 as the normalised float input of the network, on its device.

    Of networks without gradients, which normalise inside, the input is the pixels.
    """
    pixels = pixels.to(model.device)
    if not model.differentiable:
        return pixels.float()
    normalization: Any = model.network.normalization
    values: Tensor = normalization(pixels)
    return values.float()


def black_embedding(model: SimilarityModel) -> Tensor:
    """The embedding ``(D,)`` of a black image."""
    side = model.preprocessing.crop_px
    with torch.no_grad():
        row: Tensor = model.network(torch.zeros(1, 3, side, side, dtype=torch.uint8, device=model.device))
    return row[0].float()


def checked_targets(model: SimilarityModel, targets: np.ndarray | Tensor | None, images: int) -> Tensor:
    """Targets as ``(D,)`` or ``(N, D)`` on the model's device; None is the black image's embedding.

    Raises:
        InputError: Another shape, no numbers, or numbers that are not finite.
    """
    if targets is None:
        return black_embedding(model)
    rows = torch.from_numpy(
        np.ascontiguousarray(as_numbers(targets, "The embeddings to compare with"), np.float32)
    )
    if rows.shape not in ((model.dim,), (images, model.dim)):
        raise InputError(
            f"The embeddings to compare with have the shape {tuple(rows.shape)}: give ({model.dim},) for all "
            f"or ({images}, {model.dim}), one for each image."
        )
    if not bool(torch.isfinite(rows).all()):
        raise InputError("The embeddings to compare with hold NaN or infinity: there is no distance to them.")
    return rows.to(model.device)


def usable_vectors(model: SimilarityModel, pixels: Tensor, names: Sequence[str]) -> np.ndarray:
    """The embeddings of squares whose distance is explained.

    Raises:
        EmbeddingError: An embedding is not finite, or all zeros; it names the image.
    """
    rows = model.vectors(pixels)
    for row, name in zip(rows, names, strict=True):
        if not np.isfinite(row).all() or not row.any():
            what = "zeros" if np.isfinite(row).all() else "NaN or infinity"
            raise EmbeddingError(
                f"'{model.name}' gives {name} a vector of {what}, which has no distance to another: look at the "
                "image, and at the model in float32."
            )
    return rows


def frozen_weights(model: SimilarityModel) -> AbstractContextManager[None]:
    """The network in evaluation, without gradients of its weights: less memory, and nothing is changed."""
    return evaluating(model.network, frozen=True)


def require_gradients(model: SimilarityModel, method: str) -> None:
    """Refuse methods that need gradients for models that give none.

    Raises:
        ModelError: The model is, for instance, an ONNX file, or stored vectors.
    """
    require_network(model)
    if not model.differentiable:
        raise ModelError(
            f"'{model.name}' gives no gradients, which {method} needs: add --method occlusion (in Python "
            f"method='occlusion'), or use {with_gradients(model.network)}."
        )


def _embedder(model: SimilarityModel) -> Any:
    network: Any = model.network
    # ONNX files with the normalisation inside have no second half: then rows are pixels.
    return network.embedder if model.differentiable else network


def _measure(model: SimilarityModel, distance: str | None) -> Distance:
    if distance is None and model.distance == "avsl":
        head: Any = model.network.embedder.head  # type: ignore[union-attr]  # an AVSLHead
        measure: Distance = head.distance().differentiable
        return measure
    return embedding_distance(distance or model.distance)
