"""Cross-batch memory: a batch is also compared with the embeddings of the batches before it.

Source: Wang et al., Cross-Batch Memory for Embedding Learning, CVPR 2020.
"""

import torch
from torch import Tensor, nn

from likewise.errors import ConfigError

Indices = tuple[Tensor, ...]


class EmbeddingMemory(nn.Module):
    """A ring of the last ``size`` embeddings with their labels.

    Its whole state is in buffers, so a resumed training continues bit for bit, and it depends only on the
    batches it was given, so that processes that gather the same batch keep the same memory.

    Args:
        size: embeddings remembered.
        dim: their dimension.
    """

    embeddings: Tensor  # (size, dim) float32
    labels: Tensor  # (size,)
    written: Tensor  # how many embeddings were ever written

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("embeddings", torch.zeros(size, dim))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def add(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Replaces the oldest entries by a batch.

        Returns:
            (B,) the positions of the batch in the new ``content``.

        Raises:
            ConfigError: the batch is larger than the memory.
        """
        batch = len(embeddings)
        if batch > self.size:
            raise ConfigError(
                f"loss.memory has {self.size} embeddings but the batch has {batch}: "
                f"set it to {batch} or more."
            )
        positions = (torch.arange(batch, device=labels.device) + self.written.to(labels.device)) % self.size
        self.embeddings[positions] = embeddings.detach().to(self.embeddings)
        self.labels[positions] = labels
        self.written += batch
        return positions

    def content(self) -> tuple[Tensor, Tensor]:
        """Copies of the stored embeddings (n, D) and labels (n,), n <= size."""
        filled = min(int(self.written), self.size)
        return self.embeddings[:filled].clone(), self.labels[:filled].clone()


def without_self(indices: Indices, positions: Tensor) -> Indices:
    """Drops the comparisons of an image with its own memory entry.

    Args:
        indices: (anchor, positive, negative) or (anchor, positive, anchor, negative); anchors count in the
            batch, the others in the memory.
        positions: (B,) positions of the batch in the memory.
    """
    anchor, positive = indices[:2]
    keep = positions[anchor] != positive
    if len(indices) == 3:
        return anchor[keep], positive[keep], indices[2][keep]
    return anchor[keep], positive[keep], indices[2], indices[3]
