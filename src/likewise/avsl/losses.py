"""The losses of an AVSL head: each compares on every level's own distance and on the top-down distance.

Both work on *distances*; their parameters and defaults are in ``likewise.losses.avsl``.
Source: Zhang et al., CVPR 2022, and its released code; the differences are in docs/papers.md.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from likewise.avsl.distance import node_differences, reliability, top_down
from likewise.avsl.head import AVSLHead
from likewise.avsl.representation import Representation, unpack
from likewise.errors import ConfigError
from likewise.seeds import derived_seed

PRESENT_ABOVE = 1000  # classes beyond which the published code compares with those of the batch only


def proxy_anchor_on_distances(
    distances: Tensor, positive: Tensor, alpha: float, pos_margin: float, neg_margin: float
) -> Tensor:
    """Proxy-Anchor written on distances.

    Per proxy j ``log(1 + sum over its images of exp(alpha (d - pos_margin)))``, mean over the proxies that
    have an image in the batch, plus ``log(1 + sum over the others of exp(-alpha (d - neg_margin)))``, mean
    over all proxies; stable for any alpha. With d = 2 - 2 cos, (1.8, 2.2, 16) equals the original loss with
    margin 0.1 and alpha 32 on cosines.

    Args:
        distances: (B, C), images x proxies.
        positive: (B, C) bool, image i is of class j.
        alpha: sharpness.
        pos_margin: positives are pulled until they are well below it.
        neg_margin: negatives are pushed until they are well above it.
    """
    pulls = _log_one_plus_sum_exp(alpha * (distances - pos_margin), positive)
    pushes = _log_one_plus_sum_exp(-alpha * (distances - neg_margin), ~positive)
    with_image = positive.any(dim=0).sum().clamp_min(1)
    return pulls.sum() / with_image + pushes.mean()


def margin_on_distances(
    distances: Tensor, labels: Tensor, chosen: Tensor, beta: Tensor, *, margin: float, cutoff: float
) -> Tensor:
    """Margin loss with one positive and one negative per image; mean over the hinges that are above zero.

    The negative is the nearest of those not nearer than ``cutoff`` (the farthest, where all are nearer).

    Args:
        distances: (B, B).
        labels: (B,).
        chosen: (B,) index of each image's positive; its own index where it has none.
        beta: (B,) boundary of each image's class.
        margin: half the gap around the boundary.
        cutoff: negatives nearer than this are skipped.
    """
    images = torch.arange(len(labels), device=labels.device)
    different = labels[:, None] != labels[None, :]
    with torch.no_grad():
        beyond = different & (distances >= cutoff)
        nearest = torch.where(beyond, distances, math.inf).argmin(dim=1)
        farthest = torch.where(different, distances, -math.inf).argmax(dim=1)
        negative = torch.where(beyond.any(dim=1), nearest, farthest)
    pulls = (margin + distances[images, chosen] - beta)[chosen != images].relu()
    pushes = (margin - distances[images, negative] + beta)[different.any(dim=1)].relu()
    hinges = torch.cat((pulls, pushes))
    return hinges.sum() / (hinges > 0).sum().clamp_min(1)


class _AVSLLoss(nn.Module):
    """Base of both losses: the head (its weights belong to the model) and the weighted sum."""

    def __init__(
        self, head: AVSLHead, level_weights: Sequence[float], final_weight: float, detached: bool
    ) -> None:
        super().__init__()
        levels = len(head.spec.levels)
        if len(level_weights) != levels:
            raise ConfigError(
                f"loss.params.level_weights has {len(level_weights)} numbers, but the AVSL head has "
                f"{levels} levels: give one weight for each level."
            )
        self._borrowed = (head,)  # in a tuple, so that torch does not register it as a part of the loss
        self.level_weights, self.final_weight, self.detached = level_weights, final_weight, detached

    @property
    def head(self) -> AVSLHead:
        return self._borrowed[0]

    def _whole(self, deltas: list[Tensor], reliabilities: list[Tensor]) -> Tensor:
        with torch.no_grad():
            links = self.head.used_links()
        return top_down(
            [delta.detach() for delta in deltas] if self.detached else deltas, reliabilities, links
        )

    def _unpacked(self, flat: Tensor) -> Representation:
        return unpack(flat, len(self.head.spec.levels), self.head.spec.dim)


class AVSLProxyAnchorLoss(_AVSLLoss):
    """Proxy-Anchor per level, each with its own proxies, and on the top-down distance to them."""

    def __init__(
        self,
        head: AVSLHead,
        num_classes: int,
        *,
        level_weights: Sequence[float],
        final_weight: float,
        detached: bool,
        alpha: float,
        pos_margin: float,
        neg_margin: float,
        final_neg_margin: float | None,
        proxies: Literal["auto", "all", "present"],
    ) -> None:
        super().__init__(head, level_weights, final_weight, detached)
        self.num_classes = num_classes
        self.alpha, self.pos_margin, self.neg_margin = alpha, pos_margin, neg_margin
        self.final_neg_margin = neg_margin if final_neg_margin is None else final_neg_margin
        self.only_present = proxies == "present" or (proxies == "auto" and num_classes > PRESENT_ABOVE)
        # create() seeds torch around this, as it does for the library's losses.
        self.proxies = nn.ParameterList([torch.empty(num_classes, head.spec.dim) for _ in head.spec.levels])
        for level_proxies in self.proxies:
            nn.init.kaiming_normal_(level_proxies, a=math.sqrt(5))

    def forward(self, flat: Tensor, labels: Tensor, _: object = None) -> Tensor:
        """Flat rows (B, F) and labels (B,) -> scalar."""
        level_distances, top_down_distances, positive = self.distances(flat, labels)
        parts = [
            weight
            * proxy_anchor_on_distances(distances, positive, self.alpha, self.pos_margin, self.neg_margin)
            for weight, distances in zip(self.level_weights, level_distances, strict=True)
        ]
        final = proxy_anchor_on_distances(
            top_down_distances, positive, self.alpha, self.pos_margin, self.final_neg_margin
        )
        return torch.stack(parts).sum() + self.final_weight * final

    def distances(self, flat: Tensor, labels: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Distances of images to proxies.

        Returns:
            Per level (B, C) squared distances, the top-down distances (B, C), and which proxy is each image's
            own (B, C) bool; C = all classes, or those of the batch in ascending order.
        """
        images, spec = self._unpacked(flat), self.head.spec
        classes = (
            torch.unique(labels) if self.only_present else torch.arange(self.num_classes, device=flat.device)
        )
        proxies = [normalize(values[classes], dim=1) for values in self.proxies]
        deltas = [
            node_differences(values[:, None], class_vectors[None], spec.index_p)
            for values, class_vectors in zip(images.embeddings, proxies, strict=True)
        ]
        # A proxy has no map: its certainty is the batch's mean, one number per level.
        products = [(values * values.mean()).detach()[:, None] for values in images.certainties]
        trust = self.head.reliability
        reliabilities = [
            reliability(product, coef, bias, spec.gamma)
            for product, coef, bias in zip(products, trust.coef, trust.bias, strict=True)
        ]
        top_down_distances = self._whole(deltas, reliabilities)
        return [delta.sum(dim=2) for delta in deltas], top_down_distances, labels[:, None] == classes[None, :]


