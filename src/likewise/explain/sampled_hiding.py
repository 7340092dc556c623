"""The effect of hiding each location of an image, estimated from a stated number of forward passes.

For models that only answer with embeddings. Random blobs of an image are hidden, a distance is measured each time, and
a linear model of what is hidden is fitted to the changes. Its coefficients have a Gaussian prior that is smooth over
the image, since neighbouring locations usually show the same thing; how smooth, and how much of the changes is not
linear, is chosen by the marginal likelihood. The posterior gives each effect a standard error.

Sources: random masks, Petsiuk et al., RISE, 2018; a linear model of them with a posterior, Slack et al., Reliable Post
hoc Explanations, 2021 (there without a prior over the image). Blobs and the smooth prior are ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from likewise.errors import ConfigError
from likewise.explain.perturbation import vectors_hidden
from likewise.models import SimilarityModel
from likewise.progress import progress_bar
from likewise.seeds import stream

Map = NDArray[np.float64]
Masks = NDArray[np.bool_]
Term = tuple[Map, Map]  # of the trend: its value (N,) for each mask, and its slope (C,) per location

GRID = 7
PASSES = 98  # partly hidden copies of an image
FEWEST = 8
_ROWS = 16  # copies that are filled at once, unless a request to a service holds another number
_SMALLEST, _LARGEST = 0.05, 0.5  # fraction of an image that a blob hides
_BLOB = 0.17  # standard deviation of the smoothed noise that blobs are cut from, in sides of the image
_REACHES = (0.07, 0.14, 0.21, 0.36)  # how far the prior correlates locations, in sides of the image
_SIGNALS = tuple(10.0 ** np.arange(-3, 2.5, 0.5))  # prior variance of an effect over the variance of the rest
_TYPICAL = 0.2  # fraction hidden at which the effect of one more location is stated


@dataclass(frozen=True)
class SampledEffects:
    """Estimated effects of hiding locations.

    Attributes:
        effects: ``(h, w)``, by how much the measured value grows when the location is hidden too.
        standard_errors: ``(h, w)`` of the effects, in the same unit.
        passes: Masks that were measured.
    """

    effects: Map
    standard_errors: Map
    passes: int


def hidden_effects(
    model: SimilarityModel,
    pixels: Tensor,
    whole: NDArray[np.float32],
    distances: Callable[[NDArray[np.float32]], NDArray[np.floating]],
    passes: int,
    *,
    seed: int = 0,
    hint: Map | None = None,
    progress: bool = False,
) -> SampledEffects:
    """Estimate the increase of a distance when each of 7 x 7 locations of an image is hidden.

    Args:
        model: Any model.
        pixels: uint8 ``(3, S, S)`` of the model's input size.
        whole: ``(1, dim)`` embedding of the whole image.
        distances: Embeddings ``(M, dim)`` to M distances.
        passes: Number of partly hidden copies, at least 8; each takes a forward pass.
        seed: Seed of the hidden areas.
        hint: ``(h, w)``, an internal explanation of the model in any resolution; see :func:`sampled_effects`.
        progress: Show a bar on stderr.

    Raises:
        ConfigError: Too few passes.
    """
    if passes < FEWEST:
        raise ConfigError(
            f"hiding_masks is {passes}, but '{model.name}' is explained by hiding, which needs at least {FEWEST}."
        )

    def changes(masks: Masks) -> NDArray[np.floating]:
        rows, at_once = [whole], int(getattr(model.network, "images_per_request", _ROWS))
        with progress_bar("hidden copies", len(masks), enabled=progress) as bar:
            for part in np.split(masks, range(at_once, passes, at_once)):
                rows.append(vectors_hidden(model, pixels, part, "fill"))
                bar.advance(len(part))
        measured = distances(np.concatenate(rows))
        grown: NDArray[np.floating] = measured[1:] - measured[0]
        return grown

    resized = None if hint is None else on_grid(hint, GRID)
    return sampled_effects(changes, (GRID, GRID), passes, seed=seed, hint=resized)


def on_grid(values: NDArray[np.floating], side: int) -> Map:
    """A map of any size as means over ``side`` x ``side`` cells."""
    tensor = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
    cells: Map = adaptive_avg_pool2d(tensor[None, None], side)[0, 0].numpy()
    return cells


def sampled_effects(
    measure: Callable[[Masks], NDArray[np.floating]],
    grid: tuple[int, int],
    passes: int,
    *,
    seed: int = 0,
    hint: Map | None = None,
) -> SampledEffects:
    """Estimate the effect of hiding each location of a grid.

    Args:
        measure: Masks ``(M, h, w)``, True = hidden, to M changes of the measured value; 0 if nothing is hidden.
        grid: Rows and columns of locations.
        passes: Number of masks to measure, at least 8.
        seed: Seed of the masks.
        hint: ``(h, w)``, a map that the effects may be proportional to. The factor is fitted, so a useless hint hardly
            matters after about 100 passes. Effects that it does not explain are estimated as without it.
    """
    masks = blobs(grid, passes, seed)
    changes = np.asarray(measure(masks), dtype=np.float64)
    hidden = masks.reshape(passes, -1).astype(np.float64)
    # Contribution of one more hidden location per term of the trend: the first falls as more is hidden.
    cells = hidden.shape[1]
    share = hidden.mean(1)
    terms = [(share, np.full(cells, 1 / cells)), (share**2, np.full(cells, 2 * _TYPICAL / cells))]
    if hint is not None and np.ptp(hint) > 0:
        standardized = (hint.reshape(-1) - hint.mean()) / hint.std()
        terms.append((hidden @ standardized, standardized))
    mean, covariance = _posterior(hidden, changes, terms, grid)
    deviation = np.sqrt(np.clip(np.diag(covariance), 0, None))
    return SampledEffects(mean.reshape(grid), deviation.reshape(grid), passes)


def blobs(grid: tuple[int, int], count: int, seed: int) -> Masks:
    """Random masks ``(count, h, w)`` of connected areas, 5 % to 50 % hidden, each location about equally often."""
    random = stream(seed, "blobs")
    root = np.linalg.cholesky(_smooth(grid, _BLOB) + 1e-6 * np.eye(grid[0] * grid[1]))
    cells = grid[0] * grid[1]
    fields = (root @ random.standard_normal((cells, (count + 1) // 2))).T
    # A field and its negative: what one hides, the other shows.
    fields = np.stack([fields, -fields], 1).reshape(-1, cells)[:count]
    shares = random.permutation((np.arange(count) + 0.5) / count)
    hidden = np.maximum(1, np.round((_SMALLEST + (_LARGEST - _SMALLEST) * shares) * cells)).astype(int)
    ranks = (-fields).argsort(1).argsort(1)
    masks: Masks = (ranks < hidden[:, None]).reshape(count, *grid)
    return masks


def _smooth(grid: tuple[int, int], reach: float) -> Map:
    """Correlation ``(h w, h w)`` of locations that falls with their distance, ``reach`` in sides of the image."""
    places = np.indices(grid).reshape(2, -1).T / np.array(grid)
    far = ((places[:, None] - places) ** 2).sum(-1)
    values: Map = np.exp(-far / (2 * reach**2))
    return values


def _posterior(hidden: Map, changes: Map, terms: Sequence[Term], grid: tuple[int, int]) -> tuple[Map, Map]:
    """Mean ``(C,)`` and covariance ``(C, C)`` of effects, given what each mask hid ``(N, C)``."""
    fits = [
        _fitted(hidden, changes, terms, signal * _smooth(grid, reach) / hidden.shape[1])
        for reach in _REACHES
        for signal in _SIGNALS
    ]
    _, mean, covariance = max(fits, key=lambda fit: fit[0])
    return mean, covariance


def _fitted(hidden: Map, changes: Map, terms: Sequence[Term], prior: Map) -> tuple[float, Map, Map]:
    """Restricted log likelihood, mean and covariance of effects under one prior (generalised least squares).

    ``prior`` is the covariance of the effects in units of the variance of what is not linear.
    """
    trend, slopes = (np.stack(parts, 1) for parts in zip(*terms, strict=True))
    factor = cho_factor(hidden @ prior @ hidden.T + np.eye(len(hidden)))
    inner = trend.T @ cho_solve(factor, trend)
    trends = np.linalg.solve(inner, trend.T @ cho_solve(factor, changes))
    residuals = changes - trend @ trends
    weighted = cho_solve(factor, residuals)
    freedom = len(changes) - trend.shape[1]
    noise = max(float(residuals @ weighted) / freedom, np.finfo(float).tiny)
    volumes = 2 * np.log(np.diag(factor[0])).sum() + np.linalg.slogdet(inner)[1]
    gain = prior @ hidden.T
    # The uncertainty of the trend adds to the covariance of the effects.
    carried = slopes - gain @ cho_solve(factor, trend)
    covariance = noise * (
        prior - gain @ cho_solve(factor, gain.T) + carried @ np.linalg.solve(inner, carried.T)
    )
    return -0.5 * (freedom * np.log(noise) + volumes), gain @ weighted + slopes @ trends, covariance
