"""The two losses of an AVSL head, as entries of the registry; the mathematics is in ``likewise.avsl.losses``.

Defaults are the published values (papers: CUB-200) with the corrected wiring; ``docs/papers.md`` has the list.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from likewise.avsl.head import AVSLHead
from likewise.avsl.losses import AVSLMarginLoss, AVSLProxyAnchorLoss
from likewise.losses.entry import Distance, Kind, LossParams

Weight = Annotated[float, Field(ge=0)]


class _AVSL(LossParams):
    distance: ClassVar[Distance] = "avsl"
    source: ClassVar[str] = "Zhang et al., Attributable Visual Similarity Learning, CVPR 2022"
    takes_memory: ClassVar[bool] = False
    takes_miner: ClassVar[bool] = False
    needs_head: ClassVar[bool] = True
    indexes_classes: ClassVar[bool] = True

    level_weights: tuple[Weight, ...] = Field(
        (0.5, 1.0, 0.5), description="weight of each level's own loss, lowest level first"
    )
    final_weight: Weight = Field(1.0, description="weight of the loss on the whole top-down distance")
    detached: bool = Field(
        False, description="as published: the loss on the whole distance trains coef and bias alone"
    )


class AVSLProxyAnchor(_AVSL):
    """Proxy-Anchor on the squared distance of each level and on the top-down distance of an AVSL head."""

    kind: ClassVar[Kind] = "classification"
    learns: ClassVar[str] = "one proxy per class and level"
    images_per_class: ClassVar[int] = 1

    alpha: float = Field(16.0, gt=0, description="sharpness on squared distances (32 on cosines is 16 here)")
    pos_margin: float = Field(1.8, ge=0, le=4, description="positives wanted below (2 - 2 x 0.1)")
    neg_margin: float = Field(2.2, ge=0, le=4, description="negatives wanted above (2 + 2 x 0.1)")
    final_neg_margin: float | None = Field(
        None, ge=0, le=4, description="the same for the whole distance; none = neg_margin (SOP: 2.4 and 2.2)"
    )
    proxies: Literal["auto", "all", "present"] = Field(
        "auto",
        description="compare with all proxies or those of the batch's classes; auto: present above 1000",
    )

    @override
    def build_with_head(self, num_classes: int, head: AVSLHead, seed: int) -> Any:
        return AVSLProxyAnchorLoss(head, num_classes, **dict(self))


class AVSLMargin(_AVSL):
    """Margin loss with learnt boundaries, on each level and on the top-down distance of an AVSL head."""

    kind: ClassVar[Kind] = "ranking"
    learns: ClassVar[str] = "one beta per class and level, and one per class for the whole distance"
    every_class_needs_two: ClassVar[bool] = True

    margin: float = Field(0.2, ge=0, le=2, description="half the gap between positives and negatives")
    beta: float = Field(1.2, gt=0, le=4, description="start value of the boundaries")
    cutoff: float = Field(0.5, ge=0, le=4, description="negatives nearer than this are not chosen")
    squared: bool = Field(False, description="as published: squared distances in a loss tuned for plain ones")
    published_wiring: bool = Field(
        False,
        description="as published: the first weight meets the whole distance, the others one level lower",
    )

    @override
    def build_with_head(self, num_classes: int, head: AVSLHead, seed: int) -> Any:
        return AVSLMarginLoss(head, num_classes, seed, **dict(self))
