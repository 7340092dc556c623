"""One global batch over several processes: gather every process's rows so that all compute the same loss.

Each process then has the gradient of the whole loss with respect to its own rows, times the number of
processes (the backward pass of the gathering sums over them); averaging the parameters' gradients, as
DistributedDataParallel does, gives exactly the gradient of one process with the whole batch.
"""

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils._pytree import tree_map

T = TypeVar("T")


def active() -> bool:
    """Whether this is one of several processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather_rows(values: Any) -> Any:
    """Rows of all processes, in the order of their ranks, for a tensor or any structure of tensors.

    Processes may hold different numbers of rows (a bad image makes a batch smaller). Gradients flow
    through floating-point tensors. With one process the values are returned unchanged.
    """
    return tree_map(_gather, values) if active() else values


def gather_objects(value: T) -> list[T]:
    """The values of all processes, in the order of their ranks; with one process, a list of length one."""
    if not active():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def _gather(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    sizes = _sizes(len(value), value.device)
    longest = max(sizes)
    padded = torch.cat([value, value.new_zeros(longest - len(value), *value.shape[1:])])
    parts: tuple[Tensor, ...] = _Gather.apply(padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def _sizes(length: int, device: torch.device) -> list[int]:
    own_size = torch.tensor([length], device=device)
    every = [torch.empty_like(own_size) for _ in range(dist.get_world_size())]
    dist.all_gather(every, own_size)
    return [int(size) for size in every]


class _Gather(torch.autograd.Function):
    """All processes' tensors of one shape; the gradient of each is summed over the processes."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> tuple[Tensor, ...]:
        parts = [torch.empty_like(value) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, value.contiguous())
        if not value.is_floating_point():
            ctx.mark_non_differentiable(*parts)
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004 - autograd passes it
        summed = torch.stack(gradients)
        dist.all_reduce(summed)
        return summed[dist.get_rank()]
