"""One forward pass of a vision transformer, kept so that its embedding can be taken apart over image tokens.

In a pre-norm transformer the tokens behind the last block are a sum of what the blocks have written to them. What
follows (a norm, a pooling, linear layers) is linear as long as its statistics are held. So the embedding is a linear
function of what the pooling reads. :func:`trace_tokens` finds this function by differentiating it, and checks it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from likewise.errors import LikewiseError, ModelError
from likewise.extensions import what_happened
from likewise.models.token_blocks import TokenBlock, token_chains
from likewise.models.token_hold import Attention, Held

_TOLERANCE = 1e-3  # relative; float32 through a dozen blocks gives about 1e-5


@dataclass
class BlockPass:
    """What one block did to a batch of images.

    Attributes:
        block: Its parts.
        before: Tokens ``(B, T, D)`` that it got.
        mlp: Output of its MLP, before its scale.
        after: Tokens that it gave.
    """

    block: TokenBlock
    before: Tensor
    mlp: Tensor
    after: Tensor

    @property
    def mlp_added(self) -> Tensor:
        """What its MLP added to the tokens, ``(B, T, D)``."""
        return self.mlp if self.block.mlp_scale is None else self.mlp * self.block.mlp_scale

    def attention_added(self, attention: Attention, queries: Tensor) -> Tensor:
        """What its attention added to some tokens, token by token: ``(B, len(queries), T, D)``, without the bias."""
        shares = attention.weights(queries)[..., None] * attention.value[:, :, None]
        added = shares.permute(0, 2, 3, 1, 4).flatten(-2) @ self.block.weight.T
        return added if self.block.scale is None else added * self.block.scale

    @property
    def bias_added(self) -> Tensor:
        """What the bias behind the heads added to each token, ``(D,)``."""
        weight, bias, scale = self.block.weight, self.block.bias, self.block.scale
        bias = weight.new_zeros(len(weight)) if bias is None else bias
        return bias if scale is None else bias * scale


@dataclass
class TokenTrace:
    """A forward pass of images through a transformer.

    Attributes:
        embeddings: ``(B, dim)``, of length 1 where the model normalises; with a graph back to ``tokens``.
        tokens: ``(B, T, D)`` behind the last block; a leaf of the graph.
        passes: One per block, in order.
        attentions: Attentions of each block, and then of the pooling if it is an attention.
        grid: Rows and columns of image tokens, which are the last ones.
    """

    embeddings: Tensor
    tokens: Tensor
    passes: list[BlockPass]
    attentions: list[Attention]
    grid: tuple[int, int]

    @property
    def prefix(self) -> int:
        """Number of class and register tokens, which come first."""
        return self.tokens.shape[1] - self.grid[0] * self.grid[1]

    @property
    def pooling(self) -> Attention | None:
        """The attention that pools, if one does."""
        return self.attentions[len(self.passes)] if len(self.attentions) > len(self.passes) else None


@torch.enable_grad()
def trace_tokens(network: nn.Module, inputs: Tensor) -> TokenTrace:
    """Run an embedder on normalised images and keep what taking its embedding apart needs.

    The network is not touched. A copy runs that shares its weights, so several threads may trace one network.

    Args:
        network: ``(B, 3, H, W)`` normalised images to ``(B, dim)``.
        inputs: The images, on the network's device.

    Raises:
        ModelError: It has no transformer blocks, they do not add up as pre-norm blocks do, or what follows them is not
            linear.
    """
    for number in range(len(token_chains(network))):
        twin = shared_copy(network)
        watch = _Watch(token_chains(twin)[number])
        _watch_modules(twin, watch)
        embeddings = _run(twin, inputs, watch, Held())
        if watch.passes:
            break
    else:
        raise ModelError("it has no transformer blocks of a known form")
    trace = TokenTrace(embeddings, watch.tokens(), watch.passes, watch.held.attentions, watch.grid())
    _check_blocks(trace)
    _check_linear(twin, inputs, watch, trace)
    return trace


@torch.enable_grad()
def read_tokens(trace: TokenTrace) -> Tensor:
    """Numbers of the tokens behind the last block that the embedding reads: class tokens, all tokens, or both."""
    return _slope(trace, trace.tokens).abs().amax((0, 2)).nonzero()[:, 0]


def _probe(trace: TokenTrace) -> Tensor:
    """A fixed direction ``(dim,)`` in the space of embeddings."""
    return torch.linspace(-1, 1, trace.embeddings.shape[1], device=trace.tokens.device)


def _slope(trace: TokenTrace, leaf: Tensor) -> Tensor:
    """Derivative of the embeddings along the probe."""
    (slope,) = torch.autograd.grad((trace.embeddings * _probe(trace)).sum(), leaf, retain_graph=True)
    return slope


def shared_copy(network: nn.Module) -> nn.Module:
    """A copy of the modules of a network that shares its weights: hooks and modes of the copy are private.

    Raises:
        ModelError: It holds something that cannot be copied.
    """
    tensors = [*network.parameters(), *network.buffers()]
    try:
        twin: nn.Module = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    except Exception as error:  # foreign modules may hold anything
        raise ModelError(f"its modules cannot be copied ({type(error).__name__})") from error
    for module in twin.modules():
        if hasattr(module, "fused_attn"):
            setattr(module, "fused_attn", True)  # noqa: B010  # timm: the form of attention that can be watched
    return twin.eval()


@dataclass
class _Watch:
    """What the hooks of one traced pass write down."""

    blocks: list[TokenBlock]
    passes: list[BlockPass] = field(default_factory=list)
    held: Held = field(default_factory=Held)
    again: bool = False
    share: float = 1.0
    _before: Tensor | None = None
    _mlp: Tensor | None = None
    _patches: tuple[int, int] | None = None
    _leaf: Tensor | None = None

    def started(self, _: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._before = args[0] if args else next(iter(options.values()))

    def ran_mlp(self, _: nn.Module, __: Any, output: Any) -> None:
        self._mlp = output

    def ended(self, number: int, output: Any) -> Any:
        """Keep a pass; behind the last block go on with a leaf of the graph."""
        after = output[0] if isinstance(output, tuple) else output
        if not self.again:
            if number != len(self.passes) or self._before is None or self._mlp is None:
                raise ModelError("its transformer blocks do not run one after the other")
            block = self.blocks[number]
            self.passes.append(BlockPass(block, self._before.detach(), self._mlp.detach(), after.detach()))
            self._mlp = None
        if number < len(self.blocks) - 1:
            return None
        if self._leaf is None:
            self._leaf = after.detach().requires_grad_(True)
        self.held.tail = True
        torch.set_grad_enabled(True)  # until the pass ends
        leaf = self._leaf * self.share if self.again else self._leaf
        return (leaf, *output[1:]) if isinstance(output, tuple) else leaf

    def ran_tail(self, _: nn.Module, __: Any, output: Any) -> Any:
        """MLPs behind the last block are constants."""
        return self.held.held(output.detach()) if self.held.tail else None

    def cut(self, _: nn.Module, __: Any, output: Tensor) -> None:
        self._patches = self._patches or (int(output.shape[-2]), int(output.shape[-1]))

    def tokens(self) -> Tensor:
        if self._leaf is None or self._leaf.dim() != 3:
            raise ModelError("its transformer blocks do not run one after the other")
        return self._leaf

    def grid(self) -> tuple[int, int]:
        count = self.tokens().shape[1]
        if self._patches is None or not 0 <= count - self._patches[0] * self._patches[1] <= 64:
            raise ModelError("its tokens are not those of a grid of patches")
        return self._patches


def _watch_modules(twin: nn.Module, watch: _Watch) -> None:
    inside = {id(module) for block in watch.blocks for module in block.module.modules()}
    for number, block in enumerate(watch.blocks):
        block.module.register_forward_pre_hook(watch.started, with_kwargs=True)
        block.mlp.register_forward_hook(watch.ran_mlp)
        block.module.register_forward_hook(_numbered(watch.ended, number))
    for name, module in twin.named_modules():
        if id(module) in inside:
            continue
        if name.rpartition(".")[2] == "mlp":
            module.register_forward_hook(watch.ran_tail)
        if isinstance(module, nn.Conv2d) and module.kernel_size == module.stride != (1, 1):
            module.register_forward_hook(watch.cut)


def _numbered(ended: Callable[[int, Any], Any], number: int) -> Callable[..., Any]:
    return lambda _, __, output: ended(number, output)


def _run(twin: nn.Module, inputs: Tensor, watch: _Watch, held: Held) -> Tensor:
    watch.held = held
    try:
        with held, torch.no_grad():
            embeddings: Tensor = twin(inputs)
    except LikewiseError:
        raise
    except Exception as error:  # foreign code under watch may raise anything
        raise ModelError(f"its forward pass cannot be followed: {what_happened(error)}") from error
    return embeddings


def _check_blocks(trace: TokenTrace) -> None:
    """Each block must add the attention as it was recorded, and then its MLP, to its first token."""
    if len(trace.attentions) - len(trace.passes) not in (0, 1):
        raise ModelError(
            f"it ran {len(trace.attentions)} attentions in {len(trace.passes)} transformer blocks"
        )
    first = torch.zeros(1, dtype=torch.long, device=trace.tokens.device)
    for ran, attention in zip(trace.passes, trace.attentions, strict=False):
        attended = ran.attention_added(attention, first)[:, 0].sum(1)
        change = ran.after[:, 0] - ran.before[:, 0] - ran.bias_added - ran.mlp_added[:, 0]
        # Attention within windows (Swin) has a row per window, not per image.
        if attended.shape != change.shape or not _same(attended, change, ran.after[:, 0]):
            raise ModelError(
                "its transformer blocks do not add attention and MLP to the tokens (not pre-norm)"
            )


def _check_linear(twin: nn.Module, inputs: Tensor, watch: _Watch, trace: TokenTrace) -> None:
    """What follows the blocks must be linear: half of what the pooling reads changes the embedding half as much."""
    leaf = trace.tokens if trace.pooling is None else trace.pooling.mixed
    slope = _slope(trace, leaf)
    watch.again, watch.share = True, 0.5 if trace.pooling is None else 1.0
    for block in watch.blocks:
        block.module.forward = _passed_on  # the tokens behind the last block are known
    halved = _run(twin, inputs, watch, Held(watch.held))
    change = ((trace.embeddings - halved).detach() * _probe(trace)).sum(1)
    expected = (slope * leaf).detach().flatten(1).sum(1) / 2
    if not _same(change, expected, trace.embeddings.detach()):
        raise ModelError(
            "what follows its transformer blocks is not linear (a pooler with an activation, say)"
        )


def _passed_on(tokens: Tensor, *_: Any, **__: Any) -> Tensor:
    return tokens


def _same(values: Tensor, expected: Tensor, scale: Tensor) -> bool:
    limit = _TOLERANCE * float(scale.abs().max().clamp_min(1e-6))
    return bool(torch.isfinite(values).all()) and float((values - expected).abs().max()) <= limit
