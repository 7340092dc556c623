"""Principal components or whitening fitted to the images of a catalog, with what they change in retrieval."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.arguments import checked
from likewise.bounds import Count, PositiveOrZero
from likewise.data import Catalog, Failure
from likewise.errors import FingerprintError
from likewise.models import Embeddings, SimilarityModel, fit_projection
from likewise.models.whitening import components
from likewise.readable import readable
from likewise.retrieval import evaluate

_METRICS = ("recall@1", "map@r")


@readable
@dataclass(frozen=True)
class Whitened:
    """Result of :func:`fit_whitening`.

    Attributes:
        model: The model with the projection behind it.
        images: Images the projection was fitted to.
        measured_on: Images of the scores: "held-out images", "the images it was fitted to", or "" without scores.
        before: recall@1 and map@r of the model, 0 to 1; None if no class has two images.
        after: The same with the projection.
        failures: Images that could not be read.
    """

    model: SimilarityModel
    images: int
    measured_on: str
    before: dict[str, float] | None
    after: dict[str, float] | None
    failures: list[Failure]


@checked
def fit_whitening(
    model: SimilarityModel,
    catalog: Catalog,
    dim: Count | None = None,
    *,
    split: str | None = None,
    whiten: bool = True,
    shrinkage: PositiveOrZero = 1.0,
    embedding: dict[str, Any] | None = None,
    embeddings: Embeddings | None = None,
) -> Whitened:
    """Fit principal components to the embeddings of images; labels serve only to measure what changes.

    Args:
        model: Embeds.
        catalog: Images. Those of other splits are held out: scores before and after are measured on them.
        dim: Components to keep; None keeps all.
        split: Fit to this split alone; None is "train" where the catalog has it, else all images.
        whiten: Also divide each component by its standard deviation.
        shrinkage: See :func:`likewise.models.fit_projection`.
        embedding: Arguments of ``SimilarityModel.embed``, such as batch_size.
        embeddings: Embeddings of the catalog by this model, if they are there already.

    Raises:
        InputError: Too few images, or an AVSL model.
        CatalogError: The catalog has no such split.
        ConfigError: ``dim`` is larger than the dimension of the model.
        FingerprintError: The embeddings are those of another model.
    """
    fitted_ids = ids_to_fit(model, catalog, dim, split)
    if embeddings is None:
        embeddings = model.embed(catalog, **(embedding or {}))
    elif embeddings.fingerprint != model.fingerprint:
        raise FingerprintError(
            f"The embeddings were made by another model than '{model.name}': embed the catalog with this one."
        )
    inside = [row for row, name in enumerate(embeddings.ids) if name in fitted_ids]
    outside = [row for row, name in enumerate(embeddings.ids) if name not in fitted_ids]
    fitted_to = embeddings.take(inside)
    projection = fit_projection(fitted_to, dim, whiten=whiten, shrinkage=shrinkage)
    measured = _labelled(embeddings.take(outside)) if outside else _labelled(fitted_to)
    before, after = None, None
    if measured is not None:
        vectors = projection.of_rows(measured.vectors)
        before = _scores(measured.vectors, measured, model.distance)
        after = _scores(vectors, measured, model.distance)
    where = "held-out images" if outside else "the images it was fitted to"
    return Whitened(
        model.projected(projection),
        len(inside),
        where if before else "",
        before,
        after,
        list(embeddings.failures),
    )


def ids_to_fit(model: SimilarityModel, catalog: Catalog, dim: int | None, split: str | None) -> set[str]:
    """The images that :func:`fit_whitening` fits to, checked before any work.

    Raises:
        InputError, CatalogError, ConfigError: See :func:`fit_whitening`.
    """
    if split is None and "train" in catalog.splits:
        split = "train"
    ids = set(catalog.select(split=split).ids)
    components(len(ids), model.dim, dim, model.distance)
    return ids


def _labelled(embeddings: Embeddings) -> Embeddings | None:
    """Those with a label, if any class has two images."""
    if embeddings.labels is None:
        return None
    rows = [row for row, label in enumerate(embeddings.labels) if label]
    counts = Counter(embeddings.labels[row] for row in rows)
    return embeddings.take(rows) if counts and max(counts.values()) > 1 else None


def _scores(vectors: np.ndarray, measured: Embeddings, distance: str) -> dict[str, float]:
    assert measured.labels is not None
    scores = evaluate(vectors, measured.labels, metrics=list(_METRICS), distance=distance)
    return {name: float(scores[name]) for name in _METRICS}
