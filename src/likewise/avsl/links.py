"""Links between the nodes of neighbouring levels: how much their activation maps coincide.

A link matrix is (D, D): row = node of the lower level, column = node of the higher one.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

TIE = 1e-8


def link_sum(lower: Tensor, higher: Tensor) -> Tensor:
    """Sum over images of the cosine between every lower and every higher activation map.

    The lower map is average-pooled to the size of the higher; maps are not centred.

    Args:
        lower: (B, D, h, w).
        higher: (B, D, h', w'), h' <= h, w' <= w.

    Returns:
        (D, D); entries -B..B. Divided by B it is the link of the batch.
    """
    if lower.shape[2:] != higher.shape[2:]:
        lower = adaptive_avg_pool2d(lower, (higher.shape[2], higher.shape[3]))
    low, high = normalize(lower.flatten(2), dim=2), normalize(higher.flatten(2), dim=2)
    return torch.einsum("bmp,bnp->mn", low, high)


def strongest_links(link: Tensor, topk: int) -> Tensor:
    """The links that are used: per higher node the strongest ``topk`` positive ones, made to sum to 1.

    Ties: links within 1e-8 of the k-th strongest are also kept, as published, so that the result
    does not depend on the order of the nodes. A column without a positive entry becomes 0: nothing flows
    through that node from below.

    Args:
        link: (D, D).
        topk: 1 to D.

    Returns:
        (D, D), >= 0; each column sums to 1 (or is 0).
    """
    positive = link.clamp_min(0)
    weakest = positive.topk(topk, dim=0).values[-1]
    strongest = torch.where(positive >= weakest - TIE, positive, 0)
    return strongest / (strongest.sum(dim=0, keepdim=True) + TIE)


class Links(nn.Module):
    """The running links of a head, and the running means of its certainties.

    Everything, also whether anything was seen yet, is a buffer: a resumed training blends the next batch into
    what was restored (the released code overwrote it). Under several processes the sums over images are added
    up across them, so that all keep the same links, those of the whole batch.

    Args:
        levels: number of levels, 2 or more.
        dim: nodes of each.
        momentum: weight of the old value, 0..1; published 0.5, which remembers about two batches.
    """

    links: Tensor  # (levels - 1, D, D)
    mean_certainty: Tensor  # (levels - 1,), of the levels above the lowest
    started: Tensor  # bool

    def __init__(self, levels: int, dim: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("links", torch.zeros(levels - 1, dim, dim))
        self.register_buffer("mean_certainty", torch.ones(levels - 1))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def update(self, maps: Sequence[Tensor], certainties: Sequence[Tensor]) -> None:
        """Blends a batch in.

        Args:
            maps: per level (B, D, h, w), lowest first.
            certainties: per level above the lowest (B, D), before any scaling by their mean.
        """
        links, mean_certainty = batch_statistics(maps, certainties)
        keep = torch.where(self.started, self.momentum, 0.0)
        self.links.lerp_(links, 1 - keep)
        self.mean_certainty.lerp_(mean_certainty, 1 - keep)
        self.started.fill_(True)

    @torch.no_grad()
    def set(self, links: Tensor, mean_certainty: Tensor) -> None:
        """Replaces the running values, for instance by those of a whole catalog."""
        self.links.copy_(links)
        self.mean_certainty.copy_(mean_certainty)
        self.started.fill_(True)


def batch_statistics(maps: Sequence[Tensor], certainties: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Links (levels - 1, D, D) and mean certainties (levels - 1,) over the batches of all processes."""
    links = torch.stack([link_sum(lower, higher) for lower, higher in pairwise(maps)])
    certainty_sums = torch.stack([values.mean(dim=1).sum() for values in certainties])
    images = torch.tensor(float(len(maps[0])), device=links.device)
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        parts = torch.cat([links.flatten(), certainty_sums, images[None]])
        dist.all_reduce(parts)
        links = parts[: links.numel()].view_as(links)
        certainty_sums, images = parts[links.numel() : -1], parts[-1]
    return links / images, certainty_sums / images
