"""How well one image fits into another: the whole, or a crop of it, mirrored or not.

The fit is the correlation of the pixels after the best placement of one image in the other: 1 for copies, whatever
their size and encoding. Candidates are proposed by all channels together; for the exact placement each channel is
centred by itself, or two objects on the same blue sky would agree by their colour alone. Placements are tried on a grid
first, then refined by Gauss-Newton steps on position and scale (Lucas & Kanade 1981).
"""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from likewise.arrays import Floats32

WINDOW_PX = 8
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6)  # of a side that a crop may keep
_POINTS = 4  # per target pixel
_IMAGES_AT_ONCE = 1024
_OUTER_AT_ONCE = 128


@cache
def _windows() -> tuple[Tensor, Tensor]:
    """Start and share of each window along one axis, ``(M, 2)``, and the map ``(M, 8, 32)`` that resamples it."""
    spans = torch.tensor(
        [(low, share) for share in _SHARES for low in np.arange(0, 1 - share + 1e-9, 0.1)],
        dtype=torch.float32,
    )
    return spans, resampling(spans[:, 0], spans[:, 1], 32, WINDOW_PX)


def resampling(low: Tensor, share: Tensor, source_px: int, target_px: int) -> Tensor:
    """Resampling of windows along one axis as matrices ``(P, target_px, source_px)``.

    Each target pixel is the mean of four linearly interpolated points, so that smaller targets show no aliasing.

    Args:
        low: ``(P,)`` start of each window as a share of the side; outside of 0..1 the edge is repeated.
        share: ``(P,)`` length of each window as a share of the side.
        source_px: Length of the side in pixels.
        target_px: Length of the resampled window in pixels.
    """
    points = (torch.arange(_POINTS * target_px) + 0.5) / (_POINTS * target_px)
    places = ((low[:, None] + share[:, None] * points) * source_px - 0.5).clamp(0, source_px - 1)
    weights = (1 - (places[:, :, None] - torch.arange(source_px)).abs()).clamp(min=0)
    return weights.view(len(low), target_px, _POINTS, source_px).mean(2)


def _unit(pixels: Tensor) -> Tensor:
    """Rows of pixels less their mean, of length 1; rows without contrast become 0."""
    centered = pixels - pixels.mean(-1, keepdim=True)
    lengths = centered.norm(dim=-1, keepdim=True)
    return centered * torch.where(lengths > 1e-3, 1 / lengths, 0.0)


def _centered(planes: Tensor) -> Tensor:
    """Pixels ``(P, 3 * S * S)`` of images ``(P, 3, S, S)``, each channel less its mean."""
    return (planes - planes.mean((2, 3), keepdim=True)).flatten(1)


def descriptors(pixels: NDArray[np.uint8], *, mirrored: bool = False) -> Floats32:
    """Rows ``(N, 192)`` of length 1 that are close for images with the same layout of colours; 0 without contrast.

    Args:
        pixels: ``(N, 32, 32, 3)``.
        mirrored: Whether to mirror the images first.
    """
    rows = np.empty((len(pixels), 3 * WINDOW_PX**2), np.float32)
    for start in range(0, len(pixels), _IMAGES_AT_ONCE):
        block = _planes(pixels[start : start + _IMAGES_AT_ONCE])
        small = interpolate(block.flip(3) if mirrored else block, (WINDOW_PX, WINDOW_PX), mode="area")
        rows[start : start + _IMAGES_AT_ONCE] = _unit(small.flatten(1)).numpy()
    return rows


def window_descriptors(pixels: NDArray[np.uint8], windows: NDArray[np.float32]) -> Floats32:
    """As :func:`descriptors`, for a few windows ``(W, 4)`` per image: ``(N, W, 192)``."""
    left, width, top, height = torch.from_numpy(windows).T
    rows, columns = resampling(top, height, 32, WINDOW_PX), resampling(left, width, 32, WINDOW_PX)
    made = np.empty((len(pixels), len(windows), 3 * WINDOW_PX**2), np.float32)
    for start in range(0, len(pixels), _IMAGES_AT_ONCE):
        placed = (
            rows[:, None] @ _planes(pixels[start : start + _IMAGES_AT_ONCE])[:, None] @ columns.mT[:, None]
        )
        made[start : start + _IMAGES_AT_ONCE] = _unit(placed.flatten(2)).numpy()
    return made


