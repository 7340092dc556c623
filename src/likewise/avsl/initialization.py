"""Initialisation of an AVSL head: each level as for a plain head, and the links from the images.

A level may have fewer channels than the head has nodes. Its principal components are then all the directions
there are, and an orthonormal frame spreads them over the nodes: distances stay those of the components.
"""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from likewise.avsl.maps import pooled
from likewise.errors import ConfigError
from likewise.losses import SimilarityLoss
from likewise.models import AVSLHead, SimilarityModel, SimilarityNetwork, measure_links
from likewise.models.embedder import Embedder
from likewise.models.principal_components import principal_components
from likewise.seeds import torch_stream
from likewise.training.experiment import InitSpec
from likewise.training.pca import MOST_IMAGES, class_means

LINK_IMAGES = 1_000  # looked at for the first links, which more images change little

Pixels = Callable[[int], Iterator[tuple[Tensor, Tensor]]]
"""Pixels and labels of up to a given number of images, batch by batch; may be read more than once."""


def initialize_avsl(
    spec: InitSpec, model: SimilarityModel, loss: nn.Module, pixels: Pixels, num_classes: int, *, seed: int
) -> None:
    """Set the levels' projections and proxies as ``spec`` asks, and the links, without which nothing compares.

    Args:
        spec: Parts to initialise from the images.
        model: Its AVSL head is changed in place.
        loss: Its proxies are changed in place.
        pixels: The images.
        num_classes: Classes of the loss.
        seed: Seed of the frames of levels with fewer channels than nodes.

    Raises:
        ConfigError: The loss has no proxies.
    """
    embedder = cast(Embedder, model.network.embedder)
    head = cast(AVSLHead, embedder.head)
    if spec.head != "random" or spec.proxies == "class-means":
        features, labels = _level_features(model, pixels)
        if spec.head != "random":
            _principal_levels(head, features, seed)
        if spec.proxies == "class-means":
            _proxies_at_means(head, loss, features, labels, num_classes)
    network = cast(SimilarityNetwork, model.network)
    measure_links(network, (images for images, _ in pixels(LINK_IMAGES)))


def _principal_levels(head: AVSLHead, features: list[Tensor], seed: int) -> None:
    for level, values in enumerate(features):
        convolution = cast(nn.Conv2d, head.projections[level])
        nodes = head.spec.dim
        components = min(nodes, values.shape[1])
        # With fewer images than components the last ones are directions in which no image varies.
        weight, center, _ = principal_components(values, components)
        if components < nodes:
            generator = torch_stream(seed, "avsl frame", level)
            frame = torch.linalg.qr(torch.randn(nodes, components, generator=generator, dtype=weight.dtype)).Q
            weight = frame @ weight
        with torch.no_grad():
            # As large as a usual random start, so that learning rates keep their meaning.
            weight *= convolution.weight.double().norm() / weight.norm()
            convolution.weight.copy_(weight[..., None, None])
            cast(Tensor, convolution.bias).copy_(-(weight @ center))


def _proxies_at_means(
    head: AVSLHead, loss: nn.Module, features: list[Tensor], labels: Tensor, num_classes: int
) -> None:
    inner = loss.loss if isinstance(loss, SimilarityLoss) else loss
    proxies = getattr(inner, "proxies", None)
    if not isinstance(proxies, nn.ParameterList):
        raise ConfigError(
            "start.proxies is 'class-means', but this loss has no vector per class and level: set it to 'random'."
        )
    for level, values in enumerate(features):
        convolution = cast(nn.Conv2d, head.projections[level])
        with torch.no_grad():
            embeddings = normalize(
                nn.functional.linear(values, convolution.weight.flatten(1), convolution.bias), dim=1
            )
        class_means(proxies[level].data, embeddings, labels, num_classes)


@torch.no_grad()
def _level_features(model: SimilarityModel, pixels: Pixels) -> tuple[list[Tensor], Tensor]:
    """Per level the pooled features (N, C), and the labels (N,)."""
    head = cast(AVSLHead, model.network.embedder.head)  # type: ignore[union-attr]
    rows: list[list[Tensor]] = []
    labels = []
    for images, codes in pixels(MOST_IMAGES):
        maps = model.network.feature_maps(images)  # type: ignore[operator]
        rows.append([pooled(each.float(), head.spec.pooling).cpu() for each in maps])
        labels.append(codes)
    return [torch.cat(level) for level in zip(*rows, strict=True)], torch.cat(labels)
