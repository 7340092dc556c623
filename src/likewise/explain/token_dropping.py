"""Hide parts of an image from a vision transformer by leaving tokens out, without any fill."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from likewise.errors import ConfigError, ModelError
from likewise.models import SimilarityModel
from likewise.models.token_hold import Attention, Held
from likewise.models.token_trace import TokenTrace, read_tokens, shared_copy, trace_tokens

_BATCH = 32


def vectors_without_tokens(
    model: SimilarityModel, pixels: Tensor, cells: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Embeddings of one image under M masks. Every attention leaves out the tokens of hidden cells.

    A dropped token writes to no other token, so the embedding is that of the network without it. No pixel is filled.

    Args:
        model: A vision transformer whose embedding reads class tokens, or an attention that pools.
        pixels: uint8 ``(3, S, S)``.
        cells: ``(M, h, w)``, True = hidden; a grid of any size over the image.

    Returns:
        ``(M, dim)``.

    Raises:
        ConfigError: The model has no tokens that can be dropped; the message says why.
    """
    network: Any = model.network
    inputs = network.normalization(pixels[None].to(model.device))
    try:
        trace = trace_tokens(network.embedder, inputs)
    except ModelError as error:
        raise _refused(model, str(error)) from error
    if trace.pooling is None and int(read_tokens(trace).max()) >= trace.prefix:
        raise _refused(model, "its embedding is a mean of image tokens, which dropping does not reach")
    dropped = _tokens_of(cells, trace)
    twin = shared_copy(network.embedder)
    rows = []
    for part in torch.split(torch.from_numpy(dropped).to(model.device), _BATCH):
        with torch.no_grad(), _Dropping(part):
            rows.append(twin(inputs.expand(len(part), -1, -1, -1)).float().cpu())
    vectors: NDArray[np.float32] = torch.cat(rows).numpy()
    return vectors


def _refused(model: SimilarityModel, reason: str) -> ConfigError:
    return ConfigError(
        f"Tokens of '{model.name}' cannot be dropped: {reason}. Hide locations by filling them (--hide-by fill)."
    )


def _tokens_of(cells: NDArray[np.bool_], trace: TokenTrace) -> NDArray[np.bool_]:
    """``(M, P)``: the image tokens whose centre lies in a hidden cell."""
    height, width = trace.grid
    rows = (2 * np.arange(height) + 1) * cells.shape[1] // (2 * height)
    columns = (2 * np.arange(width) + 1) * cells.shape[2] // (2 * width)
    return cells[:, rows][:, :, columns].reshape(len(cells), -1)


class _Dropping(Held):
    """Leaves image tokens out of every attention: ``(B, P)``, True = dropped."""

    def __init__(self, dropped: Tensor) -> None:
        super().__init__()
        self._dropped = dropped

    def masked(self, mask: Tensor | None, key: Tensor) -> Tensor | None:
        """The mask without the dropped tokens, which are the last of all keys."""
        visible = F.pad(~self._dropped, (key.shape[-2] - self._dropped.shape[1], 0), value=True)[
            :, None, None
        ]
        if mask is None:
            return visible
        return mask & visible if mask.dtype == torch.bool else mask.masked_fill(~visible, -torch.inf)

    def ran(self, attention: Attention) -> None:
        """Keep nothing: only the embeddings are wanted."""
