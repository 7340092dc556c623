"""The residual blocks of a vision transformer, whoever built it: timm, transformers or OpenCLIP.

The libraries name the parts of a pre-norm block differently, and that is all they differ in: the tokens get the scaled
output of an attention and then that of an MLP added. A block is recognised by these parts. Whether it adds them up in
this way is checked with numbers when an image is taken apart (`token_trace.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

_ATTENTION = ("attn", "attention", "self_attn")
_PROJECTION = ("proj", "o_proj", "out_proj")
_ATTENTION_SCALE = ("ls1", "gamma_1", "layer_scale1", "ls_1", "lambda_1")
_MLP_SCALE = ("ls2", "gamma_2", "layer_scale2", "ls_2", "lambda_2")
_GAMMA = ("gamma", "lambda1")


@dataclass(frozen=True)
class TokenBlock:
    """One block: tokens + scale * attention, then + scale * mlp.

    Attributes:
        module: The block.
        weight: ``(D, H * d)`` of the linear layer behind the heads.
        bias: ``(D,)`` of it, or None.
        scale: ``(D,)`` of the LayerScale behind the attention, or None.
        mlp: The module whose output is added second.
        mlp_scale: ``(D,)``, or None.
    """

    module: nn.Module
    weight: Tensor
    bias: Tensor | None
    scale: Tensor | None
    mlp: nn.Module
    mlp_scale: Tensor | None


def token_chains(network: nn.Module) -> list[list[TokenBlock]]:
    """The chains of blocks of a network, longest first; a model with a text tower has two.

    Returns:
        Per chain its blocks in order; empty if the network has none.
    """
    chains = [
        [block for block in map(_block, module.children()) if block is not None]
        for module in network.modules()
        if isinstance(module, nn.ModuleList | nn.Sequential)
    ]
    return sorted(filter(None, chains), key=len, reverse=True)


def _block(module: nn.Module) -> TokenBlock | None:
    attention, mlp = _named(module, _ATTENTION), getattr(module, "mlp", None)
    projection = None if attention is None else _named(attention, _PROJECTION)
    if not isinstance(projection, nn.Linear) or not isinstance(mlp, nn.Module):
        return None
    return TokenBlock(
        module=module,
        weight=projection.weight.detach(),
        bias=None if projection.bias is None else projection.bias.detach(),
        scale=_scale(module, _ATTENTION_SCALE),
        mlp=mlp,
        mlp_scale=_scale(module, _MLP_SCALE),
    )


def _scale(module: nn.Module, names: tuple[str, ...]) -> Tensor | None:
    held = _named(module, names)
    if isinstance(held, Tensor):
        return held.detach()
    gamma = None if held is None else _named(held, _GAMMA)
    return gamma.detach() if isinstance(gamma, Tensor) else None


def _named(module: nn.Module, names: tuple[str, ...]) -> Any:
    held: Iterator[Any] = (getattr(module, name, None) for name in names)
    return next((value for value in held if value is not None), None)
