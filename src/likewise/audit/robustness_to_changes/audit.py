"""Whether a search still works on changed photos: compressed, small, dark, cropped, turned, written on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from likewise.arguments import checked
from likewise.arrays import Floats
from likewise.audit.robustness_to_changes.changes import CHANGES
from likewise.audit.robustness_to_changes.result import ChangeEffect, RobustnessAudit
from likewise.bounds import Count, Seed
from likewise.data import Catalog, Failure
from likewise.errors import ConfigError, ImageError, InputError, choices
from likewise.images import open_image
from likewise.models import Embeddings, SimilarityModel
from likewise.progress import progress_bar
from likewise.retrieval import Comparison, nearest, search_distance
from likewise.retrieval.bootstrap import Clusters, percentile_interval
from likewise.retrieval.distances import prepare, prepared_distances
from likewise.seeds import stream

_REPEATS, _LEVEL = 1000, 0.95
_BLOCK = 64  # changed images held at once


@checked
def robustness(
    model: SimilarityModel,
    catalog: Catalog,
    *,
    images: Count = 200,
    changes: Sequence[str] | None = None,
    seed: Seed = 0,
    batch_size: Count = 64,
    progress: bool = False,
) -> RobustnessAudit:
    """Measure whether the model finds the same images from changed photos.

    Some images are changed and searched among the unchanged ones, each without its own original: the recall tells
    whether the class is still found. The distance of a changed photo to its original is compared with the usual
    distance between two images of a class.

    Args:
        model: Any model.
        catalog: Images with labels.
        images: Number of images to change, drawn at random from classes with two or more images.
        changes: Names of :data:`CHANGES`. None: all.
        seed: Seed of the draw and of random changes.
        batch_size: Images per forward pass.
        progress: Show progress on stderr.

    Raises:
        ConfigError: An unknown change.
        CatalogError: No labels.
        InputError: Fewer than two classes of two or more images.
        ModelError: The model holds stored vectors and cannot embed changed images.
    """
    names = list(CHANGES) if changes is None else list(dict.fromkeys(changes))
    for name in names:
        if name not in CHANGES:
            raise ConfigError(f"There is no change {name!r}: {choices(name, CHANGES)}")
    if not names:
        raise ConfigError("changes is an empty list: name at least one change, or leave it out for all.")
    catalog.require_labels("The robustness audit")
    gallery = model.embed(catalog, batch_size=batch_size, progress=progress)
    plan = _Plan(gallery, search_distance(model), images, seed)
    paths = dict(zip(catalog.ids, catalog.paths, strict=True))
    failures = {failure.id: failure for failure in gallery.failures}
    levels = [(name, level) for name in names for level in range(len(CHANGES[name].strengths))]
    vectors: list[list[NDArray[np.float32]]] = [[] for _ in levels]
    rows: list[list[int]] = [[] for _ in levels]
    with progress_bar("changed", len(levels) * len(plan.rows), enabled=progress) as bar:
        for start in range(0, len(plan.rows), _BLOCK):
            block = plan.rows[start : start + _BLOCK].tolist()
            opened = _opened(model, gallery, paths, block, failures)
            for number, (name, level) in enumerate(levels):
                changed, changed_rows = _changed_vectors(model, opened, name, level, seed, batch_size)
                vectors[number].append(changed)
                rows[number] += changed_rows
                bar.advance(len(block))
    effects = [
        plan.effect(*level, np.concatenate(vectors[number]), np.array(rows[number], np.int64))
        for number, level in enumerate(levels)
    ]
    return RobustnessAudit(
        model.name, model.fingerprint, effects, float(plan.right.mean()), plan.usual, len(plan.rows), plan.classes,
        len(gallery), list(failures.values()),
    )  # fmt: skip


def _opened(
    model: SimilarityModel, gallery: Embeddings, paths: dict[str, Path], rows: list[int],
    failures: dict[str, Failure],
) -> dict[int, Image.Image]:  # fmt: skip
    """Images by their row in the gallery, each decoded once for all its changes."""
    images = {}
    for row in rows:
        identity = gallery.ids[row]
        try:
            images[row] = open_image(paths[identity], min_side_px=2 * model.preprocessing.crop_px)
        except ImageError as error:  # gone since it was embedded
            failures[identity] = Failure(identity, str(error))
    return images


def _changed_vectors(  # noqa: PLR0917 - one step of the loop above
    model: SimilarityModel, images: dict[int, Image.Image], name: str, level: int, seed: int, batch_size: int
) -> tuple[NDArray[np.float32], list[int]]:
    """Vectors of the changed images, and their rows in the gallery."""
    change = CHANGES[name]
    pictures = [
        change.apply(image, change.strengths[level], stream(seed, "robustness", name, level, row))
        for row, image in images.items()
    ]
    if not pictures:
        return np.empty((0, model.dim), np.float32), []
    embeddings, rows = model.embed(pictures, batch_size=batch_size), list(images)
    return embeddings.vectors, [rows[int(place)] for place in embeddings.ids]


class _Plan:
    """The queries, and what the unchanged ones find."""

    def __init__(self, gallery: Embeddings, distance: str | Comparison, images: int, seed: int) -> None:
        labels = gallery.labels if gallery.labels is not None else np.full(len(gallery), "", object)
        _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        usable = np.flatnonzero((labels != "") & (sizes[codes] > 1))
        random = stream(seed, "robustness")
        self.rows = np.sort(random.permutation(usable)[:images])
        self.classes = len(set(codes[self.rows].tolist()))
        if self.classes < 2:
            raise InputError(
                "The robustness audit needs at least two classes of two or more images among those it changes: add "
                "images, labels or --images."
            )
        self._gallery, self._distance, self._codes = gallery.vectors, distance, codes
        self.right = self._hits(self._gallery[self.rows], self.rows)
        others = [
            int(random.choice(usable[(codes[usable] == codes[row]) & (usable != row)])) for row in self.rows
        ]
        self.usual = float(np.median(self._between(self._gallery[self.rows], np.array(others))))

    def _hits(self, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> Floats:
        """Whether the first hit of each query, its own image left out, is of its class."""
        neighbors = nearest(vectors, self._gallery, 1, distance=self._distance, self_index=rows)
        hits: Floats = (self._codes[neighbors.indices[:, 0]] == self._codes[rows]).astype(np.float64)
        return hits

    def _between(self, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> Floats:
        """Distance per vector to its image in the gallery."""
        distances = []
        for start in range(0, len(rows), _BLOCK):
            a = torch.from_numpy(vectors[start : start + _BLOCK])
            b = torch.from_numpy(self._gallery[rows[start : start + _BLOCK]])
            if isinstance(self._distance, str):
                pairs = prepared_distances(
                    prepare(a, self._distance), prepare(b, self._distance), self._distance
                )
            else:
                pairs = self._distance.pairwise(a, b)
            distances.append(pairs.diagonal().double().numpy())
        return np.concatenate(distances)

    def effect(
        self, name: str, level: int, vectors: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> ChangeEffect:
        """What a change does to the queries ``rows``."""
        if not len(rows):
            raise InputError(
                f"No image changed by {name!r} could be embedded: check the images and the model."
            )
        right, before = self._hits(vectors, rows), self.right[np.searchsorted(self.rows, rows)]
        drop = before - right
        resampled = Clusters.of(drop[:, None], self._codes[rows]).resampled(_REPEATS, 0)
        distance = float(np.median(self._between(vectors, rows)))
        return ChangeEffect(
            name, CHANGES[name].strengths[level], level, float(right.mean()), float(drop.mean()),
            percentile_interval(resampled, _LEVEL)[0], distance, distance / self.usual if self.usual > 0 else 0.0,
        )  # fmt: skip
