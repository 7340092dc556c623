"""Principal components of features or embeddings."""

from typing import NamedTuple

import torch
from torch import Tensor


class PrincipalComponents(NamedTuple):
    """Components of some rows, strongest first; float64.

    Attributes:
        weights: ``(count, C)``, orthonormal.
        center: Mean ``(C,)``.
        variances: ``(C,)`` along all components, also those that are not kept.
    """

    weights: Tensor
    center: Tensor
    variances: Tensor


def principal_components(rows: Tensor, count: int) -> PrincipalComponents:
    """The first principal components.

    Args:
        rows: ``(N, C)``, two or more.
        count: 1 to min(C, N - 1).
    """
    wide = rows.double()
    center = wide.mean(0)
    scatters, vectors = torch.linalg.eigh((wide - center).T @ (wide - center))
    weights = vectors.flip(1)[:, :count].T
    # The sign of a component is arbitrary; fixed here, so that the same images give the same components.
    largest = weights.abs().argmax(1, keepdim=True)
    return PrincipalComponents(
        weights * weights.gather(1, largest).sign(), center, scatters.flip(0) / (len(wide) - 1)
    )