def coarse_fits(pixels: NDArray[np.uint8], pairs: NDArray[np.int64]) -> tuple[Floats32, Floats32]:
    """Best fit of the first image of each pair, as a whole, in a window of the second one.

    Args:
        pixels: ``(N, 32, 32, 3)``.
        pairs: ``(P, 3)`` rows of both images, and whether the first one is mirrored (0 or 1).

    Returns:
        Correlations ``(P,)`` and windows ``(P, 4)``: left, width, top, height as shares of the sides of the second.
    """
    spans, maps = _windows()
    wholes = torch.from_numpy(np.stack([descriptors(pixels), descriptors(pixels, mirrored=True)]))
    order = torch.from_numpy(np.argsort(pairs[:, 1], kind="stable"))
    inner, outer, mirrored = torch.from_numpy(pairs)[order].T
    fits, places = torch.zeros(len(pairs)), torch.zeros(len(pairs), dtype=torch.int64)
    rows, starts = outer.unique_consecutive(return_counts=True)
    ends = [0, *starts.cumsum(0).tolist()]
    for start in range(0, len(rows), _OUTER_AT_ONCE):
        windows = _grid_descriptors(pixels[rows[start : start + _OUTER_AT_ONCE].numpy()], maps)
        for number, window in enumerate(windows, start):
            of_outer = slice(ends[number], ends[number + 1])
            products = wholes[mirrored[of_outer], inner[of_outer]] @ window.T
            fits[order[of_outer]], places[order[of_outer]] = products.max(1)
    down, across = places // len(maps), places % len(maps)
    return fits.numpy(), torch.cat([spans[across], spans[down]], 1).numpy()


def _grid_descriptors(pixels: NDArray[np.uint8], maps: Tensor) -> Tensor:
    """As :func:`descriptors`, of all windows of the grid ``(N, M * M, 192)``."""
    count = len(maps)
    stacked = maps.view(count * WINDOW_PX, 32)
    placed = (stacked @ _planes(pixels) @ stacked.T).view(-1, 3, count, WINDOW_PX, count, WINDOW_PX)
    return _unit(placed.permute(0, 2, 4, 1, 3, 5).reshape(-1, count * count, 3 * WINDOW_PX**2))


def _planes(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


def refined_fits(
    inner: NDArray[np.uint8], outer: NDArray[np.uint8], windows: Floats32, side_px: int, steps: int
) -> tuple[Floats32, Floats32]:
    """Correlation of images after exact alignment.

    Args:
        inner: ``(P, S, S, 3)``.
        outer: As ``inner``.
        windows: ``(P, 4)`` position of each inner image in its outer one, from :func:`coarse_fits`.
        side_px: Size of the comparison: at most S times the share of a side that a crop keeps, because a larger size
            would compare the crop with a blurred window.
        steps: Number of Gauss-Newton steps.

    Returns:
        Correlations ``(P,)`` of the overlap, and the refined windows.
    """
    source, window = _planes(outer), torch.from_numpy(windows)
    template = _unit(_centered(_placed(_planes(inner), torch.tensor([[0.0, 1.0, 0.0, 1.0]]), side_px)))
    best, best_windows = torch.full((len(inner),), -1.0), window
    for step in range(steps + 1):
        placed = _placed(source, window, side_px)
        fit = (_unit(_centered(placed)) * template).sum(1)
        better = fit > best
        best, best_windows = (
            torch.where(better, fit, best),
            torch.where(better[:, None], window, best_windows),
        )
        if step < steps:
            window = window + _gauss_newton_step(template, placed, window)
    return best.numpy(), best_windows.numpy()


def _gauss_newton_step(template: Tensor, placed: Tensor, windows: Tensor) -> Tensor:
    """Change ``(P, 4)`` of the windows that brings the placed images closer to the templates."""
    side = placed.shape[-1]
    image = _centered(placed)
    gain = (template * image).sum(1, keepdim=True) / image.square().sum(1, keepdim=True).clamp(min=1e-9)
    rest = (template - gain * image)[:, :, None]
    # A shift of the window by its own length moves the image by `side` pixels.
    down, across = torch.gradient(placed, dim=(2, 3))
    centers = (torch.arange(side) + 0.5) / side
    width, height = (windows[:, column, None, None, None].clamp(min=0.1) for column in (1, 3))
    across, down = across * side / width, down * side / height
    slopes = [across, across * centers, down, down * centers[:, None]]
    jacobian = gain[:, :, None] * torch.stack([_centered(slope) for slope in slopes], 2)
    normal = jacobian.mT @ jacobian + 1e-6 * torch.eye(4)
    step: Tensor = torch.linalg.solve(normal, jacobian.mT @ rest)
    return step[:, :, 0].clamp(-0.05, 0.05)


def _placed(outer: Tensor, windows: Tensor, side_px: int) -> Tensor:
    """The windows of ``outer`` as ``(P, 3, side_px, side_px)``."""
    left, width, top, height = windows.T
    source_px = outer.shape[-1]
    rows = resampling(top, height, source_px, side_px)
    columns = resampling(left, width, source_px, side_px)
    return rows[:, None] @ outer @ columns.mT[:, None]
