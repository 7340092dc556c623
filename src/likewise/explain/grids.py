"""Resizing of maps between grids of different resolution, with their sums preserved."""

from collections.abc import Sequence

import torch
from torch import Tensor


def sum_on_finest_grid(maps: Sequence[Tensor]) -> Tensor:
    """The sum of maps ``(B, h, w)`` on the finest of their grids; sums are preserved."""
    size = max((tuple(grid_map.shape[1:]) for grid_map in maps), key=lambda grid: grid[0] * grid[1])
    return torch.stack([resize_preserving_sum(grid_map, size) for grid_map in maps]).sum(0)


def resize_preserving_sum(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Maps ``(B, h, w)`` on a finer grid ``(H, W)``: each value is divided evenly among the cells it covers."""
    height, width = size
    rows = torch.arange(height, device=maps.device) * maps.shape[1] // height
    columns = torch.arange(width, device=maps.device) * maps.shape[2] // width
    # If the sides are not divisible, cells are repeated unevenly.
    copies = torch.bincount(rows)[:, None] * torch.bincount(columns)[None]
    return (maps / copies)[:, rows][:, :, columns]
