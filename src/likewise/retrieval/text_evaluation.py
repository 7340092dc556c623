"""Evaluating a model that reads texts: each text of a column searches the images."""

from typing import Any

import numpy as np

from likewise.arguments import checked
from likewise.data import Catalog
from likewise.errors import CatalogError, InputError, ModelError, choices
from likewise.models import SimilarityModel
from likewise.retrieval.evaluation import evaluate_queries, resolve_metrics
from likewise.retrieval.model_evaluation import ModelEvaluation, shows_progress


@checked
def evaluate_texts(
    model: SimilarityModel,
    catalog: Catalog,
    column: str,
    *,
    embedding: dict[str, Any] | None = None,
    **options: Any,
) -> ModelEvaluation:
    """Retrieval metrics of texts as queries. The images with the same text in the column are relevant.

    A column of captions that all differ gives the recall of single images; the column ``label`` that of classes.

    Args:
        model: With a text tower.
        catalog: Images; those without a text are left out.
        column: Column of the catalog, with texts.
        embedding: Arguments of ``SimilarityModel.embed``, such as batch_size.
        **options: ``recall_at`` and ``metrics`` of :func:`likewise.retrieval.evaluate`.

    Returns:
        The metrics of each text; ``ids`` are the texts, ``unlabelled`` counts the images without one.

    Raises:
        ModelError: The model has no text tower.
        CatalogError: There is no such column, or it contains no texts.
        InputError: None of the images could be read.
    """
    resolve_metrics(**options)  # this and the following checks precede the embedding
    captions = _captions(catalog, column)
    if model.text is None:
        raise ModelError(
            f"'{model.name}' has no text tower, so texts cannot search its images: leave --text-column out, or use a "
            "model that was trained with texts, such as open_clip:ViT-B-32/laion2b_s34b_b79k."
        )
    has_text = captions != ""
    images = catalog.take(has_text)
    texts = list(dict.fromkeys(captions[has_text].tolist()))
    vectors = model.embed_text(texts)
    embeddings = model.embed(images, **(embedding or {}))
    caption_of = dict(zip(images.ids, captions[has_text].tolist(), strict=True))
    labels = np.array([caption_of[name] for name in embeddings.ids], dtype=str)
    if not len(labels):
        raise InputError("None of the images could be read, so there is nothing to find.")
    result = evaluate_queries(
        vectors, np.array(texts, dtype=str), gallery_vectors=embeddings.vectors, gallery_labels=labels,
        distance="cosine", device=model.device, progress=shows_progress(embedding), **options,
    )  # fmt: skip
    return ModelEvaluation(result, texts, int((~has_text).sum()), embeddings.failures)


def _captions(catalog: Catalog, column: str) -> np.ndarray:
    """``(N,)`` texts, "" if there is none."""
    if column not in catalog.table:
        names = [str(name) for name in catalog.table.columns if name != "path"]
        raise CatalogError(f"The catalog has no column '{column}': {choices(column, names)}")
    values = catalog.table[column]
    captions = np.array(
        ["" if gone else str(text).strip() for text, gone in zip(values, values.isna(), strict=True)]
    )
    if not (captions != "").any():
        raise CatalogError(f"The column '{column}' holds no texts: name a column of captions.")
    return captions
