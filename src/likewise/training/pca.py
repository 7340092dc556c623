"""Initial values of a head and of class vectors: whitening within classes, and class means."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from likewise.models.principal_components import principal_components

MOST_IMAGES = 5_000  # whose features are used: more of them hardly change components and class means


def whitening_weights(
    features: Tensor, labels: Tensor, count: int, shrinkage: float = 10.0
) -> tuple[Tensor, Tensor]:
    """A linear map after which the scatter of images within their classes is nearly the same in every direction.

    Directions in which images of one class differ (viewpoint, light, background) become short, also for classes
    that are not among these. The covariance within classes is shrunk towards a multiple of the identity, which
    keeps directions that these images do not vary in.

    Args:
        features: ``(N, C)``.
        labels: ``(N,)`` class of each row.
        count: Rows of the map, 1 to C. With fewer than C, the principal components of the mapped features.
        shrinkage: Weight of the identity, in units of the mean variance; the larger, the nearer to no change.

    Returns:
        Weights ``(count, C)`` and the mean ``(C,)`` to subtract first; float64.

    Source: within-class covariance normalisation, Hatch, Kajarekar & Stolcke 2006; the shrinkage and its default
    were chosen on validation classes of two photo sets (docs/results.md).
    """
    wide = features.double()
    center = wide.mean(0)
    codes = torch.unique(labels, return_inverse=True)[1]
    classes = int(codes.max()) + 1
    sums = torch.zeros(classes, wide.shape[1], dtype=wide.dtype).index_add_(0, codes, wide)
    within = wide - (sums / torch.bincount(codes)[:, None])[codes]
    covariance = within.T @ within / max(len(wide) - classes, 1)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0)
    floor = shrinkage * values.mean()
    if floor <= 0:  # one image per class, or equal images: nothing to whiten
        return torch.eye(wide.shape[1], dtype=wide.dtype)[:count], center
    whitening = (vectors * (values + floor).rsqrt()) @ vectors.T * (values.mean() + floor).sqrt()
    if count < wide.shape[1]:
        whitening = principal_components((wide - center) @ whitening, count).weights @ whitening
    return whitening, center


def class_means(vectors: Tensor, embeddings: Tensor, labels: Tensor, num_classes: int) -> None:
    """Put each class vector at the mean embedding of its class, keeping the vectors' usual length.

    Args:
        vectors: ``(num_classes, D)``, changed in place; a class without an image keeps its own.
        embeddings: ``(N, D)``, length 1.
        labels: ``(N,)``.
        num_classes: Number of classes.
    """
    length = vectors.norm(dim=1).mean()
    sums = torch.zeros(num_classes, embeddings.shape[1]).index_add_(0, labels, embeddings)
    present = torch.bincount(labels, minlength=num_classes) > 0
    vectors[present] = normalize(sums[present], dim=1).to(vectors) * length
