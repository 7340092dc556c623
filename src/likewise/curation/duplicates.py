"""Copies of one photo among many images: exact, re-encoded, resized, cropped, mirrored."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likewise.arguments import checked
from likewise.bounds import Count, PositiveOrZero, Threads
from likewise.curation.candidates import layout_candidates, model_candidates
from likewise.curation.copies import DuplicatePair, Duplicates
from likewise.curation.pixel_decision import decided_pairs
from likewise.curation.prints import Prints, image_prints
from likewise.curation.search_state import resumed_search
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.files import digest
from likewise.models import Embeddings, SimilarityModel
from likewise.retrieval import nearest

FIT = 0.97
"""Correlation of aligned pixels from which two images are copies; docs/curation.md says how it was measured."""
EMBEDDING_SHARE = 0.2
"""The same for embeddings alone: distance as a share of the median distance of nearest neighbours."""


@checked
def duplicates(
    images: Catalog | Embeddings,
    model: SimilarityModel | Embeddings | None = None,
    *,
    cutoff: PositiveOrZero | None = None,
    neighbors: Count = 8,
    new: Sequence[str] | None = None,
    state: Path | None = None,
    workers: Threads | None = None,
    progress: bool = False,
) -> Duplicates:
    """Find images that are copies of each other.

    With a catalog, candidates are found with small copies of all images (3 KB each) and decided by their pixels: one
    image is aligned with the other, as a whole or as a crop of at least 60 % of each side, mirrored or not. A model
    adds more candidates. With embeddings alone, the distance decides.

    Args:
        images: Catalog, or embeddings if there are no pixels.
        model: With a catalog: a model or its embeddings of these images, for more candidates.
        cutoff: Smallest correlation of aligned pixels (0.97), or with embeddings alone the largest distance (20 % of
            the median distance between nearest neighbours).
        neighbors: Candidates per image. Further copies of the same photo are found through each other.
        new: Ids of new images: only pairs with at least one of them are searched for.
        state: With a catalog: file of an earlier call (.npz), written again at the end. Images in it whose content is
            the same are not decoded. Only pairs with another image are searched for, and added to the earlier ones,
            unless the cut-off, ``neighbors`` or the model differ.
        workers: Number of decoding threads. None: one per core.
        progress: Show progress on stderr.

    Raises:
        InputError: ``new`` names an unknown image, ``state`` is another file, or no image can be read.
    """
    if state is not None and (new is not None or isinstance(images, Embeddings)):
        raise InputError("state is for a catalog, and finds the new images itself: leave state or new out.")
    fresh = _fresh_rows(images.ids, new)
    if isinstance(images, Embeddings):
        if model is not None:
            raise InputError(
                "A model is used with a catalog: give the catalog of the images, or leave model out."
            )
        return _close_embeddings(images, cutoff, neighbors, fresh, progress)
    limit = FIT if cutoff is None else cutoff
    search = partial(_pairs_of, images, model, neighbors, limit, progress)
    new_ids = None
    if state is None:
        prints = image_prints(images, workers=workers, progress=progress)
        pairs = search(prints, fresh[prints.rows])
    else:
        settings = digest(str(limit), str(neighbors), "" if model is None else model.fingerprint)
        prints, pairs, new_ids = resumed_search(
            images, state, settings, search, workers=workers, progress=progress
        )
    splits = np.asarray(images.table["split"].tolist(), dtype=object)
    return Duplicates(images.ids, images.labels, splits, pairs, limit, prints.failures, new_ids)


def _pairs_of(  # noqa: PLR0917 - what one search has in common comes first
    images: Catalog, model: SimilarityModel | Embeddings | None, neighbors: int, limit: float, progress: bool,
    prints: Prints, new_images: NDArray[np.bool_],
) -> list[DuplicatePair]:  # fmt: skip
    """Copies among the images of ``prints``, each pair with a new image."""
    if not len(prints.rows):
        raise InputError(f"None of the {len(images):,} images can be read: {prints.failures[0].reason}")
    candidates = layout_candidates(prints.pixels, neighbors, new_images)
    if model is not None:
        embedded = model if isinstance(model, Embeddings) else model.embed(images, progress=progress)
        more = model_candidates(images.ids, embedded, prints, neighbors, new_images)
        candidates = np.unique(np.concatenate([candidates, more]), axis=0)
    return decided_pairs(images, prints, candidates, limit, progress)


def _fresh_rows(ids: list[str], new: Sequence[str] | None) -> NDArray[np.bool_]:
    if new is None:
        return np.ones(len(ids), bool)
    unknown = sorted(set(new) - set(ids))
    if unknown:
        raise InputError(
            f"new names {unknown[0]!r}, which is not among the {len(ids):,} images: correct the id."
        )
    named = set(new)
    return np.array([each in named for each in ids], bool)


def _close_embeddings(
    embeddings: Embeddings, cutoff: float | None, neighbors: int, fresh: NDArray[np.bool_], progress: bool
) -> Duplicates:
    usable = embeddings.usable()
    empty = np.full(len(usable), "", object)
    labels = empty if usable.labels is None else usable.labels
    if len(usable) < 2:
        return Duplicates(usable.ids, labels, empty, [], cutoff or 0.0, usable.failures)
    distance = embeddings.distance if embeddings.distance != "avsl" else "euclidean"
    count = min(neighbors, len(usable) - 1)
    neighborhoods = nearest(usable.vectors, k=count, distance=distance, progress=progress)
    # Copies would pull the median down: rows at distance 0 are left out of it.
    first = neighborhoods.distances[:, 0][neighborhoods.distances[:, 0] > 1e-7]
    limit = cutoff if cutoff is not None else EMBEDDING_SHARE * float(np.median(first)) if len(first) else 0.0
    row_of = dict(zip(embeddings.ids, fresh.tolist(), strict=True))
    new_images = np.array([row_of[each] for each in usable.ids], bool)
    best: dict[tuple[int, int], float] = {}
    for row, place in zip(*np.nonzero(neighborhoods.distances <= max(limit, 1e-7)), strict=True):
        other = int(neighborhoods.indices[row, place])
        if new_images[row] or new_images[other]:
            best[min(row, other), max(row, other)] = float(neighborhoods.distances[row, place])
    pairs = [DuplicatePair(int(a), int(b), "close embedding", False, d) for (a, b), d in sorted(best.items())]
    return Duplicates(usable.ids, labels, empty, pairs, limit, usable.failures)
