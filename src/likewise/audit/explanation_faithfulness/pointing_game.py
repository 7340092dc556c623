"""Two subjects in one image: does the explanation name the one that is similar to the neighbour?

Adapted from the grid pointing game of Böhle et al., Convolutional Dynamic Alignment Networks, 2021: there for classes,
here for pairs, with halves instead of a grid.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.seeds import stream


def mosaic(image: Tensor, distractor: Tensor, *, right: bool) -> Tensor:
    """The middle halves of two squares ``(3, S, S)`` side by side; ``right``: the own half is on the right."""
    side = image.shape[-1]
    quarter, half = side // 4, side // 2
    own_half = image[..., quarter : quarter + (side - half if right else half)]
    other = distractor[..., quarter : quarter + (half if right else side - half)]
    return torch.cat([other, own_half] if right else [own_half, other], dim=-1)


def share_on_half(values: NDArray[np.floating], *, right: bool) -> float:
    """Fraction of a map's positive part on the right half (or the left); 0.5 if nothing is positive."""
    # Each column twice: of an odd number, the middle one then counts half for each side.
    columns = np.clip(values, 0, None).sum(axis=0, dtype=np.float64).repeat(2)
    total = float(columns.sum())
    if not total:
        return 0.5
    half = columns[len(columns) // 2 :] if right else columns[: len(columns) // 2]
    return float(half.sum()) / total


def distractors(distances: NDArray[np.floating], owns: Sequence[int], seed: int) -> list[int]:
    """One image per pair that is far from the partner, drawn from the farther half of all images.

    Args:
        distances: (P, N) of each partner from all images, N at least 4.
        owns: (P,) rows of the images themselves, which are not chosen.
        seed: Seed of the draws.
    """
    random = stream(seed, "faithfulness", "strangers")
    chosen = []
    for row, own_row in zip(distances, owns, strict=True):
        far = np.argsort(row, kind="stable")[len(row) // 2 :]
        chosen.append(int(random.choice(far[far != own_row])))
    return chosen
