"""Retrieval scores of a model under each condition: original, replaced, background only, object only.

All conditions are measured on the same images, so differences are paired; each draw of ``replaced`` gives
every image (queries and gallery) another background.

Source: Kobs & Hotho 2022: 5 draws, evaluation crop for the object, training transform for the photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.audit.parts import Arrays, OnProgress, ResumableMeasurement, contents
from likewise.bounds import Count, Draws, Seed, Workers
from likewise.data import Catalog, CatalogDataset, Failure, make_loader
from likewise.data.backgrounds import BackgroundBank
from likewise.data.compositing import Compositing
from likewise.data.conditions import (
    CONDITIONS,
    Condition,
    condition_transform,
    is_random,
    needs_masks,
)
from likewise.data.loading import Key
from likewise.errors import CatalogError, ConfigError, choices
from likewise.models import SimilarityModel
from likewise.readable import readable
from likewise.retrieval import RetrievalResult, evaluate_queries, resolve_metrics, search_distance

Vectors = NDArray[np.float32]

# Images in one file, and what a kill costs at most: seconds with a GPU, a minute or two without.
_SHARD = 2048
CONDITION_WORDS: dict[str, str] = {
    "original": "original",
    "replaced": "background replaced",
    "background_only": "background only",
    "object_only": "object only",
}
"""Names of the conditions in reports."""


@readable
@dataclass(frozen=True)
class ConditionEvaluation:
    """Scores under each condition, on the same images.

    Attributes:
        results: Condition to one result per draw; queries in the same order everywhere.
        vectors: Condition to one array ``(N, D)`` per draw.
        catalog: The images available in all conditions, in the order of the vectors.
        failures: Images left out of all conditions: unreadable, without mask, without label.
    """

    results: dict[Condition, list[RetrievalResult]]
    vectors: dict[Condition, list[Vectors]]
    catalog: Catalog
    failures: list[Failure]

    @property
    def gallery_size(self) -> int:
        """Images that each query was searched among, itself included."""
        return len(self.catalog)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(next(iter(self.results.values()))[0].per_query)

    @checked
    def per_query(self, condition: Condition, metric: str) -> NDArray[np.float64]:
        """``(N,)`` metric of each query, mean over the draws; NaN for lone queries."""
        drawn = np.stack([result.per_query[metric] for result in self.results[condition]])
        means: NDArray[np.float64] = drawn.mean(0)
        return means

    @checked
    def scores(self, average: str = "micro") -> dict[str, dict[str, Any]]:
        """Condition to metric to ``{"mean", "std"}`` over the draws, and ``gallery_size``.

        ``std`` is the sample standard deviation (n - 1) over draws of the background for one model, as published: no
        interval, and not over trainings. It is 0 where there is nothing random.
        """
        scores: dict[str, dict[str, Any]] = {}
        for condition, results in self.results.items():
            drawn = [result.scores(average) for result in results]
            scores[condition] = {
                name: {
                    "mean": float(np.mean([means[name] for means in drawn])),
                    "std": float(np.std([means[name] for means in drawn], ddof=1)) if len(drawn) > 1 else 0.0,
                }
                for name in drawn[0]
            }
            scores[condition]["gallery_size"] = self.gallery_size
        return scores


@checked
def evaluate_conditions(
    model: SimilarityModel,
    catalog: Catalog,
    backgrounds: BackgroundBank | Path | str | None = None,
    *,
    conditions: Sequence[Condition] = CONDITIONS,
    repeats: Draws = 5,
    compositing: Compositing = "published",
    seed: Seed = 0,
    recall_at: Sequence[Count] = (1, 2, 4, 8),
    metrics: Sequence[str] | None = None,
    batch_size: Count = 64,
    num_workers: Workers | None = None,
    progress: bool = False,
    parts: Path | None = None,
) -> ConditionEvaluation:
    """Embed and evaluate a catalog under each condition.

    Args:
        model: Any model.
        catalog: Images with labels and masks. Images without a mask are left out and listed.
        backgrounds: Photos for ``replaced``: a folder or an opened bank. They must not be those the model
            was trained with.
        conditions: Conditions to measure; ``original`` is always included.
        repeats: Number of draws of ``replaced``.
        compositing: How objects are placed on photos, ``published`` or ``clean``.
        seed: Seed of the draws; the same seed gives every model the same backgrounds.
        recall_at: Ranks of recall@K.
        metrics: Metric names instead of the default ones.
        batch_size: Images per forward pass.
        num_workers: Number of decoding processes. None: chosen automatically.
        progress: Show a bar per draw on stderr.
        parts: Folder of finished vectors, from which an interrupted call resumes, also with more ``repeats``.
            None: none is kept.

    Raises:
        CatalogError: No image has label and mask.
        FingerprintError: ``parts`` is of another model, catalog or setting.
        ConfigError: An unknown condition or metric, ``repeats`` below 1, or no photos for ``replaced``.
        InputError: No query has another image of its class.
    """
    measured = _checked(conditions)
    resolve_metrics(recall_at, metrics)
    usable, failures = _usable(catalog, needs_masks(measured))
    bank = _bank(model, backgrounds) if "replaced" in measured else None
    draws = {condition: repeats if is_random(condition) else 1 for condition in measured}

    def fingerprint() -> list[str]:
        photos = "" if bank is None else bank.fingerprint
        masks = contents(usable.mask_paths) if needs_masks(measured) else ""
        return [model.fingerprint, usable.fingerprint, photos, masks, compositing, str(seed)]

    embedded: dict[Condition, list[_Embedded]] = {}
    for condition, count in draws.items():
        transform = condition_transform(condition, model.preprocessing, bank, compositing=compositing)
        dataset = CatalogDataset(usable, transform, with_masks=condition != "original", seed=seed)
        embedded[condition] = []
        for draw in range(count):
            embed = partial(
                embed_dataset, model=model, dataset=dataset, draw=draw, size=batch_size, workers=num_workers
            )
            if condition == "original":  # as any other work embeds them, so that vectors are shared
                embed = partial(
                    _embed_originals, model=model, catalog=usable, size=batch_size, workers=num_workers
                )
            name = f"{condition} {draw + 1}" if is_random(condition) else condition
            folder = None if parts is None else parts / f"{condition}-{draw}"
            measurement = ResumableMeasurement(name, usable.ids, embed, fingerprint, _SHARD, usable.paths)
            arrays, failed = measurement.run(folder, progress)
            embedded[condition].append(_Embedded(arrays["vectors"], arrays["rows"], failed))
    rows, unread = _common_rows(embedded)
    labels = usable.labels[rows].astype(str)
    options: dict[str, Any] = {
        "distance": search_distance(model),
        "recall_at": recall_at,
        "metrics": metrics,
        "device": model.device,
    }
    vectors = {name: [draw.vectors[draw.places(rows)] for draw in drawn] for name, drawn in embedded.items()}
    results = {
        name: [evaluate_queries(draw_vectors, labels, **options) for draw_vectors in drawn]
        for name, drawn in vectors.items()
    }
    evaluated = usable if len(rows) == len(usable) else usable.take(rows)
    return ConditionEvaluation(results, vectors, evaluated, [*failures, *unread])


@dataclass(frozen=True)
class _Embedded:
    """Vectors of one draw, the rows they are of, and what could not be read."""

    vectors: Vectors
    rows: NDArray[np.int64]
    failures: list[Failure]

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of these rows."""
        return np.searchsorted(self.rows, rows)


