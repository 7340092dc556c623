"""Attention scores of a sample of a catalog's images, without a store."""

from collections.abc import Sequence

import numpy as np

from likewise.data import Catalog, CatalogDataset, EvalTransform, make_loader
from likewise.data.loading import Key
from likewise.explain import AttentionScores, SaliencySettings, attention_score, attribute
from likewise.models import SimilarityModel
from likewise.progress import progress_bar
from likewise.seeds import derived_seed

_TOGETHER = 8  # images decoded and explained at once


def sample_attention(
    model: SimilarityModel,
    catalog: Catalog,
    count: int,
    settings: SaliencySettings,
    *,
    batch_size: int = 64,
    progress: bool = False,
) -> tuple[AttentionScores | None, list[str]]:
    """Attention scores of ``count`` images spread evenly over the catalog, all of which have masks.

    Returns:
        The scores and the ids of the images; None where ``count`` is 0.
    """
    if count == 0:
        return None, []
    rows = evenly(len(catalog), count)
    dataset = CatalogDataset(catalog, EvalTransform(model.preprocessing), with_masks=True)
    keys: list[list[Key]] = [list(rows[at : at + _TOGETHER]) for at in range(0, len(rows), _TOGETHER)]
    values, reasons, ids = [], [], []
    with progress_bar("attention", len(rows), enabled=progress) as bar:
        for batch in make_loader(dataset, batch_sampler=keys, num_workers=0):
            if len(batch) and batch.masks is not None:
                names = [dataset.id(int(row)) for row in batch.indices]
                maps = attribute(
                    model, batch.images, method=settings.method, settings=settings,
                    seeds=[derived_seed(0, name) for name in names], batch_size=batch_size,
                )  # fmt: skip
                scores = attention_score(maps, batch.masks[:, 0].numpy())
                values.append(scores.values)
                reasons += scores.reasons
                ids += names
            bar.advance(len(batch) + len(batch.failures))
    if not ids:
        return None, []
    return AttentionScores(np.concatenate(values), reasons), ids


def evenly(total: int, count: int) -> Sequence[int]:
    """``count`` different numbers below ``total``, evenly spread, ascending; all where there are fewer.

    >>> list(evenly(10, 3)), list(evenly(3, 10))
    ([0, 3, 6], [0, 1, 2])
    """
    count = min(count, total)
    return [number * total // count for number in range(count)]
