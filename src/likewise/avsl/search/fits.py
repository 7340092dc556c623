"""Polynomial approximation of the reliability with a known maximum error, which makes it a matrix product.

The reliability of a pair at a node is a function of the product c c' of two numbers. For a given query it is a
function of the gallery's certainty c' alone, and a polynomial in c' is a sum of (query) x (gallery) terms.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

LARGEST_DEGREE = 12
_TAIL = 8  # of the last coefficients that were computed: allowance for those that were not
_ROUNDING = 1e-6  # of the coefficients' sum


class Interval(NamedTuple):
    """Range of each node's certainties in the gallery: centre and half width (D,)."""

    middle: Tensor
    half: Tensor

    def scaled(self, certainties: Tensor) -> Tensor:
        """Certainties (..., D) as -1..1."""
        return (certainties - self.middle) / self.half


class Fit(NamedTuple):
    """Chebyshev coefficients (R, B, D) of a function of the gallery's certainty, and its error (B, D).

    On the whole interval |function - sum_j coefficients[j] T_j| <= error.
    """

    coefficients: Tensor
    error: Tensor


def interval(certainties: Tensor) -> Interval:
    """The range of each node's certainties (N, D)."""
    low, high = certainties.amin(dim=0), certainties.amax(dim=0)
    return Interval((low + high) / 2, ((high - low) / 2).clamp_min(1e-9))


def chebyshev(scaled: Tensor, terms: int) -> Tensor:
    """T_0 .. T_(terms - 1) of values in -1..1: (terms, ...)."""
    polynomials = [torch.ones_like(scaled), scaled]
    while len(polynomials) < terms:
        polynomials.append(2 * scaled * polynomials[-1] - polynomials[-2])
    return torch.stack(polynomials[:terms])


def series(function: Callable[[Tensor], Tensor], where: Interval, terms: int) -> Tensor:
    """The first Chebyshev coefficients of a function on each node's interval.

    Args:
        function: Takes certainties (terms, 1, D) and gives values (terms, B, D).
        where: The intervals.
        terms: Number of terms.

    Returns:
        (terms, B, D).
    """
    device = where.middle.device
    angles = math.pi * (torch.arange(terms, device=device) + 0.5) / terms
    values = function((where.middle + where.half * torch.cos(angles)[:, None])[:, None])
    transform = torch.cos(torch.outer(torch.arange(terms, device=device), angles)) * (2 / terms)
    transform[0] /= 2
    return torch.einsum("jk,kbd->jbd", transform, values)


def fit(function: Callable[[Tensor], Tensor], where: Interval, terms: int) -> Fit:
    """The polynomial of ``terms`` terms, and the sum of what it leaves out.

    The error is the sum of the absolute coefficients left out, more than twice as many as are kept being
    computed, and of an allowance for those beyond. Analytic functions such as the sigmoid have coefficients that
    fall geometrically, so that allowance is small.
    """
    every = series(function, where, 2 * terms + 6)
    left_out = every[terms:].abs().sum(dim=0) + _TAIL * every[-2:].abs().sum(dim=0)
    return Fit(every[:terms], left_out + _ROUNDING * every.abs().sum(dim=0))


def needed_terms(function: Callable[[Tensor], Tensor], where: Interval, tolerance: float) -> int:
    """The fewest terms whose mean error over nodes and queries is below ``tolerance``, at most LARGEST_DEGREE + 1."""
    sizes = series(function, where, 3 * LARGEST_DEGREE).abs().mean(dim=(1, 2))
    left_out = sizes.flip(0).cumsum(0).flip(0)[1 : LARGEST_DEGREE + 1]  # by 1, 2, .. terms
    enough = (left_out <= tolerance).nonzero()
    return int(enough[0]) + 1 if len(enough) else LARGEST_DEGREE + 1