def _embed_originals(
    rows: Sequence[int],
    on_progress: OnProgress,
    *,
    model: SimilarityModel,
    catalog: Catalog,
    size: int,
    workers: int | None,
) -> tuple[Arrays, list[Failure]]:
    place = {name: row for row, name in enumerate(catalog.ids)}
    embeddings = model.embed(catalog.take(list(rows)), size, workers, on_done=on_progress)
    return {
        "vectors": embeddings.vectors,
        "rows": np.array([place[name] for name in embeddings.ids], np.int64),
    }, embeddings.failures


def embed_dataset(
    rows: Sequence[int],
    on_progress: OnProgress,
    *,
    model: SimilarityModel,
    dataset: CatalogDataset,
    draw: int,
    size: int,
    workers: int | None,
) -> tuple[Arrays, list[Failure]]:
    """Vectors and row numbers of some rows of a dataset, and the images that could not be used."""
    keys: list[list[Key]] = [
        [(row, draw) for row in rows[start : start + size]] for start in range(0, len(rows), size)
    ]
    vectors, embedded_rows, failures = [np.empty((0, model.dim), np.float32)], [np.empty(0, np.int64)], []
    for batch in make_loader(dataset, batch_sampler=keys, num_workers=workers):
        failures += batch.failures
        if len(batch):
            # Squares of the model's own size are taken as they are.
            embeddings = model.embed(batch.images, batch_size=size)
            vectors.append(embeddings.vectors)
            embedded_rows.append(batch.indices.numpy()[[int(place) for place in embeddings.ids]])
            # Images whose vector cannot be compared.
            rows_of = [int(batch.indices[int(failure.id)]) for failure in embeddings.failures]
            failures += [
                Failure(dataset.id(row), failure.reason)
                for row, failure in zip(rows_of, embeddings.failures, strict=True)
            ]
        on_progress(len(batch) + len(batch.failures))
    return {"vectors": np.concatenate(vectors), "rows": np.concatenate(embedded_rows)}, failures


