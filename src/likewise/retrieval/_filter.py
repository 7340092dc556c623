"""The coarse scores of the exact search, -d^2/2 as one matrix product, and the bound on their error.

The product is that of rows (x, -|x|^2/2, 1) and (y, 1, -|y|^2/2), where x and y are the vectors less the mean of
the gallery: distances stay, lengths shrink, and with them the rounding.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

BLOCK = 2048  # gallery rows of one product and queries of one block: the scores stay in the cache
_CHUNK_ROWS = 8192
_NOTHING = -1e30  # the score of rows that only fill up the last block


class Filter:
    """The shuffled gallery in the precision of the product.

    Args:
        gallery: ``(N, D)`` float32.
        order: ``(N,)`` the gallery row at each position.
        center: ``(D,)``, taken off every vector.
        dtype: float32 or bfloat16.

    Attributes:
        rows: ``(N', D + 4)`` with N' a multiple of BLOCK; the last rows may be filling.
    """

    def __init__(self, gallery: Tensor, order: Tensor, center: Tensor, dtype: torch.dtype) -> None:
        self.center, self.dtype, self.size = center, dtype, len(gallery)
        self.rows = gallery.new_zeros(
            (math.ceil(self.size / BLOCK) * BLOCK, gallery.shape[1] + 4), dtype=dtype
        )
        self.rows[self.size :, -2:] = _NOTHING  # these columns meet the ones of every query
        self.longest = self.worst_rounding = 0.0
        for start in range(0, self.size, _CHUNK_ROWS):
            chunk = gallery[order[start : start + _CHUNK_ROWS]] - center
            self.rows[start : start + len(chunk)] = _encode(chunk, dtype, as_query=False)
            self.longest = max(self.longest, float(chunk.norm(dim=1).max()))
            self.worst_rounding = max(self.worst_rounding, float((chunk - chunk.to(dtype)).norm(dim=1).max()))

    def encode(self, queries: Tensor) -> "EncodedQueries":
        """Queries ``(B, D)`` float32 ready for the product, with the bound on the error of their scores.

        Rounding of the sum: 10 sqrt(terms) u times the size of the terms, the probabilistic bound of Higham and
        Mary (2019), whose chance to fail is far below 1e-15. In bfloat16 the rounding of the vectors comes on top,
        by Cauchy-Schwarz from its measured size, and that of the score itself (on a GPU twice, to be safe).
        """
        centered = queries - self.center
        length = centered.norm(dim=1)
        terms = (length + self.longest).square() / 2
        error, relative = 10 * math.sqrt(self.rows.shape[1]) * 2.0**-24 * terms, 0.0
        if self.dtype == torch.bfloat16:
            rounding = (centered - centered.to(self.dtype)).norm(dim=1)
            error += rounding * self.longest + (length + rounding) * self.worst_rounding + 2.0**-16 * terms
            # bfloat16 has eight significant bits: a rounded value is up to 2^-8 of itself off.
            relative = 2.0**-8 if self.rows.device.type == "cpu" else 2.0**-7
        return EncodedQueries(_encode(centered, self.dtype, as_query=True), error, relative)


class EncodedQueries:
    """Queries in the precision of a filter; score error at most ``error + relative * |score|``."""

    def __init__(self, rows: Tensor, error: Tensor, relative: float) -> None:
        self.rows, self.error, self.relative = rows, error, relative

    def __len__(self) -> int:
        return len(self.rows)

    def product(self, gallery_rows: Tensor, out: Tensor | None = None) -> Tensor:
        """Scores ``(B, n)`` float32 of rows of the filter."""
        return torch.mm(self.rows, gallery_rows.T, out=out).float()

    def lowest(self, scores: Tensor) -> Tensor:
        """The lowest score ``(B,)`` or ``(B, C)`` a row can have that is truly as near as one with ``scores``."""
        error = self.error if scores.dim() == 1 else self.error[:, None]
        if self.relative:
            error = error + self.relative * scores.abs()  # where it is 0, 0 * inf would be no number
        return scores - 2 * error


def positions(mask: Tensor) -> Tensor:
    """Flat positions int64 of the true entries, ascending."""
    if mask.device.type == "cpu":  # several times faster than torch.nonzero
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.flatten().nonzero().flatten()


@contextmanager
def exact_products(device: torch.device) -> Iterator[None]:
    """Float32 products in float32 inside the block, whatever autocast or TF32 setting the caller works with."""
    precision = torch.get_float32_matmul_precision()
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        if precision == "highest":
            yield
            return
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)


def _encode(centered: Tensor, dtype: torch.dtype, as_query: bool) -> Tensor:
    half = centered.double().square_().sum(1, keepdim=True).div_(-2)
    high = half.to(dtype)
    # Two numbers hold the length, so that its rounding does not count.
    parts = torch.cat([high, (half - high.double()).to(dtype)], 1)
    sides = (parts, torch.ones_like(parts)) if as_query else (torch.ones_like(parts), parts)
    return torch.cat([centered.to(dtype), *sides], 1)
