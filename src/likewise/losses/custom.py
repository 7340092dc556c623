"""Losses and miners of users: a torch module becomes an entry of the registry, its arguments the parameters."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

import torch
from pydantic import Field, create_model
from torch import Tensor, nn

from likewise.errors import ConfigError, LikewiseError
from likewise.extensions import what_happened
from likewise.losses.entry import Distance, Kind, LossParams
from likewise.losses.miners import MinerParams

Params = TypeVar("Params", bound=LossParams | MinerParams)

_CLASSES = ("num_classes", "n_classes")
_DIM = ("embedding_size", "dim", "embedding_dim", "feature_dim")
_NO_PARAMETERS = {*_CLASSES, *_DIM, "self", "distance"}


class CustomLoss(LossParams):
    """Base of the parameters of a loss that is a torch module of the user's.

    The module is built with its parameters and, where its ``__init__`` takes arguments of these names, with
    ``num_classes`` and ``embedding_size`` (or ``dim``). Its ``forward`` takes ``(embeddings, labels)``: float32
    ``(B, D)`` with rows of length 1, int64 ``(B,)`` from 0 to num_classes - 1; it returns a scalar. A ``forward`` with
    ``indices_tuple`` can be used with a miner, one with ``ref_emb`` and ``ref_labels`` with a memory, as in
    pytorch-metric-learning. Attributes ``kind`` ("ranking" or "classification") and ``embedding_distance`` ("cosine",
    "euclidean" or "snr") of the class are read.
    """

    module: ClassVar[type[nn.Module]]
    random: ClassVar[bool] = True  # it may draw

    def build(self, num_classes: int, dim: int) -> Any:
        """The module, with its call made like those of likewise."""
        arguments = _arguments(self.module, num_classes, dim)
        return _Adapted(_made(self.module, {**self.model_dump(), **arguments}), self.module.__qualname__)


class CustomMiner(MinerParams):
    """Base of the parameters of a miner that is a class of the user's, with the call of pytorch-metric-learning."""

    made_by: ClassVar[Callable[..., Any]]
    random: ClassVar[bool] = True

    def build(self, distance: nn.Module) -> Any:
        """The miner, measuring with ``distance`` where it takes one."""
        arguments = {"distance": distance} if "distance" in _parameters(type(self).made_by) else {}
        return _made(type(self).made_by, {**self.model_dump(), **arguments})


def adapted_loss(name: str, candidate: Any) -> type[LossParams]:
    """The registry's entry of a user's loss: a LossParams class as it is, a torch module class adapted.

    Raises:
        ConfigError: It is neither, its attributes are not valid, or its forward does not take embeddings and labels.
    """
    if isinstance(candidate, type) and issubclass(candidate, LossParams):
        return candidate
    if not (isinstance(candidate, type) and issubclass(candidate, nn.Module)):
        raise ConfigError(
            f"The loss '{name}' is a {_kind_of(candidate)}: it must be a class derived from torch.nn.Module (or from "
            "likewise.losses.LossParams)."
        )
    if any(base.__module__ == "likewise.losses.similarity_loss" for base in candidate.__mro__):
        raise ConfigError(
            f"The loss '{name}' is derived from SimilarityLoss, which holds a loss and its memory: derive it from "
            "torch.nn.Module."
        )
    takes = _parameters(candidate.forward)
    if len(takes) < 3:
        raise ConfigError(
            f"The loss '{name}' has forward({', '.join(takes)}): it must take embeddings and labels."
        )
    ranks = not set(_CLASSES) & set(_parameters(candidate.__init__))
    kind = _choice(name, candidate, "kind", Kind, "ranking" if ranks else "classification")
    distance = _choice(name, candidate, "embedding_distance", Distance, "cosine")
    attributes = {
        "module": candidate,
        "kind": kind,
        "distance": distance,
        "source": f"{candidate.__module__}.{candidate.__qualname__}",
        "indexes_classes": not ranks,
        "takes_miner": "indices_tuple" in takes,
        "takes_memory": "indices_tuple" in takes and {"ref_emb", "ref_labels"} <= set(takes),
        "images_per_class": 1 if kind == "classification" else 4,
        "__doc__": inspect.getdoc(candidate),
    }
    return _with_fields(candidate, CustomLoss, attributes)


