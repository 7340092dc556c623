"""SimilarityLoss: one module for every loss, miner and memory of the registry; ``create`` makes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, cast

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.bounds import Count, Seed
from likewise.errors import ConfigError, InputError
from likewise.losses.entry import Distance, Kind, LossParams
from likewise.losses.memory import EmbeddingMemory, Indices, without_self
from likewise.losses.spec import LossSpec
from likewise.seeds import derived_seed

if TYPE_CHECKING:
    from likewise.avsl.head import AVSLHead


class SimilarityLoss(nn.Module):
    """A loss with its miner and memory.

    It computes in float32 whatever the precision around it, draws every random choice from its own seed and
    step counter, and keeps all state (class vectors, memory, counter) in its state dict. In eval mode the
    memory is neither read nor written and the counter does not change.

    Args:
        spec: what to build.
        num_classes: classes of the training set; labels are 0 to num_classes - 1.
        dim: length of the embeddings.
        seed: of the class vectors and of random miners.
        head: the AVSL head, for the losses that compare through one.
    """

    step: Tensor

    def __init__(
        self, spec: LossSpec, num_classes: int, dim: int, seed: int = 0, head: "AVSLHead | None" = None
    ) -> None:
        super().__init__()
        params = spec.typed_params()
        self.spec = spec
        self.kind: Kind = params.kind
        self.distance: Distance = params.distance
        self.num_classes = num_classes
        self.dim = dim
        self.seed = seed
        self._indexes_classes = params.indexes_classes
        self._draws = _draws(spec, params)
        with _seeded(derived_seed(seed, "loss weights", spec.name)):
            self.loss = _built(spec, num_classes, dim, seed=seed, head=head)
        self.miner = spec.miner.typed_params().build(_distance_of(self.loss)) if spec.miner else None
        self.memory = EmbeddingMemory(spec.memory, dim) if spec.memory else None
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, embeddings: Tensor, labels: ArrayLike) -> Tensor:
        """The loss of one batch (under several processes: of the whole gathered batch).

        Args:
            embeddings: (B, D), any float type; normalised or not (every loss but AVSL's normalises).
            labels: (B,) whole numbers in any form (tensor, NumPy array, list, pandas column) and type; 0 to
                num_classes - 1 where the loss learns weights.

        Returns:
            A float32 scalar, 0 if the batch contains nothing to compare; always part of the graph.

        Raises:
            InputError: wrong shapes or types, or a label the loss has no weights for.
            ConfigError: a memory smaller than the batch.
        """
        classes = _class_numbers(labels)
        self._check(embeddings, classes)
        classes = classes.to(embeddings.device)
        with torch.autocast(embeddings.device.type, enabled=False), self._repeatable():
            value = self._value(embeddings.float(), classes)
            if self.kind == "ranking":  # a batch without pairs must still give a learnt beta its gradient, 0
                value = value + sum(parameter.sum() * 0 for parameter in self.loss.parameters())
        if self.training:
            self.step += 1
        return value

    def _value(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        if self.memory is not None and self.training:
            positions = self.memory.add(embeddings, labels)
            others, other_labels = self.memory.content()
            indices = self._mined(embeddings, labels, others, other_labels)
            indices = without_self(indices or _all_pairs(labels, other_labels), positions)
            value = self.loss(embeddings, labels, indices, others, other_labels)
        else:
            value = self.loss(embeddings, labels, self._mined(embeddings, labels))
        return cast(Tensor, value).reshape(())

    def _mined(
        self,
        embeddings: Tensor,
        labels: Tensor,
        others: Tensor | None = None,
        other_labels: Tensor | None = None,
    ) -> Indices | None:
        if self.miner is None:
            return None
        return cast(Indices, self.miner(embeddings, labels, others, other_labels))

    def _check(self, embeddings: Tensor, labels: Tensor) -> None:
        if not isinstance(embeddings, Tensor) or not embeddings.is_floating_point():
            kind = embeddings.dtype if isinstance(embeddings, Tensor) else type(embeddings).__name__
            raise InputError(
                f"The {self.spec.name} loss was given embeddings of type {kind}, but needs a tensor of floating-point "
                "numbers, as a model's forward pass returns it."
            )
        if embeddings.ndim != 2 or embeddings.shape[1] != self.dim or labels.shape != embeddings.shape[:1]:
            raise InputError(
                f"The {self.spec.name} loss was given embeddings {tuple(embeddings.shape)} and labels "
                f"{tuple(labels.shape)}, but was created for (batch, {self.dim}) and (batch,): "
                "create it with the dimension of the model."
            )
        if not self._indexes_classes or not len(labels):
            return
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= self.num_classes:
            raise InputError(
                f"The {self.spec.name} loss was given labels {low} to {high}, but was created for "
                f"{self.num_classes} classes: number the labels 0 to {self.num_classes - 1}."
            )

    @contextmanager
    def _repeatable(self) -> Iterator[None]:
        """Random draws that depend on seed and step alone: the same on every rank and after a resume."""
        if not self._draws:
            yield
            return
        with _seeded(derived_seed(self.seed, "loss draws", int(self.step)), self.step.device):
            yield


def _class_numbers(labels: ArrayLike) -> Tensor:
    """Labels in any form as int64; other values than integers are refused."""
    try:
        numbers = labels if isinstance(labels, Tensor) else torch.from_numpy(as_numbers(labels, "labels"))
    except InputError as error:
        raise InputError(
            f"{str(error).rstrip('.')}: number the classes, for example with numpy.unique(labels, "
            "return_inverse=True)[1]."
        ) from error
    if numbers.is_complex():
        raise InputError("labels must be whole numbers, but hold complex numbers.")
    integers = numbers.long()
    if numbers.is_floating_point() and not torch.equal(integers.to(numbers.dtype), numbers):
        wrong = numbers[integers.to(numbers.dtype) != numbers].flatten()[0].item()
        raise InputError(f"labels must be whole numbers, one class number per image, but hold {wrong}.")
    return integers


@checked
def create(
    spec: LossSpec | str, num_classes: Count, dim: Count, seed: Seed = 0, head: "AVSLHead | None" = None
) -> SimilarityLoss:
    """Builds a loss.

    Args:
        spec: a LossSpec, or a loss's name (all defaults).
        num_classes: classes of the training set.
        dim: length of the embeddings.
        seed: of the class vectors and of random miners.
        head: the model's AVSL head, for ``avsl_*`` losses.

    Raises:
        ConfigError: unknown name; an AVSL loss without its head, or another loss with one; a number below 1.
    """
    spec = LossSpec(name=spec) if isinstance(spec, str) else spec
    return SimilarityLoss(spec, num_classes, dim, seed, head)


def _built(spec: LossSpec, num_classes: int, dim: int, *, seed: int, head: "AVSLHead | None") -> nn.Module:
    name, params = spec.name, spec.typed_params()
    if params.needs_head:
        if head is None:
            raise ConfigError(f"Loss {name!r} compares through an AVSL head: set model.head to 'avsl'.")
        return cast(nn.Module, params.build_with_head(num_classes, head, seed))
    if head is not None:
        raise ConfigError(
            f"Loss {name!r} compares plain vectors, but the model has an AVSL head: "
            "take loss 'avsl_proxy_anchor' or 'avsl_margin', or set model.head to 'linear'."
        )
    return cast(nn.Module, params.build(num_classes, dim))


def _draws(spec: LossSpec, params: LossParams) -> bool:
    """Whether the loss or its miner uses random numbers."""
    return params.draws or (spec.miner is not None and spec.miner.typed_params().random)


def _distance_of(loss: nn.Module) -> nn.Module:
    inner = getattr(loss, "soft_triple", loss)
    return cast(nn.Module, inner.distance)


def _all_pairs(labels: Tensor, other_labels: Tensor) -> Indices:
    same = labels[:, None] == other_labels[None, :]
    return (*torch.where(same), *torch.where(~same))


@contextmanager
def _seeded(seed: int, device: torch.device | Literal["cpu"] = "cpu") -> Iterator[None]:
    """Torch's generators seeded inside, and as they were outside."""
    device = torch.device(device)
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            torch.cuda.default_generators[device.index or 0].manual_seed(seed)
        yield
