"""Losses on pairs and triplets of a batch: they learn no vector per class.

All compare L2-normalised embeddings. Defaults are those of pytorch-metric-learning 2.9.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pytorch_metric_learning import losses, regularizers
from typing_extensions import override

from likewise.losses.entry import Distance, LossParams
from likewise.losses.rowwise import RowwiseLiftedStructure, RowwiseNTXent

PerAnchor = Annotated[int, Field(ge=1)] | Literal["all"]


class Contrastive(LossParams):
    """Pulls same-class pairs closer than pos_margin and pushes others beyond neg_margin; each side is the
    mean over its pairs that are still wrong.
    """  # noqa: D205

    source: ClassVar[str] = "Hadsell et al., CVPR 2006"
    pos_margin: float = Field(
        0.0, ge=-2, le=2, description="no pull below this distance; negative = pull always"
    )
    neg_margin: float = Field(1.0, ge=0, le=2, description="no push beyond this distance")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.ContrastiveLoss(pos_margin=self.pos_margin, neg_margin=self.neg_margin)


class SNRContrastive(LossParams):
    """Contrastive loss with var(a - b) / var(a) as the distance, where a is the anchor."""

    distance: ClassVar[Distance] = "snr"
    source: ClassVar[str] = "Yuan et al., CVPR 2019"
    pos_margin: float = Field(0.0, ge=-10, le=10, description="no pull below this ratio")
    neg_margin: float = Field(1.0, ge=0, le=10, description="no push beyond this ratio")
    zero_mean_weight: float = Field(0.0, ge=0, description="weight of |sum of the embedding's entries|")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        extra = (
            {
                "embedding_regularizer": regularizers.ZeroMeanRegularizer(),
                "embedding_reg_weight": self.zero_mean_weight,
            }
            if self.zero_mean_weight
            else {}
        )
        return losses.SignalToNoiseRatioContrastiveLoss(
            pos_margin=self.pos_margin, neg_margin=self.neg_margin, **extra
        )


class Triplet(LossParams):
    """Each negative must be farther from the anchor than each positive, by a margin; mean over the triplets
    that are still wrong.
    """  # noqa: D205

    source: ClassVar[str] = "Weinberger & Saul 2009; Schroff et al., CVPR 2015"
    margin: float = Field(0.05, ge=0, le=2, description="how much farther, in Euclidean distance")
    swap: bool = Field(False, description="use the positive-negative distance where it is the smaller one")
    smooth: bool = Field(False, description="log(1 + exp) instead of the hinge")
    triplets_per_anchor: PerAnchor = Field("all", description="this many random triplets an anchor, or all")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.TripletMarginLoss(
            margin=self.margin,
            swap=self.swap,
            smooth_loss=self.smooth,
            triplets_per_anchor=self.triplets_per_anchor,
        )


class Margin(LossParams):
    """Positives closer than beta - margin, negatives farther than beta + margin."""

    source: ClassVar[str] = "Wu et al., ICCV 2017"
    learns: ClassVar[str] = "beta, when learn_beta"
    margin: float = Field(0.2, ge=0, le=2, description="half the gap between positives and negatives")
    beta: float = Field(1.2, gt=0, le=2, description="the boundary (its start value when learnt)")
    nu: float = Field(0.0, ge=0, description="weight that keeps a learnt beta small")
    learn_beta: bool = Field(False, description="learn the boundary")
    triplets_per_anchor: PerAnchor = Field("all", description="this many random triplets an anchor, or all")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.MarginLoss(
            margin=self.margin,
            beta=self.beta,
            nu=self.nu,
            learn_beta=self.learn_beta,
            triplets_per_anchor=self.triplets_per_anchor,
        )


class MarginClass(LossParams):
    """Margin with one learnt boundary per class."""

    source: ClassVar[str] = "Wu et al., ICCV 2017"
    learns: ClassVar[str] = "one beta per class"
    indexes_classes: ClassVar[bool] = True
    margin: float = Field(0.2, ge=0, le=2, description="half the gap between positives and negatives")
    beta: float = Field(1.2, gt=0, le=2, description="start value of the boundaries")
    nu: float = Field(0.0, ge=0, description="weight that keeps the boundaries small")
    triplets_per_anchor: PerAnchor = Field("all", description="this many random triplets an anchor, or all")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.MarginLoss(
            margin=self.margin,
            beta=self.beta,
            nu=self.nu,
            learn_beta=True,
            num_classes=num_classes,
            triplets_per_anchor=self.triplets_per_anchor,
        )


class MultiSimilarity(LossParams):
    """Weights every pair by how hard it is, compared with a base similarity and with the anchor's others."""

    distance: ClassVar[Distance] = "cosine"
    source: ClassVar[str] = "Wang et al., CVPR 2019"
    alpha: float = Field(2.0, gt=0, description="sharpness on positives")
    beta: float = Field(50.0, gt=0, description="sharpness on negatives")
    base: float = Field(0.5, ge=-1, le=1, description="similarity that separates the two")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.MultiSimilarityLoss(alpha=self.alpha, beta=self.beta, base=self.base)


class NTXent(LossParams):
    """Cross-entropy of each positive pair against the negatives of its anchor (InfoNCE)."""

    distance: ClassVar[Distance] = "cosine"
    source: ClassVar[str] = "Sohn, NeurIPS 2016; van den Oord et al. 2018"
    temperature: float = Field(0.07, gt=0, description="divides the similarities")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return RowwiseNTXent(temperature=self.temperature)


class NPair(LossParams):
    """Cross-entropy of one pair per class against the pairs of the other classes in the batch."""

    distance: ClassVar[Distance] = "cosine"
    source: ClassVar[str] = "Sohn, NeurIPS 2016"
    takes_memory: ClassVar[bool] = False
    images_per_class: ClassVar[int] = 2

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.NPairsLoss()


class LiftedStructure(LossParams):
    """Pushes all negatives of both ends of each positive pair at once (log-sum-exp of their hinges)."""

    source: ClassVar[str] = "Oh Song et al., CVPR 2016"
    pos_margin: float = Field(0.0, ge=-2, le=2, description="subtracted from the positive distance")
    neg_margin: float = Field(1.0, ge=0, le=4, description="distance wanted of negatives")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return RowwiseLiftedStructure(neg_margin=self.neg_margin, pos_margin=self.pos_margin)


class FastAP(LossParams):
    """Average precision of the batch, made differentiable with a soft histogram of squared distances."""

    source: ClassVar[str] = "Cakir et al., CVPR 2019"
    takes_memory: ClassVar[bool] = False
    num_bins: int = Field(10, ge=2, le=1000, description="bins over the squared distances 0 to 4")

    @override
    def build(self, num_classes: int, dim: int) -> Any:
        return losses.FastAPLoss(num_bins=self.num_bins)