def _common_rows(embedded: dict[Condition, list[_Embedded]]) -> tuple[NDArray[np.int64], list[Failure]]:
    """Rows available in every condition, and the reasons for the others."""
    everything = [draw for drawn in embedded.values() for draw in drawn]
    rows = everything[0].rows
    for draw in everything[1:]:
        rows = np.intersect1d(rows, draw.rows)
    reasons = {failure.id: failure for draw in everything for failure in draw.failures}
    if not len(rows):
        first = next(iter(reasons.values()))
        raise CatalogError(f"No image is usable in all conditions, first: {first.id}: {first.reason}")
    return rows, list(reasons.values())


def _checked(conditions: Sequence[Condition]) -> list[Condition]:
    for condition in conditions:
        if condition not in CONDITIONS:
            raise ConfigError(f"There is no condition {condition!r}: {choices(condition, CONDITIONS)}")
    return [condition for condition in CONDITIONS if condition == "original" or condition in conditions]


def _usable(catalog: Catalog, with_masks: bool) -> tuple[Catalog, list[Failure]]:
    table = catalog.table
    labelled = table["label"] != ""
    masked = table["mask"] != "" if "mask" in table else labelled & False
    keep = labelled & masked if with_masks else labelled
    if not keep.any():
        lack = "label" if not labelled.any() else "mask: make masks with  likewise masks  first"
        raise CatalogError(f"None of the {len(catalog)} images has a {lack}.")
    reasons = np.where(labelled, "There is no mask for it.", "There is no label for it.")
    failures = [Failure(name, why) for name, why in zip(table["path"][~keep], reasons[~keep], strict=True)]
    return (catalog if keep.all() else catalog.take(keep)), failures


def _bank(model: SimilarityModel, backgrounds: BackgroundBank | Path | str | None) -> BackgroundBank:
    if backgrounds is None:
        raise ConfigError("The condition 'replaced' needs background photos: give a folder of them.")
    if isinstance(backgrounds, BackgroundBank):
        return backgrounds
    return BackgroundBank.open(backgrounds, resize_px=model.preprocessing.resize_px)