class AVSLMarginLoss(_AVSLLoss):
    """Margin loss between the images of a batch, per level and on the top-down distance."""

    step: Tensor

    def __init__(
        self,
        head: AVSLHead,
        num_classes: int,
        seed: int,
        *,
        level_weights: Sequence[float],
        final_weight: float,
        detached: bool,
        margin: float,
        beta: float,
        cutoff: float,
        squared: bool,
        published_wiring: bool,
    ) -> None:
        super().__init__(head, level_weights, final_weight, detached)
        self.seed, self.margin, self.cutoff = seed, margin, cutoff
        self.squared, self.published_wiring = squared, published_wiring
        count = len(head.spec.levels) + 1
        self.beta = nn.ParameterList([torch.full((num_classes,), beta) for _ in range(count)])
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, flat: Tensor, labels: Tensor, _: object = None) -> Tensor:
        """Flat rows (B, F) and labels (B,) -> scalar; 0 where no image has a positive or a negative."""
        chosen = self._positives(labels)
        parts = [
            margin_on_distances(
                distances, labels, chosen, beta[labels], margin=self.margin, cutoff=self.cutoff
            )
            for distances, beta in zip(self.distances(flat), self.beta, strict=True)
        ]
        if self.published_wiring:
            parts = [parts[-1], *parts[:-1]]
        weights = (*self.level_weights, self.final_weight)
        return torch.stack([weight * part for weight, part in zip(weights, parts, strict=True)]).sum()

    def distances(self, flat: Tensor) -> list[Tensor]:
        """(B, B) distances of each level, lowest first, and then the top-down distance."""
        images, spec = self._unpacked(flat), self.head.spec
        deltas = [
            node_differences(values[:, None], values[None], spec.index_p) for values in images.embeddings
        ]
        trust = self.head.reliability
        reliabilities = [
            reliability((values[:, None] * values[None]).detach(), coef, bias, spec.gamma)
            for values, coef, bias in zip(images.certainties, trust.coef, trust.bias, strict=True)
        ]
        distances = [*(delta.sum(dim=2) for delta in deltas), self._whole(deltas, reliabilities)]
        if self.squared:
            return distances
        return [values.clamp_min(1e-12) ** (1 / spec.index_p) for values in distances]

    def _positives(self, labels: Tensor) -> Tensor:
        """(B,) a random other image of the same class each, or the image itself where there is none."""
        generator = torch.Generator().manual_seed(derived_seed(self.seed, "avsl positives", int(self.step)))
        if self.training:
            self.step += 1
        same = (labels[:, None] == labels[None, :]).cpu()
        same.fill_diagonal_(False)
        order = torch.where(same, torch.rand(same.shape, generator=generator), -1.0).argmax(dim=1)
        chosen = torch.where(same.any(dim=1), order, torch.arange(len(labels)))
        return chosen.to(labels.device)


def _log_one_plus_sum_exp(exponents: Tensor, counted: Tensor) -> Tensor:
    """log(1 + sum over rows of exp) of the counted entries, per column: (B, C) -> (C,)."""
    masked = exponents.masked_fill(~counted, -math.inf)
    return torch.logsumexp(torch.cat((masked, masked.new_zeros(1, masked.shape[1]))), dim=0)
