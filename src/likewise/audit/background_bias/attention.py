"""Attention scores of a sample of a catalog's images, without a store."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from likewise.audit.parts import Arrays, OnProgress, ResumableMeasurement, contents
from likewise.data import Catalog, CatalogDataset, EvalTransform, Failure, make_loader
from likewise.data.loading import Key
from likewise.data.sampling import evenly_spaced
from likewise.explain import AttentionScores, SaliencySettings, attention_score, attribute
from likewise.models import SimilarityModel
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
    parts: Path | None = None,
) -> tuple[AttentionScores | None, list[str]]:
    """Attention scores of ``count`` images spread evenly over the catalog, which must all have masks.

    Args:
        model: Whose attention.
        catalog: Images with masks.
        count: Number of images.
        settings: Settings of the maps.
        batch_size: Rows (images x noisy copies) in one pass.
        progress: Show a bar on stderr.
        parts: Folder of finished scores, from which an interrupted call resumes. None: none is kept.

    Returns:
        The scores and the ids of the images; None if ``count`` is 0.

    Raises:
        FingerprintError: ``parts`` is of another model, catalog or setting.
    """
    if count == 0:
        return None, []
    sample = catalog.take(evenly_spaced(len(catalog), count))
    attend = partial(_attend, model=model, catalog=sample, settings=settings, batch_size=batch_size)
    measured = ResumableMeasurement(
        name="attention", ids=sample.ids, measure=attend, shard_size=4 * _TOGETHER,
        fingerprint=lambda: (
            model.fingerprint, sample.fingerprint, contents(sample.mask_paths), settings.model_dump_json()
        ),
        files=sample.paths,
    )  # fmt: skip
    arrays, _ = measured.run(parts, progress)
    ids = [sample.ids[row] for row in arrays["rows"]]
    return (AttentionScores(arrays["values"], arrays["reasons"].tolist()), ids) if ids else (None, [])


def _attend(
    rows: Sequence[int],
    on_progress: OnProgress,
    *,
    model: SimilarityModel,
    catalog: Catalog,
    settings: SaliencySettings,
    batch_size: int,
) -> tuple[Arrays, list[Failure]]:
    dataset = CatalogDataset(catalog, EvalTransform(model.preprocessing), with_masks=True)
    keys: list[list[Key]] = [list(rows[at : at + _TOGETHER]) for at in range(0, len(rows), _TOGETHER)]
    values, reasons, measured_rows, failures = [np.empty(0)], [], [np.empty(0, np.int64)], []
    for batch in make_loader(dataset, batch_sampler=keys, num_workers=0):
        failures += batch.failures
        if len(batch) and batch.masks is not None:
            maps = attribute(
                model, batch.images, method=settings.method, settings=settings,
                seeds=[derived_seed(0, dataset.id(int(row))) for row in batch.indices], batch_size=batch_size,
            )  # fmt: skip
            scores = attention_score(maps, batch.masks[:, 0].numpy())
            values.append(scores.values)
            reasons += scores.reasons
            measured_rows.append(batch.indices.numpy())
        on_progress(len(batch) + len(batch.failures))
    return {
        "values": np.concatenate(values),
        "reasons": np.array(reasons, dtype=str),
        "rows": np.concatenate(measured_rows),
    }, failures
