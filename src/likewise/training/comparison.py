"""Comparison of the untrained backbone and the trained model on unseen classes."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from likewise.data import Catalog
from likewise.errors import InputError
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build
from likewise.retrieval import RetrievalResult
from likewise.retrieval.statistics import paired_difference
from likewise.training.decision import ComparedScores
from likewise.training.images import TrainingImages
from likewise.training.validation import search


@dataclass(frozen=True)
class Comparison:
    """Result of :func:`compare`.

    Attributes:
        scores: One entry per metric and set of classes, validation classes first.
        metric: The metric that decides.
    """

    scores: tuple[ComparedScores, ...]
    metric: str

    def of(self, classes_are: Literal["validation", "unseen"]) -> ComparedScores | None:
        """The deciding metric on these classes; None if there are none."""
        key = (classes_are, self.metric)
        return next((score for score in self.scores if (score.classes_are, score.metric) == key), None)

    def to_dict(self) -> list[dict[str, Any]]:
        """For JSON."""
        return [score.to_dict() for score in self.scores]


def untrained_backbone(spec: ModelSpec, model: SimilarityModel, seed: int) -> SimilarityModel:
    """The backbone of a model without head, with all its features and the same preprocessing.

    Args:
        spec: Specification of the model, with the source of its initial weights.
        model: The model, for its preprocessing.
        seed: Seed of random weights, where the backbone starts from them.

    Raises:
        ModelError: Its weights are not available.
    """
    changes = {
        "head": "linear", "avsl": None, "dim": None, "preprocessing": model.preprocessing,
        "pooling": "avg" if spec.head == "avsl" else spec.pooling,
    }  # fmt: skip
    backbone = build(spec.model_copy(update=changes), seed=seed)
    backbone.name = f"{spec.backbone}, untrained"
    return backbone


def compare(
    backbone: SimilarityModel,
    trained: SimilarityModel,
    images: TrainingImages,
    *,
    metric: str,
    seed: int = 0,
    embedding: dict[str, Any] | None = None,
) -> Comparison:
    """Score both models on the validation and the unseen classes, paired query by query.

    Args:
        backbone: Without training.
        trained: After it.
        images: Images of the comparison.
        metric: The deciding metric; recall@1 and MAP@R are measured as well.
        seed: Seed of the intervals.
        embedding: Arguments of ``SimilarityModel.embed``.
    """
    scores: list[ComparedScores] = []
    galleries: list[tuple[Literal["validation", "unseen"], Catalog | None, Catalog | None]] = [
        ("validation", images.val, images.distractors),
        ("unseen", images.unseen, None),
    ]
    metrics = list(dict.fromkeys((metric, "map@r", "recall@1")))
    for classes_are, queries, others in galleries:
        if queries is None:
            continue
        gallery = queries if others is None else _joined(queries, others)
        results = [
            _searched(model, gallery, len(queries), metrics, embedding or {}) for model in (backbone, trained)
        ]
        if results[0] is not None and results[1] is not None:
            scores += [_scores(classes_are, name, results[0], results[1], seed) for name in metrics]
    return Comparison(tuple(scores), metric)


def _searched(
    model: SimilarityModel, gallery: Catalog, queries: int, metrics: list[str], options: dict[str, Any]
) -> RetrievalResult | None:
    """None if the images that could be read hold nothing to find."""
    embeddings: Embeddings = model.embed(gallery, **options)
    query_ids = set(gallery.ids[:queries])
    readable = sum(name in query_ids for name in embeddings.ids)
    if embeddings.labels is None or not readable:
        return None
    try:
        return search(embeddings.vectors, embeddings.labels, readable, model, metrics)
    except InputError:
        return None


def _joined(queries: Catalog, others: Catalog) -> Catalog:
    return Catalog.from_table(pd.concat([queries.table, others.table], ignore_index=True), queries.root)


def _scores(
    classes_are: Literal["validation", "unseen"],
    metric: str,
    backbone: RetrievalResult,
    trained: RetrievalResult,
    seed: int,
) -> ComparedScores:
    before, after = backbone.per_query[metric], trained.per_query[metric]
    groups = backbone.labels if backbone.classes > 1 else None
    if backbone.queries < 2:
        low, high = -1.0, 1.0  # a single query cannot be resampled: the interval is unbounded
    else:
        low, high = paired_difference(after, before, groups, seed=seed, permutations=19).interval
    return ComparedScores(
        classes_are, metric, backbone.classes, backbone.queries,
        float(np.nanmean(before)), float(np.nanmean(after)), float(low), float(high),
    )  # fmt: skip
