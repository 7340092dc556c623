"""Miners: which pairs or triplets of a batch a loss looks at.

A miner measures with its loss's own distance, so that its margins mean what the loss's mean; only
``distance_weighted`` is defined on the Euclidean distance of unit vectors alone.
"""

from typing import Any, ClassVar, Literal

from pydantic import Field
from pytorch_metric_learning import miners
from torch import nn
from typing_extensions import override

from likewise.validation_errors import Spec


class MinerParams(Spec):
    """Base of the parameters of one miner; the docstring of each subclass is its description for users."""

    source: ClassVar[str] = ""
    random: ClassVar[bool] = False

    def build(self, distance: nn.Module) -> Any:  # noqa: ARG002 - the subclasses use it
        """The miner, measuring with ``distance``."""
        raise TypeError(f"{type(self).__name__} does not say how it is built.")


class TripletMargin(MinerParams):
    """Triplets whose negative is not farther than the positive by the margin."""

    source: ClassVar[str] = "Schroff et al., CVPR 2015"
    margin: float = Field(0.2, ge=0, le=2, description="in the loss's distance")
    type_of_triplets: Literal["all", "hard", "semihard", "easy"] = Field(
        "all", description="hard: negative nearer than positive; semihard: farther, but within the margin"
    )

    @override
    def build(self, distance: nn.Module) -> Any:
        return miners.TripletMarginMiner(
            margin=self.margin, type_of_triplets=self.type_of_triplets, distance=distance
        )


class MultiSimilarityMiner(MinerParams):
    """Pairs harder than the anchor's hardest pair of the other sort, give or take epsilon."""

    source: ClassVar[str] = "Wang et al., CVPR 2019"
    epsilon: float = Field(0.1, ge=0, le=2, description="in the loss's distance")

    @override
    def build(self, distance: nn.Module) -> Any:
        return miners.MultiSimilarityMiner(epsilon=self.epsilon, distance=distance)


class DistanceWeighted(MinerParams):
    """Negatives drawn so that every distance is equally likely; positives drawn at random."""

    source: ClassVar[str] = "Wu et al., ICCV 2017"
    random: ClassVar[bool] = True
    cutoff: float = Field(0.5, gt=0, le=2, description="smaller distances count as this one")
    nonzero_loss_cutoff: float = Field(1.4, gt=0, le=2, description="negatives beyond it are not drawn")

    @override
    def build(self, distance: nn.Module) -> Any:
        return miners.DistanceWeightedMiner(cutoff=self.cutoff, nonzero_loss_cutoff=self.nonzero_loss_cutoff)


class BatchHard(MinerParams):
    """For each anchor its farthest positive and its nearest negative."""

    source: ClassVar[str] = "Hermans et al. 2017"

    @override
    def build(self, distance: nn.Module) -> Any:
        return miners.BatchHardMiner(distance=distance)


MINERS: dict[str, type[MinerParams]] = {
    "batch_hard": BatchHard,
    "distance_weighted": DistanceWeighted,
    "multi_similarity": MultiSimilarityMiner,
    "triplet_margin": TripletMargin,
}
