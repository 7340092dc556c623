"""Matrix products of the lower bound: exact ones for the distance itself, quick ones for what only widens its radius.

If the processor multiplies bfloat16 much faster than float32, bfloat16 is used with a bound on its error.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from likewise.bfloat16 import bf16_is_faster

# Rounding of both factors and of the sum, 3 x 2^-8 of the terms' sizes (bfloat16 has eight significant bits), with
# room for their float32 sum.
_ROUNDING = 3.1 * 2.0**-8


class Factors(NamedTuple):
    """Gallery factors of a quick product.

    Attributes:
        joined: (N, K x D) in the precision of the product.
        lengths: (N, K) lengths of the parts; none where the precision is that of the rows themselves.
    """

    joined: Tensor
    lengths: Tensor | None


class Quick(NamedTuple):
    """A quick product (B, N), and how far it can be from the exact one: (B, N), or 0."""

    value: Tensor
    error: Tensor | float

    def highest(self) -> Tensor:
        """At least the exact product."""
        return self.value.add_(self.error)


def quick_precision(rows: Tensor) -> torch.dtype:
    """Data type of the fast products with these rows."""
    # Only processors are known to sum products of bfloat16 in float32.
    quick = rows.dtype == torch.float32 and rows.device.type == "cpu" and bf16_is_faster(rows.device)
    return torch.bfloat16 if quick else rows.dtype


def factors(rows: Tensor, parts: Sequence[Tensor]) -> Factors:
    """K parts (N, D), made of ``rows`` (N, D), side by side; K may be 0."""
    precision = quick_precision(rows)
    if not len(parts):
        return Factors(rows[:, :0], None)
    if precision == rows.dtype:
        return Factors(torch.cat(list(parts), dim=1), None)
    lengths = torch.stack([torch.linalg.vector_norm(part, dim=1) for part in parts], dim=1)
    return Factors(torch.cat([part.to(precision) for part in parts], dim=1), lengths)


def quick_product(coefficients: Sequence[Tensor], columns: Factors, constant: Tensor) -> Quick:
    """sum_k coefficients[k] (B, D) . part k, and the constant (B, 1) of each query.

    Parts beyond the coefficients are not used. The error of a product is at most the roundings' share of the sum of
    |terms|, and that sum is at most the product of both factors' lengths.
    """
    if not len(coefficients):
        return Quick(constant.expand(-1, len(columns.joined)).clone(), 0.0)
    count, dim = len(coefficients), coefficients[0].shape[1]
    joined = columns.joined[:, : count * dim]
    if columns.lengths is None:
        return Quick((torch.cat(list(coefficients), dim=1) @ joined.T).add_(constant), 0.0)
    rows = torch.cat([part.to(joined.dtype) for part in coefficients], dim=1)
    value = (rows @ joined.T).float()
    lengths = torch.stack([torch.linalg.vector_norm(part, dim=1) for part in coefficients], dim=1)
    error = (lengths * _ROUNDING) @ columns.lengths[:, :count].T
    return Quick(value.add_(constant), error)


def exact_product(coefficients: Sequence[Tensor], powers: Sequence[Tensor]) -> Tensor:
    """sum_k coefficients[k] (B, D) . powers[k] (N, D), powers[0] being 1: (B, N)."""
    total = coefficients[0].sum(dim=1, keepdim=True).expand(-1, len(powers[0])).clone()
    for coefficient, power in zip(coefficients[1:], powers[1:], strict=True):
        total.addmm_(coefficient, power.T)
    return total
