"""Initialisation of head and proxies from the images instead of random numbers.

A random head discards much of what a pretrained backbone has learnt, and a few epochs on a few classes do not restore
it for unseen classes. A head made of the training features, their principal components or the
whitening of their scatter within classes, starts at or above the score of the backbone. Proxies at the class means do
not disturb the head at the beginning.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from likewise.data import CatalogDataset, make_loader
from likewise.errors import ConfigError
from likewise.models import AVSLHead, SimilarityModel
from likewise.models.embedder import Embedder
from likewise.models.principal_components import principal_components
from likewise.seeds import stream
from likewise.training.experiment import InitSpec
from likewise.training.pca import MOST_IMAGES, class_means, whitening_weights


def initialize_from_images(
    spec: InitSpec, model: SimilarityModel, loss: nn.Module, dataset: CatalogDataset, *, seed: int
) -> None:
    """Set the head and the class vectors of the loss as ``spec`` asks.

    Args:
        spec: Parts to initialise from the images.
        model: Its head is modified in place. An AVSL head always takes its links from the images.
        loss: Its class vectors are modified in place.
        dataset: Training images as they are evaluated; at most 5,000 of them, drawn at random, are used.
        seed: Seed of that draw.

    Raises:
        ConfigError: The head is not linear, has more dimensions than there are features or images, or the loss
            has no class vectors.
    """
    embedder = model.network.embedder
    if isinstance(embedder, Embedder) and isinstance(embedder.head, AVSLHead):
        from likewise.avsl.initialization import initialize_avsl

        pixels = partial(_pixels, model, dataset, seed)
        initialize_avsl(spec, model, loss, pixels, len(dataset.label_names), seed=seed)
        return
    if spec.head == "random" and spec.proxies == "random":
        return
    if not isinstance(embedder, Embedder) or not isinstance(embedder.head, nn.Linear | nn.Identity):
        raise ConfigError("start.head and start.proxies need a linear head: set both to 'random'.")
    features, labels = _features(model, embedder, dataset, seed)
    if spec.head == "pca":
        principal_head(embedder.head, features)
    elif spec.head == "whitened":
        whitened_head(embedder.head, features, labels)
    if spec.proxies == "class-means":
        with torch.no_grad():
            embeddings = nn.functional.normalize(embedder.head(features), dim=1)
        class_mean_vectors(loss, embeddings, labels, len(dataset.label_names))


def principal_head(head: nn.Module, features: Tensor) -> None:
    """Make a linear head the projection on the first principal components, centred.

    Args:
        head: ``nn.Linear(C, D)``, changed in place.
        features: ``(N, C)``, N > D.

    Raises:
        ConfigError: Not a linear layer, or D is larger than C or N - 1.
    """
    if not isinstance(head, nn.Linear):
        raise ConfigError(
            "start.head is 'pca', but model.dim is null, so there is no head: set -o start.head=random."
        )
    limit = min(features.shape[1], len(features) - 1)
    if head.out_features > limit:
        raise ConfigError(
            f"start.head is 'pca' with model.dim {head.out_features}, but {len(features)} images with "
            f"{features.shape[1]} features have at most {limit} components: set -o model.dim={max(limit, 1)}."
        )
    projection = principal_components(features, head.out_features)
    _set_head(head, projection.weights, projection.center)


def whitened_head(head: nn.Module, features: Tensor, labels: Tensor) -> None:
    """Make a linear head the whitening of the scatter within classes, see :func:`whitening_weights`.

    Args:
        head: ``nn.Linear(C, D)`` with D up to C, changed in place.
        features: ``(N, C)``.
        labels: ``(N,)``.

    Raises:
        ConfigError: Not a linear layer, or D is larger than C.
    """
    if not isinstance(head, nn.Linear):
        raise ConfigError(
            "start.head is 'whitened', but model.dim is null, so there is no head: set -o start.head=random."
        )
    if head.out_features > features.shape[1]:
        raise ConfigError(
            f"start.head is 'whitened' with model.dim {head.out_features}, but the backbone has {features.shape[1]} "
            f"features: set -o model.dim={features.shape[1]}."
        )
    _set_head(head, *whitening_weights(features, labels, head.out_features))


def _set_head(head: nn.Linear, weights: Tensor, center: Tensor) -> None:
    with torch.no_grad():
        # As large as a usual random start, so that learning rates keep their meaning.
        scale = head.weight.norm() / weights.norm()
        head.weight.copy_(weights * scale)
        if head.bias is not None:
            head.bias.copy_(-(weights @ center) * scale)


def class_mean_vectors(loss: nn.Module, embeddings: Tensor, labels: Tensor, num_classes: int) -> None:
    """Put each class vector of a loss at the mean embedding of its class, keeping the vectors' usual length.

    Args:
        loss: A loss with one vector per class, stored as ``(classes, D)`` or ``(D, classes)``.
        embeddings: ``(N, D)``, length 1.
        labels: ``(N,)``; a class without an image keeps its random vector.
        num_classes: Number of classes.

    Raises:
        ConfigError: The loss has no such vectors.
    """
    dim = embeddings.shape[1]
    shapes = {(num_classes, dim), (dim, num_classes)}
    candidates = [parameter for parameter in loss.parameters() if tuple(parameter.shape) in shapes]
    if len(candidates) != 1:
        raise ConfigError(
            "start.proxies is 'class-means', but this loss has no single vector per class: set it to 'random'."
        )
    vectors = candidates[0].data if candidates[0].shape == (num_classes, dim) else candidates[0].data.T
    class_means(vectors, embeddings, labels, num_classes)


def _features(
    model: SimilarityModel, embedder: Embedder, dataset: CatalogDataset, seed: int
) -> tuple[Tensor, Tensor]:
    rows, labels = [], []
    for images, codes in _pixels(model, dataset, seed, MOST_IMAGES):
        with torch.no_grad():
            rows.append(embedder.features(model.network.normalization(images)))  # type: ignore[operator]
        labels.append(codes)
    return torch.cat(rows).float().cpu(), torch.cat(labels)


def _pixels(
    model: SimilarityModel, dataset: CatalogDataset, seed: int, most: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pixels, on the device of the model, and labels of up to a given number of images; each pass is the same."""
    chosen = sorted(int(index) for index in stream(seed, "start").permutation(len(dataset))[:most])
    batches = [chosen[start : start + 64] for start in range(0, len(chosen), 64)]
    model.network.eval()
    for batch in make_loader(dataset, batch_sampler=batches):  # type: ignore[arg-type]
        if len(batch):
            yield batch.images.to(model.device), batch.labels
