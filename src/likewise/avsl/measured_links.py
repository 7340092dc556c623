"""The links of an AVSL head measured over given images, instead of the running mean of the last training batches.

The released code keeps a running mean that remembers about two batches of random crops; over a whole catalog,
each image as it is evaluated, the links are stable and can be repeated.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from likewise.arguments import checked
from likewise.avsl.head import AVSLHead
from likewise.avsl.links import link_sum
from likewise.avsl.maps import certainty
from likewise.errors import ModelError


@checked
@torch.no_grad()
def measure_links(network: nn.Module, batches: Iterable[Tensor]) -> int:
    """Replaces the links and mean certainties of a network's AVSL head by those of some images.

    Args:
        network: Network of a similarity model. Its head is changed in place; it is left in eval mode.
        batches: Pixels ``(B, 3, H, W)`` as the network takes them.

    Returns:
        How many images were seen.

    Raises:
        ModelError: The network has no AVSL head, or there was no image.
    """
    head = getattr(getattr(network, "embedder", None), "head", None)
    if not isinstance(head, AVSLHead):
        raise ModelError("Only a model with an AVSL head has links between levels.")
    feature_maps = cast("Callable[[Tensor], list[Tensor]]", network.feature_maps)
    device = head.links.links.device
    network.eval()
    links, means = torch.zeros_like(head.links.links), torch.zeros_like(head.links.mean_certainty)
    images = 0
    for batch in batches:
        activations = head.activations(feature_maps(batch.to(device)))
        for step, (lower, higher) in enumerate(pairwise(activations)):
            links[step] += link_sum(lower, higher)
            means[step] += certainty(higher, head.spec.certainty).mean(dim=1).sum()
        images += len(batch)
    if not images:
        raise ModelError(
            "The links of an AVSL head are measured over images, but there was none that can be read."
        )
    head.links.set(links / images, means / images)
    return images
