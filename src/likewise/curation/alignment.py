"""How well one image fits into another: the whole, or a crop of it, mirrored or not.

The fit is the correlation of the pixels (all channels together) after the best placement of one image in the other:
1 for copies, whatever their size and encoding. Placements are tried on a grid first, then refined by Gauss-Newton
steps on position and scale (Lucas & Kanade 1981).
"""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, normalize

from likewise.arrays import Floats32

WINDOW_PX = 8
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6)  # of a side that a crop may keep
_STEPS = 8


@cache
def _windows() -> tuple[Tensor, Tensor]:
    """Start and share of each window along one axis, ``(M, 2)``, and the map ``(M, 8, 32)`` that resamples it."""
    spans = [(float(low), share) for share in _SHARES for low in np.arange(0, 1 - share + 1e-9, 0.1)]
    identity = torch.eye(32)[None]
    resampled = []
    for low, share in spans:
        centers = low + share * (torch.arange(4 * WINDOW_PX) + 0.5) / (4 * WINDOW_PX)
        grid = torch.stack([torch.zeros_like(centers), 2 * centers - 1], 1)[None, :, None].expand(
            -1, -1, 32, -1
        )
        columns = torch.linspace(-1 + 1 / 32, 1 - 1 / 32, 32)
        grid = torch.stack([columns.expand(4 * WINDOW_PX, 32), grid[0, :, :, 1]], -1)[None]
        rows = grid_sample(identity[None], grid, align_corners=False, padding_mode="border")[0, 0]
        resampled.append(rows.view(WINDOW_PX, 4, 32).mean(1))
    return torch.tensor(spans), torch.stack(resampled)


def _unit(pixels: Tensor) -> Tensor:
    """Rows of pixels less their mean, of length 1; rows without contrast become 0."""
    centered = pixels - pixels.mean(-1, keepdim=True)
    return torch.where(centered.norm(dim=-1, keepdim=True) > 1e-3, normalize(centered, dim=-1), 0.0)


def descriptors(pixels: NDArray[np.uint8], *, mirrored: bool = False, share: float = 1.0) -> Floats32:
    """Rows ``(N, 192)`` that are close for images with the same layout of colours.

    Args:
        pixels: ``(N, 32, 32, 3)``.
        mirrored: Of the mirror images.
        share: Of the central window that keeps this share of each side.
    """
    edge = round(32 * (1 - share) / 2)
    found = []
    for start in range(0, len(pixels), 8192):
        block = torch.from_numpy(pixels[start : start + 8192]).permute(0, 3, 1, 2).float()
        block = block.flip(3) if mirrored else block
        small = interpolate(block[:, :, edge : 32 - edge, edge : 32 - edge], (8, 8), mode="area")
        found.append(_unit(small.flatten(1)).numpy())
    rows: Floats32 = np.concatenate(found)
    rows[~rows.any(1), 0] = 1.0  # images without contrast: close to each other, and refused by their fit
    return rows


def coarse_fits(inner: NDArray[np.uint8], outer: NDArray[np.uint8]) -> tuple[Floats32, Floats32]:
    """Best fit of each of ``inner`` as a whole in a window of its ``outer``, both ``(P, 32, 32, 3)``.

    Returns:
        Correlations ``(P,)`` and windows ``(P, 4)``: left, width, top, height as shares of the outer sides.
    """
    spans, maps = _windows()
    fits, windows = [], []
    for start in range(0, len(inner), 256):
        large = torch.from_numpy(outer[start : start + 256]).float() / 255
        wide = torch.einsum("nij,pjkc->pnikc", maps, large)
        placed = torch.einsum("mlk,pnikc->pnmilc", maps, wide).flatten(3)
        small = torch.from_numpy(inner[start : start + 256]).float() / 255
        whole = torch.einsum("ij,pjkc,lk->pilc", maps[0], small, maps[0]).flatten(1)
        scores = torch.einsum("pnmd,pd->pnm", _unit(placed), _unit(whole)).flatten(1)
        best, place = scores.max(1)
        down, across = place // len(maps), place % len(maps)
        fits.append(best.numpy())
        windows.append(torch.cat([spans[across], spans[down]], 1).numpy())
    return np.concatenate(fits), np.concatenate(windows)


def refined_fits(inner: Tensor, outer: Tensor, windows: Tensor) -> tuple[Tensor, Tensor]:
    """Correlation of images after placing them exactly.

    Args:
        inner: ``(P, 3, S, S)`` float32.
        outer: As ``inner``.
        windows: ``(P, 4)`` where each inner image lies in its outer one, from :func:`coarse_fits`.

    Returns:
        Correlations ``(P,)`` of the overlap, and the refined windows.
    """
    best, kept = _correlation(inner, outer, windows), windows
    template = inner - inner.mean((1, 2, 3), keepdim=True)
    for _ in range(_STEPS):
        placed = _placed(outer, windows)
        difference = 1e-3 * torch.eye(4)
        slopes = [(_placed(outer, windows + each) - placed) / 1e-3 for each in difference]
        jacobian = torch.stack([slope.flatten(1) for slope in slopes], 2)
        jacobian = jacobian - jacobian.mean(1, keepdim=True)
        image = (placed - placed.mean((1, 2, 3), keepdim=True)).flatten(1)
        gain = (template.flatten(1) * image).sum(1, keepdim=True) / image.square().sum(1, keepdim=True).clamp(
            min=1e-9
        )
        rest = (template.flatten(1) - gain * image)[:, :, None]
        jacobian = gain[:, :, None] * jacobian
        normal = jacobian.mT @ jacobian + 1e-6 * torch.eye(4)
        step = torch.linalg.solve(normal, jacobian.mT @ rest)[:, :, 0].clamp(-0.05, 0.05)
        windows = windows + step
        fit = _correlation(inner, outer, windows)
        better = fit > best
        best, kept = torch.where(better, fit, best), torch.where(better[:, None], windows, kept)
    return best, kept


def _placed(outer: Tensor, windows: Tensor) -> Tensor:
    """The windows of ``outer`` at full resolution."""
    left, width, top, height = windows.T
    zero = torch.zeros_like(left)
    rows = torch.stack([width, zero, 2 * left + width - 1, zero, height, 2 * top + height - 1], 1).view(
        -1, 2, 3
    )
    grid = torch.nn.functional.affine_grid(rows, list(outer.shape), align_corners=False)
    return grid_sample(outer, grid, align_corners=False, padding_mode="border")


def _correlation(inner: Tensor, outer: Tensor, windows: Tensor) -> Tensor:
    return (_unit(_placed(outer, windows).flatten(1)) * _unit(inner.flatten(1))).sum(1)
