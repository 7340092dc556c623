"""Principal components and class means: what a head and class vectors can start from."""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def principal_weights(features: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first principal components of some features.

    Args:
        features: ``(N, C)``.
        count: 1 to min(C, N - 1).

    Returns:
        Components ``(count, C)``, orthonormal, strongest first, and the mean ``(C,)``; float64.
    """
    wide = features.double()
    center = wide.mean(0)
    _, vectors = torch.linalg.eigh((wide - center).T @ (wide - center))
    components = vectors.flip(1)[:, :count].T
    # The sign of a component is arbitrary; fixed here, so that the same images give the same head.
    largest = components.abs().argmax(1, keepdim=True)
    return components * components.gather(1, largest).sign(), center


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
