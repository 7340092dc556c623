"""The embedding of a vision transformer as an exact sum over its image tokens, and a rest that has no place.

A class token collects, block by block and head by head, what the attentions write to it from every token; with the
attention weights and the statistics of the last norm held, its embedding is the sum of these writings, those of the
MLPs and constants. Source: Gandelsman, Efros, Steinhardt, Interpreting CLIP's image representation via text-based
decomposition, 2024, section 3, for class tokens of CLIP. Where the embedding is a mean of the last tokens or an
attention over them, each token's part is what it adds there.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from likewise.explain.parts import EmbeddingParts
from likewise.models import SimilarityModel
from likewise.models.token_trace import TokenTrace, read_tokens, trace_tokens

_CHUNK = 64  # rows of a Jacobian at a time


@torch.enable_grad()
def token_parts(model: SimilarityModel, pixels: Tensor) -> list[EmbeddingParts]:
    """Take the embeddings of images apart over the tokens of a vision transformer.

    Args:
        model: A model whose network is a vision transformer of pre-norm blocks (timm, transformers, OpenCLIP).
        pixels: uint8 ``(B, 3, S, S)`` of the model's input size.

    Returns:
        Per image the parts in float64, one row per image token.

    Raises:
        ModelError: The network is of another form; the message says in what.
    """
    network: Any = model.network
    trace = trace_tokens(network.embedder, network.normalization(pixels.to(model.device)))
    parts, rest = _read(trace) if trace.pooling is None else _attended(trace)
    return [
        EmbeddingParts(
            image.double().cpu(), torch.stack(list(rest.values()))[:, number].double().sum(0).cpu(), trace.grid,
            {name: terms[number].double().cpu() for name, terms in rest.items()},
        )
        for number, image in enumerate(parts)
    ]  # fmt: skip


def _read(trace: TokenTrace) -> tuple[Tensor, dict[str, Tensor]]:
    """Parts ``(B, P, dim)`` of image tokens where the embedding reads class tokens, a mean of all tokens, or both.

    A class token is followed into the blocks. An image token counts as it is behind the last one.
    """
    read = read_tokens(trace)
    special, averaged = read[read < trace.prefix], len(read[read >= trace.prefix]) > 0
    tokens = trace.tokens.detach()

    def kept(slopes: Tensor) -> tuple[Tensor, ...]:
        # What image tokens add at once: their slopes alone would fill the memory.
        added = (slopes * tokens).sum(-1)[..., trace.prefix :] if averaged else slopes.new_zeros(0)
        return slopes[:, :, special], added

    slopes, added = _jacobian(trace.embeddings, trace.tokens, kept)
    parts, rest = _written(trace, special, slopes)
    if averaged:
        parts = parts + added.permute(1, 2, 0)
    constant = trace.embeddings.detach() - torch.einsum("ebrd,brd->be", slopes, tokens[:, special])
    if averaged:
        constant = constant - added.sum(-1).T
    return parts, rest | {"biases": rest["biases"] + constant}


def _written(trace: TokenTrace, special: Tensor, slopes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """What the attentions of all blocks wrote to class tokens, times the slopes ``(dim, B, R, D)`` of these."""
    images, count = trace.tokens.shape[:2]
    start = trace.passes[0].before[:, special]
    written = start.new_zeros(images, count, len(slopes))
    mlps, biases = torch.zeros_like(start), torch.zeros_like(start)
    for ran, attention in zip(trace.passes, trace.attentions, strict=True):
        if len(special):
            written += torch.einsum("ebrd,brtd->bte", slopes, ran.attention_added(attention, special))
        mlps += ran.mlp_added[:, special]
        biases += ran.bias_added
    single = [torch.einsum("ebrd,brd->be", slopes, terms) for terms in (start, mlps, biases)]
    rest = {
        "class and register tokens": written[:, : trace.prefix].sum(1) + single[0],
        "MLPs": single[1],
        "biases": single[2],
    }
    return written[:, trace.prefix :], rest


def _attended(trace: TokenTrace) -> tuple[Tensor, dict[str, Tensor]]:
    """What each of the last tokens adds to an attention that pools."""
    pooling = trace.pooling
    assert pooling is not None
    queries = torch.arange(pooling.query.shape[2], device=trace.tokens.device)
    (slopes,) = _jacobian(trace.embeddings, pooling.mixed, lambda chunk: (chunk,))  # (dim, B, H, Q, d)
    weights = pooling.weights(queries).detach()
    parts = torch.einsum("ebhqd,bhqt,bhtd->bte", slopes, weights, pooling.value.detach())
    first = parts.shape[1] - trace.grid[0] * trace.grid[1]
    rest = {
        "class and register tokens": parts[:, :first].sum(1),
        "MLPs": trace.embeddings.detach() - parts.sum(1),
    }
    return parts[:, first:], rest


def _jacobian(
    embeddings: Tensor, leaf: Tensor, keep: Callable[[Tensor], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """Derivatives of embeddings ``(B, dim)``, each image's by its own rows: ``(dim, B, ...)`` of what is kept."""
    chunks = []
    for rows in torch.split(torch.eye(embeddings.shape[1], device=embeddings.device), _CHUNK):
        way = rows[:, None].expand(-1, len(embeddings), -1)
        (slopes,) = torch.autograd.grad(embeddings, leaf, way, retain_graph=True, is_grads_batched=True)
        chunks.append([part.detach() for part in keep(slopes)])
    return tuple(torch.cat(parts) for parts in zip(*chunks, strict=True))
