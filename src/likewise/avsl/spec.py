"""AVSLSpec: the settings of an AVSL head in a ModelSpec."""

from typing import Any, Self

from pydantic import Field, model_validator

from likewise.avsl.maps import Certainty, Pooling
from likewise.errors import ConfigError
from likewise.validation_errors import Spec


class AVSLSpec(Spec):
    """Settings of an AVSL head. Defaults are the published ones, except for ``certainty`` (see docs/papers.md).

    >>> AVSLSpec(dim=64, topk=16).flat_dim
    320
    """

    levels: tuple[int | str, ...] = Field(
        (-3, -2, -1),
        min_length=2,
        description="the backbone's levels to read, low (large map) to high: names or numbers, -1 the last; "
        "'final' is the map a plain embedder pools",
    )
    dim: int = Field(512, ge=2, le=8192, description="nodes of each level")
    pooling: Pooling = Field("avg+max", description="how a level's map becomes its embedding")
    topk: int = Field(128, ge=1, description="links a node keeps to the level below")
    momentum: float = Field(0.5, ge=0, lt=1, description="weight of the old links when a batch is blended in")
    gamma: float = Field(10.0, gt=0, description="steepness of the reliability")
    index_p: float = Field(2.0, ge=1, le=4, description="power of the node differences")
    certainty: Certainty = Field(
        "rescaled",
        description="rescaled: 0..1; relative: to its running mean, take gamma 3; published: as released",
    )
    coef: float = Field(1.0, description="start value of the reliability's coefficients")
    bias: float | None = Field(
        None,
        description="start value of the reliability's biases; null: -coef for relative certainty, else 0",
    )

    @model_validator(mode="before")
    @classmethod
    def _count_of_levels(cls, value: Any) -> Any:
        """``levels: 3`` means the last three."""
        count = value.get("levels") if isinstance(value, dict) else None
        return (
            {**value, "levels": tuple(range(-count, 0))}
            if isinstance(count, int) and 0 < count < 100
            else value
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.topk > self.dim:
            raise ConfigError(
                f"avsl.topk is {self.topk}, but a level has only {self.dim} nodes (avsl.dim): "
                f"set topk to {self.dim} or less."
            )
        return self

    @property
    def flat_dim(self) -> int:
        """Length of the flat row of an image."""
        return (2 * len(self.levels) - 1) * self.dim

    @property
    def start_bias(self) -> float:
        """Start value of the biases: with relative certainty, an average pair starts at reliability 1/2."""
        if self.bias is not None:
            return self.bias
        return -self.coef if self.certainty == "relative" else 0.0
