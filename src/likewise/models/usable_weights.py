"""Weights that a network can work with: ordinary dense numbers, every one of them finite."""

from collections.abc import Mapping

import torch
from torch import Tensor

from likewise.errors import ModelError


def check_weights(state: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors that a network would take without a word and answer with nonsense, or not at all.

    Args:
        state: Names and weights.
        source: Source of the weights, for messages.

    Raises:
        ModelError: A tensor is sparse, complex, quantised or without values, or contains NaN or infinity; the sentence
            names the first one.
    """
    for name, tensor in state.items():
        kind = _unusable(tensor)
        if kind is not None:
            raise ModelError(f"{source}: '{name}' {kind}: save the weights again as an ordinary state dict.")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            count = int((~torch.isfinite(tensor)).sum())
            raise ModelError(
                f"{source}: '{name}' contains {count} values that are NaN or infinite (of {tensor.numel()}): the "
                "training that wrote it diverged; take an earlier checkpoint."
            )


def _unusable(tensor: Tensor) -> str | None:
    if tensor.is_meta:
        return "has a shape but no values (it is on the meta device)"
    if tensor.layout != torch.strided:
        return "is sparse"
    if tensor.is_complex():
        return "contains complex numbers"
    return "is quantised" if tensor.is_quantized else None
