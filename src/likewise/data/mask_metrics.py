"""Quality of predicted masks: IoU, precision, recall, MAE and boundary F against ground-truth masks.

`score_mask` compares two arrays; `score_masks` two catalogs or folders. A predicted pixel counts as object
from 128 upwards. In a true mask 128 means "do not score" (trimaps).

Source: Kobs & Hotho 2022 (threshold 128, IoU; their "overlap" is our recall); Perazzi et al., DAVIS, 2016
(boundary F with a tolerance of 0.8 % of the diagonal).
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from likewise.data.catalog import Catalog
from likewise.data.failures import Failure
from likewise.data.mask_pairs import MaskPair, pair_masks
from likewise.data.masks import OBJECT_FROM, TrueMask, read_true_mask
from likewise.errors import ImageError, InputError
from likewise.images import open_mask
from likewise.progress import progress_bar

_TOLERANCE = 0.008  # of the diagonal
_METRICS = ("iou", "precision", "recall", "mae", "boundary_f")


@dataclass(frozen=True)
class MaskScore:
    """One predicted mask against its true one.

    Attributes:
        iou: Common object over all object, 0 to 1; 1 where both are empty.
        precision: Common object over predicted object; 0 where only the prediction is empty.
        recall: Common object over true object; 0 where only the truth is empty.
        mae: Mean absolute difference of the soft prediction (0..1) and the truth (0 or 1).
        boundary_f: F measure of the outlines, 0 to 1; NaN for trimaps, whose outline is not scored.
    """

    iou: float
    precision: float
    recall: float
    mae: float
    boundary_f: float


@dataclass(frozen=True)
class MaskScores:
    """Scores of many masks.

    Attributes:
        table: One row per mask: ``id``, the metrics, and the paths ``image``, ``predicted``, ``true``.
        failures: True masks without a prediction, unreadable files, masks of different sizes.
    """

    table: pd.DataFrame
    failures: list[Failure]

    def means(self) -> dict[str, float]:
        """Mean of each metric over the images (boundary F over those that have one), and ``images``."""
        means = {name: float(self.table[name].mean()) for name in _METRICS}
        return {**means, "images": len(self.table)}

    def worst(self, count: int = 12) -> pd.DataFrame:
        """The rows with the smallest IoU, worst first."""
        return self.table.sort_values("iou", kind="stable").head(count)


def score_mask(predicted: NDArray[np.uint8], true: TrueMask) -> MaskScore:
    """Compare a predicted soft mask (H, W) with a true one.

    Raises:
        InputError: The sizes differ, or the true mask has no pixel to score.

    >>> true = TrueMask(np.array([[True, True, False]]), np.array([[True, True, True]]))
    >>> score = score_mask(np.array([[255, 0, 255]], dtype=np.uint8), true)
    >>> (round(score.iou, 3), score.precision, score.recall, round(score.mae, 3))
    (0.333, 0.5, 0.5, 0.667)
    """
    if predicted.shape != true.object.shape:
        height, width = predicted.shape[:2]
        raise InputError(
            f"The predicted mask is {width} x {height} pixels, the true one {true.object.shape[1]} x "
            f"{true.object.shape[0]}: make the prediction from the image the true mask belongs to."
        )
    count = int(true.scored.sum())
    if count == 0:
        raise InputError("All pixels of the true mask are 128, which is not scored: leave this image out.")
    prediction, truth = (predicted >= OBJECT_FROM) & true.scored, true.object & true.scored
    common, predicted_sum, true_sum = int((prediction & truth).sum()), int(prediction.sum()), int(truth.sum())
    difference = np.abs(predicted.astype(np.float32) / 255 - true.object)
    union = predicted_sum + true_sum - common
    boundary = float("nan") if count < true.scored.size else boundary_f(prediction, truth)
    return MaskScore(
        iou=_ratio(common, union, both_empty=union == 0),
        precision=_ratio(common, predicted_sum, both_empty=union == 0),
        recall=_ratio(common, true_sum, both_empty=union == 0),
        mae=float(difference[true.scored].mean(dtype=np.float64)),
        boundary_f=boundary,
    )


def boundary_f(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """F measure of two outlines: a pixel counts when the other outline is within 0.8 % of the diagonal.

    Outlines are the object pixels that touch the background, not the image border. 1 if neither
    mask has an outline, 0 where only one has.
    """
    first, second = _outline(predicted), _outline(true)
    if not first.any() or not second.any():
        return float(first.any() == second.any())
    reach = max(1.0, np.ceil(_TOLERANCE * np.hypot(*predicted.shape)))
    precision = float((distance_transform_edt(~second)[first] <= reach).mean())
    recall = float((distance_transform_edt(~first)[second] <= reach).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def score_masks(
    predicted: Catalog | Path | str,
    true: Catalog | Path | str,
    *,
    predicted_column: str = "mask",
    true_column: str = "mask",
    progress: bool = False,
) -> MaskScores:
    """Score the masks of one catalog or folder against those of another.

    Masks are matched by their image; if that is not possible (folders, catalogs that were
    moved), by their name (see `likewise.data.mask_pairs`).

    Args:
        predicted: A catalog, or a folder of masks.
        true: Likewise; decides which images are scored.
        predicted_column: Column of the predicted catalog with the masks.
        true_column: Column of the true catalog.
        progress: Show a bar on stderr.

    Raises:
        InputError: No mask on one of the sides, or none that match.
    """
    pairs, failures = pair_masks(predicted, true, predicted_column, true_column)
    rows: list[dict[str, object]] = []
    with progress_bar("score masks", len(pairs), enabled=progress) as bar, ThreadPoolExecutor() as pool:
        for pair, score in zip(pairs, pool.map(_score_pair, pairs), strict=True):
            bar.advance()
            if isinstance(score, Failure):
                failures.append(score)
                continue
            values = {name: getattr(score, name) for name in _METRICS}
            rows.append({"id": pair.id, **values, "image": pair.image, "predicted": pair.predicted,
                         "true": pair.true})  # fmt: skip
    columns = ["id", *_METRICS, "image", "predicted", "true"]
    return MaskScores(pd.DataFrame(rows, columns=columns), failures)


def _score_pair(pair: MaskPair) -> MaskScore | Failure:
    try:
        return score_mask(np.asarray(open_mask(pair.predicted)), read_true_mask(pair.true))
    except (ImageError, InputError) as error:
        return Failure(pair.id, str(error))


def _ratio(part: int, total: int, *, both_empty: bool) -> float:
    if total == 0:
        return 1.0 if both_empty else 0.0
    return part / total


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner: NDArray[np.bool_] = binary_erosion(mask, border_value=1)
    return mask & ~inner
