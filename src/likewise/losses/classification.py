"""Losses that learn one or more vectors per class and compare embeddings with those.

All compare L2-normalised embeddings with L2-normalised class vectors. Defaults are those of
pytorch-metric-learning 2.9 (ArcFace, CosFace: margins and scales of their papers).
"""

import math
from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from pytorch_metric_learning import losses
from torch import Tensor, nn
from typing_extensions import override

from likewise.losses.entry import Distance, Kind, LossParams

SMALLEST_SINE_SQUARED = 1e-7  # about float32's step at cosine 1


class _Classification(LossParams):
    kind: ClassVar[Kind] = "classification"
    distance: ClassVar[Distance] = "cosine"
    takes_memory: ClassVar[bool] = False
    indexes_classes: ClassVar[bool] = True
    images_per_class: ClassVar[int] = 1


class NormalizedSoftmax(_Classification):
    """Cross-entropy over the cosines with the class vectors, divided by a temperature."""

    source: ClassVar[str] = "Wang et al. 2017; Zhai & Wu, BMVC 2019"
    learns: ClassVar[str] = "one vector per class"
    temperature: float = Field(0.05, gt=0, description="divides the cosines")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.NormalizedSoftmaxLoss(num_classes, dim, temperature=self.temperature)


class CosFace(_Classification):
    """Cross-entropy over cosines, the true class's reduced by a margin."""

    source: ClassVar[str] = "Wang et al., CVPR 2018"
    learns: ClassVar[str] = "one vector per class"
    margin: float = Field(0.35, ge=0, le=2, description="taken off the true class's cosine")
    scale: float = Field(64.0, gt=0, description="multiplies the cosines")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.CosFaceLoss(num_classes, dim, margin=self.margin, scale=self.scale)


class ArcFace(_Classification):
    """Cross-entropy over cosines, the true class's angle widened by a margin."""

    source: ClassVar[str] = "Deng et al., CVPR 2019"
    learns: ClassVar[str] = "one vector per class"
    margin: float = Field(28.6, ge=0, le=90, description="added to the true class's angle, in degrees")
    scale: float = Field(64.0, gt=0, description="multiplies the cosines")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return _SafeArcFace(num_classes, dim, margin=self.margin, scale=self.scale)


class _SafeArcFace(losses.ArcFaceLoss):  # type: ignore[misc]  # the library is untyped
    """The library's ArcFace without its arccosine, whose gradient is infinite where a cosine reaches 1."""

    def modify_cosine_of_target_classes(self, cosine: Tensor) -> Tensor:
        margin = float(self.margin)
        cosine = cosine.clamp(-1, 1)
        sine = (1 - cosine.square()).clamp_min(SMALLEST_SINE_SQUARED).sqrt()
        widened = cosine * math.cos(margin) - sine * math.sin(margin)
        beyond = cosine - margin * math.sin(margin)  # past pi - margin the widened cosine would rise again
        return torch.where(cosine >= -math.cos(margin), widened, beyond)


class ProxyNCA(_Classification):
    """Softmax over negative squared distances to the class proxies, the true one included."""

    distance: ClassVar[Distance] = "euclidean"
    source: ClassVar[str] = "Movshovitz-Attias et al., ICCV 2017"
    learns: ClassVar[str] = "one proxy per class"
    softmax_scale: float = Field(1.0, gt=0, description="multiplies the squared distances")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.ProxyNCALoss(num_classes, dim, softmax_scale=self.softmax_scale)


class ProxyAnchor(_Classification):
    """Each class proxy pulls its images of the batch and pushes the others, the hardest most."""

    source: ClassVar[str] = "Kim et al., CVPR 2020"
    learns: ClassVar[str] = "one proxy per class"
    margin: float = Field(0.1, ge=0, le=1, description="cosine wanted above +margin and below -margin")
    alpha: float = Field(32.0, gt=0, description="sharpness")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.ProxyAnchorLoss(num_classes, dim, margin=self.margin, alpha=self.alpha)


class SoftTriple(_Classification):
    """Normalised softmax with several centres per class; near centres have more weight."""

    source: ClassVar[str] = "Qian et al., ICCV 2019"
    learns: ClassVar[str] = "several centres per class"
    centers_per_class: int = Field(10, ge=1, le=100, description="centres a class")
    la: float = Field(20.0, gt=0, description="multiplies the similarities")
    gamma: float = Field(0.1, gt=0, description="temperature of the choice among a class's centres")
    margin: float = Field(0.01, ge=0, le=1, description="taken off the true class's similarity")
    center_weight: float = Field(0.0, ge=0, description="weight that merges a class's centres (paper: 0.2)")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        library = losses.SoftTripleLoss(
            num_classes,
            dim,
            centers_per_class=self.centers_per_class,
            la=self.la,
            gamma=self.gamma,
            margin=self.margin,
        )
        return (
            _MergingCenters(library, self.center_weight) if self.center_weight else cast(nn.Module, library)
        )


class _MergingCenters(nn.Module):
    """SoftTriple plus its regulariser, class by class: the library's needs (classes x centres)^2 memory."""

    def __init__(self, loss: nn.Module, weight: float) -> None:
        super().__init__()
        self.soft_triple = loss
        self.weight = weight

    def forward(self, embeddings: Tensor, labels: Tensor, indices_tuple: object = None) -> Tensor:
        loss = self.soft_triple
        plain: Tensor = loss(embeddings, labels, indices_tuple)
        fc, classes, each = (
            cast(Tensor, loss.fc),
            cast(int, loss.num_classes),
            cast(int, loss.centers_per_class),
        )
        return plain + self.weight * center_spread(fc.t().reshape(classes, each, -1))


def center_spread(centers: Tensor) -> Tensor:
    """Mean distance between centres of the same class, halved: SoftTriple's regulariser.

    Args:
        centers: (classes, centres, D), not normalised.

    Returns:
        Sum over the unordered pairs of a class of ``sqrt(2 - 2 cos)``, divided by (classes x centres x
        (centres - 1)), as in equation 9 of the paper; 0 with one centre per class.
    """
    classes, each, _ = centers.shape
    if each == 1:
        return centers.sum() * 0
    unit = nn.functional.normalize(centers, dim=2)
    cosine = unit @ unit.transpose(1, 2)
    first, second = torch.triu_indices(each, each, offset=1, device=centers.device)
    apart = (2 - 2 * cosine[:, first, second]).clamp_min(1e-12)  # the root's gradient is infinite at 0
    return apart.sqrt().sum() / (classes * each * (each - 1))
