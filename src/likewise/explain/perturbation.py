"""Is an explanation true? Hide what it names and see whether the distance changes more than by chance.

Cells of a grid over the image are filled from what is around them (no grey squares, which a network never
saw), and the distance to the other image is measured again.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from likewise.arguments import checked
from likewise.arrays import as_numbers
from likewise.bounds import Draws, InnerShare, Seed
from likewise.data.compositing import fill_object
from likewise.errors import EmbeddingError
from likewise.explain.token_dropping import vectors_without_tokens
from likewise.models import SimilarityModel
from likewise.readable import readable
from likewise.seeds import stream

HideBy = Literal["fill", "tokens"]


@readable
@dataclass(frozen=True)
class Faithfulness:
    """Effect of hiding the named cells, compared with random cells.

    Attributes:
        share: Hidden fraction of the image.
        named: Increase of the distance when the named cells were hidden; negative = decrease.
        random: The same for each random choice of as many cells.
    """

    share: float
    named: float
    random: list[float]

    @property
    def random_mean(self) -> float:
        """Mean increase of the distance under random hiding."""
        return float(np.mean(self.random))

    @property
    def win_rate(self) -> float:
        """Share of random choices that change the distance less than the named cells, 0 to 1."""
        return float(np.mean([value < self.named for value in self.random]))


@checked
def hiding_check(
    model: SimilarityModel,
    pixels: Tensor,
    other: Tensor,
    importance: ArrayLike,
    *,
    share: InnerShare = 0.2,
    random_choices: Draws = 10,
    seed: Seed = 0,
    hide_by: HideBy = "fill",
) -> Faithfulness:
    """Hide the most important cells of one image and measure its distance to another.

    Args:
        model: Any model.
        pixels: uint8 ``(3, H, W)``, the image in which cells are hidden.
        other: uint8 ``(3, H, W)``, the image it is compared with.
        importance: ``(h, w)``, largest = hidden first. Explanations use ``refined_map``, which is more
            faithful than ``similarity_map`` and saliency (docs/results.md).
        share: Share of cells to hide, above 0 and below 1; at least one cell.
        random_choices: Random choices to compare with.
        seed: Seed of the random choices.
        hide_by: "fill" paints cells over from what is around them. "tokens" leaves their tokens out of every
            attention, for vision transformers.

    Raises:
        ConfigError: The model has no tokens that can be dropped, or ``share`` or ``random_choices`` is out of range.
    """
    ranked = as_numbers(importance, "importance")
    cells = ranked.size
    count = max(1, round(share * cells))
    random = stream(seed, "hiding")
    chosen = [np.argsort(-ranked, axis=None, kind="stable")[:count]]
    chosen += [random.permutation(cells)[:count] for _ in range(random_choices)]
    masks = np.stack([cells_mask(ranked.shape, picked) for picked in chosen])
    hidden = vectors_hidden(model, pixels, masks, hide_by)
    rows = np.concatenate([model.vectors(torch.stack([other, pixels])), hidden])
    distances = model.compare(rows[1:], rows[:1])[:, 0]
    changes = (distances[1:] - distances[0]).tolist()
    return Faithfulness(count / cells, changes[0], changes[1:])


def vectors_hidden(
    model: SimilarityModel, pixels: Tensor, cells: NDArray[np.bool_], hide_by: HideBy
) -> NDArray[np.float32]:
    """Embeddings ``(M, dim)`` of one image ``(3, S, S)`` under each of M masks of cells ``(M, h, w)``.

    Raises:
        ConfigError: ``hide_by`` is "tokens" and the model has no tokens that can be dropped.
        EmbeddingError: An embedding is not finite.
    """
    if hide_by == "tokens":
        return vectors_without_tokens(model, pixels, cells)
    rows = model.vectors(hide_each(pixels, cells))
    if not np.isfinite(rows).all():
        raise EmbeddingError(
            f"'{model.name}' gives an image with hidden locations a vector of NaN or infinity, which has no distance "
            "to another: run this again, or use the model in float32."
        )
    return rows


def cells_mask(grid: tuple[int, ...], picked: NDArray[np.integer]) -> NDArray[np.bool_]:
    """``(h, w)`` True at the cells with these numbers."""
    mask = np.zeros(grid, dtype=bool)
    mask.reshape(-1)[picked] = True
    return mask


def hide(pixels: Tensor, cells: NDArray[np.bool_]) -> Tensor:
    """uint8 ``(3, H, W)`` with the cells ``(h, w)`` filled from what is around them."""
    return hide_each(pixels, cells[None])[0]


def hide_each(pixels: Tensor, cells: NDArray[np.bool_]) -> Tensor:
    """One image ``(3, H, W)`` uint8 under each of M masks of cells ``(M, h, w)``: ``(M, 3, H, W)``."""
    height, width = pixels.shape[-2:]
    rows = np.arange(height) * cells.shape[1] // height
    columns = np.arange(width) * cells.shape[2] // width
    masks = torch.from_numpy(np.where(cells[:, rows][:, :, columns], 255, 0).astype(np.uint8))[:, None]
    return fill_object(pixels.expand(len(cells), -1, -1, -1), masks.to(pixels.device), grow_px=0)
