"""What makes the end of a transformer linear: attention weights, lengths and standard deviations are held.

:class:`Held` watches the functions that torch runs in the current thread. Before the last block it keeps the queries,
keys and values of each attention. Behind the last block it holds, as constants, what is not linear in the tokens:
attention weights, the statistics of layer norms and the length of vectors.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from likewise.errors import ModelError

_LENGTHS = (torch.norm, torch.linalg.norm, torch.linalg.vector_norm, Tensor.norm, torch.rsqrt, Tensor.rsqrt)


@dataclass(frozen=True)
class Attention:
    """One attention of a forward pass.

    Attributes:
        query: Per head ``(B, H, Q, d)``.
        key: ``(B, H, T, d)``.
        value: ``(B, H, T, d)``.
        mask: Mask that is added to the logits, or the keys that count. None: all.
        scale: Factor of the logits; None is 1 / sqrt(d).
        mixed: ``(B, H, Q, d)``, the values averaged by the attention weights.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    scale: float | None
    mixed: Tensor

    def weights(self, queries: Tensor) -> Tensor:
        """The attention weights ``(B, H, len(queries), T)`` of some queries, given by number; rows sum to 1."""
        scale = self.query.shape[-1] ** -0.5 if self.scale is None else self.scale
        logits = self.query[:, :, queries] @ self.key.transpose(-2, -1) * scale
        if self.mask is not None:
            mask = self.mask.expand(*logits.shape[:2], self.query.shape[2], -1)[:, :, queries]
            logits = logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask
        return logits.softmax(-1)


class Held(TorchFunctionMode):
    """Records the attentions of one forward pass, and holds what is not linear once ``tail`` is True.

    Args:
        earlier: Of a pass over the same images whose constants are used again. What attentions of the tail give is
            halved then, to see whether the embedding is linear in it.

    Attributes:
        attentions: In the order in which they ran, those of the blocks first.
        tail: Whether the pass is behind the last block.
    """

    def __init__(self, earlier: "Held | None" = None) -> None:
        super().__init__()
        self.attentions: list[Attention] = []
        self.tail = False
        self._share = 1.0 if earlier is None else 0.5
        self._constants: list[Any] = []
        self._replayed: Iterator[Any] | None = None if earlier is None else iter(earlier._constants)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run ``func``, or what stands for it."""
        options: dict[str, Any] = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._attention(*args, **options)
        if func is F.multi_head_attention_forward:
            return self._packed_attention(*args, **options)
        if self.tail:
            if func is F.layer_norm:
                return self._layer_norm(*args, **options)
            if func is F.normalize:
                return self._normalize(*args, **options)
            if func in _LENGTHS:
                return self.held(func(*args, **options).detach())
        return func(*args, **options)

    def held(self, constant: Any) -> Any:
        """A constant of this pass; in a pass that follows an earlier one, the constant of that."""
        if self._replayed is not None:
            return next(self._replayed)
        self._constants.append(constant)
        return constant

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **options: Any) -> Tensor:
        arguments = {**dict(zip(("attn_mask", "dropout_p", "is_causal"), args, strict=False)), **options}
        if arguments.get("is_causal"):
            raise ModelError("its attention is causal, as that of language models")
        if key.shape[1] != query.shape[1]:
            groups = query.shape[1] // key.shape[1]
            key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        if self.tail:
            query, key = self.held((query.detach(), key.detach()))
        mask, scale = self.masked(arguments.get("attn_mask"), key), arguments.get("scale")
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
        self.ran(Attention(query, key, value, mask, scale, mixed))
        return mixed * self._share if self.tail else mixed

    def masked(self, mask: Tensor | None, key: Tensor) -> Tensor | None:  # noqa: ARG002 - for subclasses
        """The mask of an attention over keys ``(B, H, T, d)``: its own."""
        return mask

    def ran(self, attention: Attention) -> None:
        """Keep an attention."""
        self.attentions.append(attention)

    def _packed_attention(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **options: Any) -> Any:
        """``nn.MultiheadAttention`` in steps, because torch runs it as one operation: tokens first, ``(T, B, D)``."""
        names = ("embed_dim_to_check", "num_heads", "in_proj_weight", "in_proj_bias", "bias_k", "bias_v",
                 "add_zero_attn", "dropout_p", "out_proj_weight", "out_proj_bias")  # fmt: skip
        arguments = {**dict(zip(names, args, strict=False)), **options}
        if arguments.get("use_separate_proj_weight") or arguments.get("bias_k") is not None:
            raise ModelError("its attention has keys and values of different widths")
        heads, weight, bias = arguments["num_heads"], arguments["in_proj_weight"], arguments["in_proj_bias"]
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        split = [
            F.linear(tokens, part, add).reshape(*tokens.shape[:2], heads, -1).permute(1, 2, 0, 3)
            for tokens, part, add in zip((query, key, value), weight.chunk(3), biases, strict=True)
        ]
        mixed = self._attention(*split, attn_mask=arguments.get("attn_mask"))
        joined = mixed.permute(2, 0, 1, 3).flatten(-2)
        return F.linear(joined, arguments["out_proj_weight"], arguments["out_proj_bias"]), None

    def _layer_norm(self, tokens: Tensor, _: Any, *args: Any, **options: Any) -> Tensor:
        arguments = {**dict(zip(("weight", "bias", "eps"), args, strict=False)), **options}
        weight, bias, eps = arguments.get("weight"), arguments.get("bias"), arguments.get("eps", 1e-5)
        deviation = self.held((tokens.detach().var(-1, unbiased=False, keepdim=True) + eps).sqrt())
        scaled = (tokens - tokens.mean(-1, keepdim=True)) / deviation
        scaled = scaled if weight is None else scaled * weight
        shifted: Tensor = scaled if bias is None else scaled + bias
        return shifted

    def _normalize(
        self, vectors: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_: Any
    ) -> Tensor:
        length: Tensor = self.held(vectors.detach().norm(p, dim, keepdim=True).clamp_min(eps))
        return vectors / length