def adapted_miner(name: str, candidate: Any) -> type[MinerParams]:
    """The registry's entry of a user's miner.

    Raises:
        ConfigError: It is not a class.
    """
    if not isinstance(candidate, type):
        raise ConfigError(f"The miner '{name}' is a {_kind_of(candidate)}: it must be a class.")
    if issubclass(candidate, MinerParams):
        return candidate
    source = f"{candidate.__module__}.{candidate.__qualname__}"
    return _with_fields(candidate, CustomMiner, {"made_by": candidate, "source": source})


class _Adapted(nn.Module):
    """A user's loss with the common call signature; arguments that its forward does not take are omitted."""

    def __init__(self, loss: nn.Module, name: str) -> None:
        super().__init__()
        self.loss = loss
        self._name = name
        self._takes = set(_parameters(type(loss).forward))

    @property
    def distance(self) -> nn.Module:
        """Distance of a miner: the ``distance`` of the loss, otherwise cosine."""
        from pytorch_metric_learning.distances import CosineSimilarity

        distance = getattr(self.loss, "distance", None)
        return distance if isinstance(distance, nn.Module) else cast(nn.Module, CosineSimilarity())

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor,
        indices_tuple: object = None,
        ref_emb: Tensor | None = None,
        ref_labels: Tensor | None = None,
    ) -> Tensor:
        more = {"indices_tuple": indices_tuple, "ref_emb": ref_emb, "ref_labels": ref_labels}
        options = {key: value for key, value in more.items() if key in self._takes and value is not None}
        try:
            value = self.loss(embeddings, labels, **options)
        except LikewiseError:
            raise
        except Exception as error:  # code of the user's may raise anything
            raise ConfigError(
                f"The loss {self._name} failed on embeddings {tuple(embeddings.shape)} and labels "
                f"{tuple(labels.shape)}: {what_happened(error)}"
            ) from error
        if not isinstance(value, Tensor) or value.numel() != 1 or not value.is_floating_point():
            returned = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ConfigError(
                f"The loss {self._name} must return one floating-point number, but returned {returned}."
            )
        if torch.is_grad_enabled() and embeddings.requires_grad and not value.requires_grad:
            raise ConfigError(
                f"The loss {self._name} returned a number that does not depend on the embeddings: compute it with "
                "torch operations, without .item(), .detach() or no_grad."
            )
        return value


def _with_fields(source: Any, base: type[Params], attributes: dict[str, Any]) -> type[Params]:
    """A subclass of ``base`` whose fields are the arguments of the class ``source``."""
    fields: dict[str, Any] = {}
    for key, parameter in _parameters(source.__init__).items():
        if key in _NO_PARAMETERS or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        kind = parameter.annotation if parameter.annotation in (bool, float, int, str) else Any
        fields[key] = (kind, Field(default))
    params = create_model(source.__name__, __base__=base, **fields)
    for key, value in attributes.items():
        setattr(params, key, value)
    return params


def _arguments(module: type[nn.Module], num_classes: int, dim: int) -> dict[str, int]:
    takes = _parameters(module.__init__)
    return {
        **{key: num_classes for key in _CLASSES if key in takes},
        **{key: dim for key in _DIM if key in takes},
    }


def _made(make: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        return make(**arguments)
    except LikewiseError:
        raise
    except Exception as error:  # code of the user's may raise anything
        name = getattr(make, "__qualname__", str(make))
        raise ConfigError(f"{name} cannot be built with {arguments}: {what_happened(error)}") from error


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def _choice(name: str, candidate: Any, attribute: str, allowed: Any, default: str) -> str:
    value = getattr(candidate, attribute, default)
    if value not in allowed.__args__:
        raise ConfigError(
            f"The loss '{name}' has {attribute} {value!r}: it must be one of {', '.join(allowed.__args__)}."
        )
    return str(value)


def _kind_of(value: Any) -> str:
    return "function" if inspect.isfunction(value) else type(value).__name__
