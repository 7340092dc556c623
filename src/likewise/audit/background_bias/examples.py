"""Example searches that change with the background, for the report."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from likewise.audit.background_bias.conditions import ConditionEvaluation
from likewise.audit.background_bias.neighbors import NeighborChange
from likewise.audit.background_bias.result import Example
from likewise.data import CatalogDataset, Failure
from likewise.data.backgrounds import BackgroundBank
from likewise.data.compositing import Compositing
from likewise.data.conditions import condition_transform
from likewise.explain import SaliencySettings, attribute
from likewise.models import SimilarityModel
from likewise.seeds import derived_seed

_NEIGHBORS = 3


def find_examples(
    model: SimilarityModel,
    evaluation: ConditionEvaluation,
    neighbors: NeighborChange,
    bank: BackgroundBank,
    metric: str,
    *,
    count: int,
    compositing: Compositing,
    seed: int,
    settings: SaliencySettings | None,
) -> list[Example]:
    """The queries with the largest losses, at most one per class; new wrong first hits come first."""
    catalog = evaluation.catalog
    labels = catalog.labels.astype(str)
    plain = CatalogDataset(catalog, condition_transform("original", model.preprocessing), seed=seed)
    transform = condition_transform("replaced", model.preprocessing, bank, compositing=compositing)
    replaced = CatalogDataset(catalog, transform, with_masks=True, seed=seed)
    examples = []
    for row in _hurt_most(evaluation, neighbors, labels, metric)[:count]:
        before, after = _square(plain, row, 0), _square(replaced, row, 0)
        sides = [rows[row, :_NEIGHBORS].tolist() for rows in (neighbors.before, neighbors.after)]
        pictures = [[_picture(_square(plain, other, 0)) for other in side] for side in sides]
        names = [[str(labels[other]) for other in side] for side in sides]
        maps: tuple[np.ndarray, ...] = ()
        if settings is not None:
            drawn = [derived_seed(0, catalog.ids[row])] * 2
            maps = tuple(
                attribute(
                    model,
                    torch.stack([before, after]),
                    method=settings.method,
                    settings=settings,
                    seeds=drawn,
                )
            )
        examples.append(
            Example(
                id=catalog.ids[row], label=str(labels[row]), query=(_picture(before), _picture(after)),
                neighbors=(pictures[0], pictures[1]), neighbor_labels=(names[0], names[1]), saliency=maps,
            )
        )  # fmt: skip
    return examples


def _hurt_most(
    evaluation: ConditionEvaluation, neighbors: NeighborChange, labels: NDArray[np.str_], metric: str
) -> list[int]:
    # The first draw, which is the one in the report.
    loss = evaluation.per_query("original", metric) - evaluation.results["replaced"][0].per_query[metric]
    turned = (labels[neighbors.before[:, 0]] == labels) & (labels[neighbors.after[:, 0]] != labels)
    order = np.lexsort((-np.nan_to_num(loss, nan=-1.0), ~turned))
    seen: set[str] = set()
    rows = []
    for row in order.tolist():
        if labels[row] not in seen and np.isfinite(loss[row]):
            seen.add(labels[row])
            rows.append(row)
    return rows


def _square(dataset: CatalogDataset, row: int, draw: int) -> Tensor:
    sample = dataset[(row, draw)]
    if isinstance(sample, Failure):  # it was read a moment ago
        return torch.full((3, dataset.size_px, dataset.size_px), 128, dtype=torch.uint8)
    return sample.image.as_subclass(Tensor)


def _picture(pixels: Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())
