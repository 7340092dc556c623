"""Maps that a model did not make, against which the agreement of models is read.

Two maps agree a little because both light up the middle, or edges: that much agreement says nothing about
the models.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, sobel

from likewise.arrays import Floats32
from likewise.errors import ModelError
from likewise.models import SimilarityModel, build

CENTER, EDGES, RANDOM, NOISE = "centre prior", "edge map", "random weights", "itself under other noise"


def center_prior(shape: tuple[int, int]) -> Floats32:
    """A centred Gaussian whose standard deviation is a quarter of the side: float32 (H, W) in 0..1."""
    height, width = shape
    y = (np.arange(height) - (height - 1) / 2) / (height / 4)
    x = (np.arange(width) - (width - 1) / 2) / (width / 4)
    prior: Floats32 = np.exp(-0.5 * (y[:, None] ** 2 + x[None] ** 2)).astype(np.float32)
    return prior


def randomized_model(model: SimilarityModel, seed: int = 0) -> SimilarityModel:
    """The network of a model with random weights: its maps show what comes from the architecture alone.

    Source of the check: Adebayo et al. 2018, *Sanity Checks for Saliency Maps*.

    Raises:
        ModelError: The model was not built by likewise, so its network cannot be rebuilt.
    """
    if model.spec is None:
        raise ModelError(
            f"{model.name} cannot be built with random weights, because likewise does not know its architecture: "
            "leave them out."
        )
    changes = {"weights": None, "pretrained": False, "preprocessing": model.preprocessing}
    empty = build(model.spec.model_copy(update=changes), seed)
    empty.name, empty.distance = RANDOM, model.distance
    return empty.to(model.device)


def edge_maps(images: NDArray[np.uint8], percentile: float = 99) -> Floats32:
    """Strength of brightness edges, scaled to 0..1 as saliency maps are.

    Args:
        images: uint8 RGB ``(B, 3, H, W)``.
        percentile: Percentile that is mapped to 1.

    Returns:
        float32 ``(B, H, W)``; an image without edges gives zeros.
    """
    return np.stack([_edges(image, percentile) for image in images])


def _edges(image: NDArray[np.uint8], percentile: float) -> Floats32:
    weights: Sequence[float] = (0.299, 0.587, 0.114)
    grey = gaussian_filter(np.tensordot(weights, image.astype(np.float64), axes=1), 1)
    strength = np.hypot(sobel(grey, 0), sobel(grey, 1))
    low, high = strength.min(), np.percentile(strength, percentile)
    scaled = (strength - low) / (high - low) if high > low else np.zeros_like(strength)
    clipped: Floats32 = np.clip(scaled, 0, 1).astype(np.float32)
    return clipped
