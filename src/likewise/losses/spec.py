"""LossSpec: the validated description of a loss, as used in an Experiment.

loss: {name: arcface, params: {margin: 28.6, scale: 64}}
loss: {name: multi_similarity, miner: {name: multi_similarity, params: {epsilon: 0.1}}, memory: 4096}
"""

from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from likewise.errors import ConfigError
from likewise.losses.entry import Distance, Kind, LossParams
from likewise.losses.miners import MinerParams
from likewise.losses.registry import is_known_loss, is_known_miner, loss_params, miner_params
from likewise.validation_errors import Spec, sentence


class MinerSpec(Spec):
    """A miner and its parameters; missing parameters take their defaults."""

    name: str = Field(description="one of likewise.losses.miner_names()")
    params: dict[str, Any] = Field(default_factory=dict, description="the miner's own parameters")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        return _filled(value, "miner")

    def typed_params(self) -> MinerParams:
        """The parameters as the miner's own model."""
        return miner_params(self.name)(**self.params)


class LossSpec(Spec):
    """A loss, its parameters, and optionally a miner and a cross-batch memory.

    ``params`` is filled with the loss's defaults, so that a written Experiment shows and keeps every value. A name that
    is a reference to untrusted code is kept unchecked, so that files with references can be read; building such a
    loss is refused.

    Raises:
        ConfigError: unknown loss, miner or parameter (names the nearest valid one), a value out of range, or
            a memory or miner on a loss that cannot use one.
    """

    name: str = Field(description="one of likewise.losses.names()")
    params: dict[str, Any] = Field(default_factory=dict, description="the loss's own parameters")
    miner: MinerSpec | None = Field(None, description="which pairs or triplets the loss looks at; none = all")
    memory: int | None = Field(None, ge=1, description="embeddings of earlier batches to compare with")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        return _filled(value, "loss")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not is_known_loss(self.name):
            return self
        entry = loss_params(self.name)
        if self.memory is not None and not entry.takes_memory:
            raise ConfigError(
                f"loss.memory is {self.memory}, but {self.name!r} cannot compare with remembered embeddings: "
                "leave memory out, or take a pair loss such as contrastive or multi_similarity."
            )
        if self.miner is not None and not entry.takes_miner:
            raise ConfigError(
                f"loss.miner is {self.miner.name!r}, but {self.name!r} chooses its pairs itself: "
                "leave miner out."
            )
        return self

    @property
    def kind(self) -> Kind:
        """Whether the loss compares images with images (ranking) or with class vectors (classification)."""
        return loss_params(self.name).kind

    @property
    def distance(self) -> Distance:
        """The distance that the loss trains, and in which its embeddings should be compared."""
        return loss_params(self.name).distance

    def typed_params(self) -> LossParams:
        """The parameters as the loss's own model."""
        return loss_params(self.name)(**self.params)


def _filled(value: Any, kind: str) -> Any:
    """``value`` with the params checked and completed by the model of the named loss or miner."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return value  # pydantic says what is wrong
    name, params = value["name"], value.get("params") or {}
    if not (is_known_loss(name) if kind == "loss" else is_known_miner(name)):
        return value
    model: type[BaseModel] = loss_params(name) if kind == "loss" else miner_params(name)
    if not isinstance(params, dict):
        return value
    try:
        return {**value, "params": model.model_validate(params).model_dump(mode="json")}
    except ValidationError as error:
        raise ConfigError(sentence(error, model, f"{kind} {name!r}")) from None
