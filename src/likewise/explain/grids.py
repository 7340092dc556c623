"""Maps on grids of different fineness, brought together with their sums kept."""

from collections.abc import Sequence

import torch
from torch import Tensor


def sum_on_finest_grid(maps: Sequence[Tensor]) -> Tensor:
    """The sum of maps ``(B, h, w)`` on the finest of their grids; sums over places are kept."""
    size = max((tuple(one.shape[1:]) for one in maps), key=lambda grid: grid[0] * grid[1])
    return torch.stack([resize_preserving_sum(one, size) for one in maps]).sum(0)


def resize_preserving_sum(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Maps ``(B, h, w)`` on a finer grid ``(H, W)``: each value is shared evenly by the places it covers."""
    height, width = size
    rows = torch.arange(height, device=maps.device) * maps.shape[1] // height
    columns = torch.arange(width, device=maps.device) * maps.shape[2] // width
    # Where the sides do not divide, cells are repeated unevenly often.
    copies = torch.bincount(rows)[:, None] * torch.bincount(columns)[None]
    return (maps / copies)[:, rows][:, :, columns]
