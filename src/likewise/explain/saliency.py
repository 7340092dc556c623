"""Saliency maps of images under a model: one call for every method.

A map says how much each pixel moves the embedding: the distance to the embedding of a black image is
differentiated (or measured with parts hidden), so no label and no second image is needed. Give ``targets``
to explain the distance to other embeddings instead.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.arguments import checked
from likewise.bounds import Count, Seed
from likewise.data import Catalog
from likewise.errors import ConfigError, InputError
from likewise.explain.methods import raw_maps
from likewise.explain.settings import Method, SaliencySettings
from likewise.explain.smoothgrad import to_maps
from likewise.explain.targets import (
    DistanceToTarget,
    checked_targets,
    frozen_weights,
    network_input,
    require_gradients,
)
from likewise.models import SimilarityModel
from likewise.models.embedding import Precision
from likewise.models.pictures import Picture, listed, squares
from likewise.seeds import derived_seed


@checked
def attribute(
    model: SimilarityModel,
    images: Catalog | Sequence[Picture] | NDArray[np.uint8] | Tensor,
    *,
    method: Method = "smoothgrad",
    settings: SaliencySettings | None = None,
    targets: NDArray[np.floating[Any]] | Tensor | None = None,
    seeds: Sequence[Seed] | None = None,
    batch_size: Count = 32,
    precision: Precision = "float32",
) -> NDArray[np.float32]:
    """Saliency maps of images.

    Args:
        model: Any model; without gradients (ONNX files) only ``occlusion`` works.
        images: A Catalog; or paths, PIL images, arrays or tensors, or a batch, as for ``model.embed``. All are resized
            and cropped by the preprocessing of the model, but a tensor of exactly its input size is used unchanged.
        method: ``smoothgrad`` (published), ``gradient``, ``gradient_x_input``, ``integrated_gradients``,
            ``grad_cam`` (last feature map) or ``occlusion`` (slow, needs no gradients). All but the first
            need captum, the extra ``explain``.
        settings: Everything else; its own ``method`` is used when ``method`` is left at its default.
        targets: Embeddings ``(D,)`` or ``(N, D)`` to measure the distance to; None: a black image's.
        seeds: One seed per image for its noise; default: its position in ``images``.
        batch_size: Rows (images, or images x noisy copies) in one pass; bounds the memory.
        precision: "bf16" runs the network in bfloat16 autocast: faster on a GPU, about three significant digits.

    Returns:
        float32 ``(N, H, W)`` in 0..1 at the model's input size: 0 = the pixel moves the embedding least,
        1 = at or above the 99th percentile of this image. Values have no sign and are not comparable between
        images. A constant map is 0 everywhere.

    Raises:
        InputError: No images, something that is not an image, or seeds or targets of another length.
        ModelError: The model gives no gradients or no feature map.
        MissingExtraError: captum is not installed.
    """
    chosen = _settings(settings, method)
    pixels = as_pixels(model, images.paths if isinstance(images, Catalog) else images)
    numbers = list(range(len(pixels))) if seeds is None else list(seeds)
    if len(numbers) != len(pixels):
        raise InputError(f"There are {len(numbers)} seeds for {len(pixels)} images: give one per image.")
    if chosen.method != "occlusion":
        require_gradients(model, chosen.method)
    drawn = torch.tensor([derived_seed(chosen.seed, "saliency", number) for number in numbers])
    with frozen_weights(model):
        function = DistanceToTarget(model, checked_targets(model, targets, len(pixels)), chosen.distance)
        inputs = network_input(model, pixels)
        raw = raw_maps(model, function, inputs, chosen, drawn, batch_size=batch_size, precision=precision)
    maps: NDArray[np.float32] = to_maps(raw, chosen.percentile).cpu().numpy()
    return maps


def as_pixels(model: SimilarityModel, images: Sequence[Picture] | NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 ``(N, 3, H, W)`` of the model's input size.

    Raises:
        InputError: No images, or something that is not an image.
        ImageError: A file that cannot be read.
    """
    side = model.preprocessing.crop_px
    as_seen = (
        isinstance(images, Tensor) and images.dtype == torch.uint8 and images.shape[1:] == (3, side, side)
    )
    if isinstance(images, Tensor) and as_seen and len(images):
        return images
    return squares(model.preprocessing, listed(images, "attribute"))


def _settings(settings: SaliencySettings | None, method: Method) -> SaliencySettings:
    if settings is None:
        return SaliencySettings(method=method)
    if method not in ("smoothgrad", settings.method):
        raise ConfigError(f"method={method!r} contradicts the settings, which say {settings.method!r}.")
    return settings
