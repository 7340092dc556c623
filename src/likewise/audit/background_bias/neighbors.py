"""Changes of the neighbours of an image if only its background is replaced."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.audit.background_bias.conditions import ConditionEvaluation
from likewise.models import SimilarityModel
from likewise.retrieval import nearest, search_distance

_MOST = 5


@dataclass(frozen=True)
class NeighborChange:
    """Images on replaced backgrounds, searched among the original images (without their own).

    Attributes:
        depth: Neighbours looked at, at most 5.
        first: ``(draws,)`` share of images whose first neighbour is another one.
        of_depth: ``(draws,)`` share of the first ``depth`` neighbours that are other ones.
        finds_itself: ``(draws,)`` fraction of images that find their own original first if it is in the gallery.
        before: ``(N, depth)`` rows of the neighbours of the unchanged images.
        after: ``(N, depth)`` those of the first draw.
    """

    depth: int
    first: NDArray[np.float64]
    of_depth: NDArray[np.float64]
    finds_itself: NDArray[np.float64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


def neighbor_change(model: SimilarityModel, evaluation: ConditionEvaluation) -> NeighborChange:
    """Compare the neighbours before and after, draw by draw; ``replaced`` must have been evaluated."""
    gallery = evaluation.vectors["original"][0]
    depth, distance = min(_MOST, len(gallery) - 1), search_distance(model)
    own_rows = np.arange(len(gallery))
    before = nearest(gallery, k=depth, distance=distance).indices
    first, of_depth, itself, after = [], [], [], before
    for draw, vectors in enumerate(evaluation.vectors["replaced"]):
        neighbors = nearest(vectors, gallery, depth, distance=distance, self_index=own_rows).indices
        still_near = (neighbors[:, :, None] == before[:, None, :]).any(2)
        first.append(float((neighbors[:, 0] != before[:, 0]).mean()))
        of_depth.append(float(1 - still_near.mean()))
        itself.append(
            float((nearest(vectors, gallery, 1, distance=distance).indices[:, 0] == own_rows).mean())
        )
        after = neighbors if draw == 0 else after
    return NeighborChange(depth, np.array(first), np.array(of_depth), np.array(itself), before, after)
