"""Evaluating a model on a catalog: embed once, search queries in a gallery, an image never in itself."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.arguments import checked
from likewise.bounds import InnerShare
from likewise.data import Catalog, Failure
from likewise.errors import InputError
from likewise.models import Embeddings, SimilarityModel
from likewise.models.embedding_job import nothing_embedded
from likewise.readable import readable
from likewise.retrieval.calibration import calibrate, supported_rate
from likewise.retrieval.distances import search_distance
from likewise.retrieval.evaluation import evaluate_queries, resolve_metrics
from likewise.retrieval.result import RetrievalResult
from likewise.retrieval.threshold import Threshold


@readable
@dataclass(frozen=True)
class ModelEvaluation:
    """Result of :func:`evaluate_model`.

    Attributes:
        result: Metrics of every query, means, intervals, size of the gallery.
        ids: ``(Q,)`` the queries.
        unlabelled: Images without a label; they are neither queries nor in the gallery.
        failures: Images that could not be read.
    """

    result: RetrievalResult
    ids: list[str]
    unlabelled: int
    failures: list[Failure]


@checked
def evaluate_model(
    model: SimilarityModel,
    catalog: Catalog,
    *,
    queries: Catalog | None = None,
    gallery: Catalog | None = None,
    embedding: dict[str, Any] | None = None,
    **options: Any,
) -> ModelEvaluation:
    """Retrieval metrics of a model, in the distance it was trained with.

    Args:
        model: Any model.
        catalog: Images, evaluated leave-one-out unless queries and gallery are given.
        queries: A selection of the catalog. It may overlap with the gallery: no image is its own hit.
        gallery: A selection of the catalog.
        embedding: Arguments of ``SimilarityModel.embed``, such as batch_size.
        **options: ``recall_at`` and ``metrics`` of :func:`likewise.retrieval.evaluate`.

    Raises:
        InputError: Only one of queries and gallery, no labels, or no query with an image of its class in the gallery.
    """
    if (queries is None) != (gallery is None):
        raise InputError("Give queries and gallery together, or neither for leave-one-out.")
    resolve_metrics(**options)  # this and the following checks precede the embedding
    catalog.require_labels("Evaluation")
    _check_findable(catalog, queries, gallery)
    embeddings, unlabelled = _embedded(model, _union(catalog, queries, gallery), embedding)
    labels, rows = _labels(embeddings), {name: row for row, name in enumerate(embeddings.ids)}
    common: dict[str, Any] = {
        "distance": search_distance(model), "device": model.device, "progress": shows_progress(embedding), **options
    }  # fmt: skip
    if queries is None or gallery is None:
        result = evaluate_queries(embeddings.vectors, labels, **common)
        return ModelEvaluation(result, embeddings.ids, unlabelled, embeddings.failures)
    query_rows = np.array([rows[name] for name in queries.ids if name in rows], np.int64)
    gallery_rows = np.array([rows[name] for name in gallery.ids if name in rows], np.int64)
    if not len(query_rows) or not len(gallery_rows):
        raise InputError(
            f"There are {len(query_rows)} labelled queries and {len(gallery_rows)} gallery images: both need some."
        )
    place = {int(row): position for position, row in enumerate(gallery_rows)}
    result = evaluate_queries(
        embeddings.vectors[query_rows],
        labels[query_rows],
        gallery_vectors=embeddings.vectors[gallery_rows],
        gallery_labels=labels[gallery_rows],
        self_index=np.array([place.get(int(row), -1) for row in query_rows], np.int64),
        **common,
    )
    return ModelEvaluation(
        result, [embeddings.ids[row] for row in query_rows], unlabelled, embeddings.failures
    )


@checked
def calibrate_model(
    model: SimilarityModel,
    catalog: Catalog,
    *,
    false_match_rate: InnerShare | None = None,
    embedding: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[Threshold, list[Failure]]:
    """The threshold of a model, from images of classes it was not trained with.

    Args:
        model: Embeds.
        catalog: Held-out images with labels.
        false_match_rate: As for :func:`likewise.retrieval.calibrate`.
        embedding: Arguments of ``SimilarityModel.embed``, such as batch_size.
        **options: Others of :func:`likewise.retrieval.calibrate`.

    Returns:
        The threshold, tied to the model, and the images that could not be read.

    Raises:
        InputError: As :func:`likewise.retrieval.calibrate`; or no labels.
    """
    catalog.require_labels("Calibration")
    supported_rate(catalog.labels[catalog.labels != ""].astype(str))  # refused before the images are embedded
    embeddings, _ = _embedded(model, catalog, embedding)
    threshold = calibrate(
        embeddings.vectors,
        _labels(embeddings),
        false_match_rate=false_match_rate,
        distance=search_distance(model),
        fingerprint=model.fingerprint,
        device=model.device,
        progress=shows_progress(embedding),
        **options,
    )
    return threshold, embeddings.failures


def shows_progress(embedding: dict[str, Any] | None) -> bool:
    """Whether the work after the embedding shows its progress: as the embedding does."""
    return bool((embedding or {}).get("progress"))


def _check_findable(catalog: Catalog, queries: Catalog | None, gallery: Catalog | None) -> None:
    """Check that at least one image has another of its class, and that there is another class."""
    searched, stored = (catalog, catalog) if queries is None or gallery is None else (queries, gallery)
    labels = searched.labels[searched.labels != ""].astype(str)
    names, counts = np.unique(stored.labels[stored.labels != ""].astype(str), return_counts=True)
    inside = set(stored.ids)
    if queries is None:
        findable = bool((counts > 1).any())
    else:
        classes = dict(zip(names.tolist(), counts.tolist(), strict=True))
        findable = any(
            classes.get(str(label), 0) > (name in inside)
            for label, name in zip(searched.labels, searched.ids, strict=True) if label != ""
        )  # fmt: skip
    if len(labels) and len(names) and not findable:
        raise InputError(
            f"None of the queries ({len(labels):,}) has another image of its class in the gallery: give at least two "
            "images of a class, or check the labels."
        )
    if len(names) == 1 and set(labels) == set(names):
        raise InputError(
            f"All images have the label {str(names[0])!r}, so every hit is right: give at least two classes."
        )


def _union(catalog: Catalog, queries: Catalog | None, gallery: Catalog | None) -> Catalog:
    if queries is None or gallery is None:
        return catalog
    return catalog.take(catalog.table["path"].isin({*queries.ids, *gallery.ids}))


def _embedded(
    model: SimilarityModel, catalog: Catalog, options: dict[str, Any] | None
) -> tuple[Embeddings, int]:
    catalog.require_labels("Evaluation")
    labelled = catalog.labels != ""
    chosen = catalog if labelled.all() else catalog.take(labelled)
    return model.embed(chosen, **(options or {})), int((~labelled).sum())


def _labels(embeddings: Embeddings) -> np.ndarray:
    if not len(embeddings):
        raise nothing_embedded(embeddings.failures)
    if embeddings.labels is None:
        raise InputError("The embeddings have no labels: embed a catalog whose images have labels.")
    return embeddings.labels
