"""ModelSpec: the validated description of a similarity model's network.

It says how to build the network; saved with the weights, it lets a folder be loaded again.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from likewise.avsl.spec import AVSLSpec
from likewise.data.preprocessing import Preprocessing
from likewise.validation_errors import Spec

PoolingName = Literal["avg", "max", "gem", "avg+max", "native"]
FrozenBatchNorm = Literal["none", "statistics", "all"]


class ModelSpec(Spec):
    """Specification of a similarity model.

    >>> ModelSpec(backbone="resnet50", dim=128, frozen_batch_norm="statistics").pooling
    'avg'
    """

    backbone: str = Field(
        description="a timm name such as 'resnet50.a1_in1k', 'bn_inception', 'likewise:small', "
        "or package.module:Name of your own"
    )
    weights: Path | None = Field(None, description="local weights file of the backbone (.safetensors, .pth)")
    pretrained: bool = Field(
        False,
        description="load the backbone's published weights: downloads them, except for 'likewise:small'; of no meaning "
        "for one of your own",
    )
    pooling: PoolingName = Field(
        "avg",
        description="last feature map -> vector; avg+max is their sum; 'native' is what the backbone does "
        "(class token, attention pooling)",
    )
    dim: int | None = Field(
        512, ge=1, le=65536, description="size of the embedding; null: the pooled features"
    )
    head: Literal["linear", "avsl"] = Field("linear", description="layer on the feature maps")
    avsl: AVSLSpec | None = Field(None, description="settings of the AVSL head; null: its defaults")
    frozen_batch_norm: FrozenBatchNorm = Field(
        "none",
        description="in training: 'statistics' keeps running mean and variance, scale and shift learn; "
        "'all' keeps scale and shift too",
    )
    preprocessing: Preprocessing | None = Field(None, description="null: that of the backbone")

    @model_validator(mode="after")
    def _consistent(self) -> "ModelSpec":
        if self.avsl is not None and self.head != "avsl":
            raise ValueError(
                "avsl settings are given, but head is 'linear': set head to 'avsl' or leave avsl out"
            )
        if self.weights is not None and self.pretrained:
            raise ValueError("weights and pretrained exclude each other: leave one out")
        return self

    def identity(self) -> dict[str, Any]:
        """Settings that affect the embedding, as JSON values: no file names, no training settings."""
        return self.model_dump(mode="json", exclude={"weights", "pretrained", "frozen_batch_norm"})
