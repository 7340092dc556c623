"""One store of embeddings for a whole run: nothing is embedded twice, whatever check or audit asks for it.

A vector belongs to the fingerprint of its model, the content of its image (and mask) and the condition it was shown
under, so selections and orders of the catalog do not matter.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likewise.audit.background_bias.conditions import embed_dataset
from likewise.audit.parts import Arrays, OnProgress, ResumableMeasurement
from likewise.data import Catalog, CatalogDataset, Failure
from likewise.data.transforms import EvalTransform
from likewise.errors import InputError, LikewiseError
from likewise.files import content_digest, digest
from likewise.models import Embeddings, SimilarityModel
from likewise.models.embedding import Images, Precision
from likewise.models.external.vectors_file import StoredVectors

ORIGINAL = "original"
_SAMPLE = 16  # images that tell the speed of a network
_LONG_S = 1.0  # a first batch that took longer is not trusted: networks and services warm up
_SHARD = 1024  # images in one file, and what a kill costs at most


@dataclass(frozen=True)
class _Unusable:
    """Why the content of a file has no vector; other files may have the same content."""

    path: Path
    reason: str

    def of(self, path: Path) -> str:
        """The reason for another file of this content."""
        return self.reason.replace(str(self.path), str(path))


@dataclass
class _Timed:
    """How long batches took, the first one apart."""

    first: int = 0
    first_s: float = 0.0
    later: int = 0
    later_s: float = 0.0

    def after_batches(self, on_progress: OnProgress) -> OnProgress:
        """A function to call after each batch that begins now, which calls ``on_progress``."""
        begin = time.monotonic()

        def done(count: int) -> None:
            nonlocal begin
            now = time.monotonic()
            if self.first:
                self.later, self.later_s = self.later + count, self.later_s + now - begin
            else:
                self.first, self.first_s = count, now - begin
            begin = now
            on_progress(count)

        return done

    @property
    def per_image_s(self) -> float | None:
        """Seconds per image; None if the first batch was slow and too few images came later."""
        if self.first_s < _LONG_S:
            return (self.first_s + self.later_s) / max(1, self.first + self.later)
        return self.later_s / self.later if self.later >= _SAMPLE else None


_Entry = np.ndarray | _Unusable
_Stored = dict[str, _Entry]  # content to its vector, or to the reason why there is none


class EmbeddingCache:
    """Embeddings of images by model, content and condition.

    Args:
        folder: Keeps what was embedded, so that an interrupted run can be resumed; None keeps it in memory.
        batch_size: Images per forward pass.
        progress: Show bars on stderr.
    """

    def __init__(self, folder: Path | None = None, *, batch_size: int = 64, progress: bool = False) -> None:
        self._folder, self._batch_size, self._progress = folder, batch_size, progress
        self._stored: dict[tuple[str, str], _Stored] = {}
        self._watched: list[tuple[SimilarityModel, SimilarityModel]] = []
        self.embedded = 0
        """Number of images that went through a network."""
        self._timed = _Timed()

    def watching(self, model: SimilarityModel) -> SimilarityModel:
        """``model`` with an ``embed`` that reads catalogs from this store; everything else is unchanged."""
        if isinstance(model, StoredVectors):
            return model
        if any(model is wrapper for wrapper, _ in self._watched):
            return model
        watched = copy.copy(model)

        def embed(
            images: Images,
            batch_size: int = 64,
            num_workers: int | None = None,
            progress: bool = False,
            *,
            precision: Precision = "float32",
            on_done: Callable[[int], None] | None = None,
        ) -> Embeddings:
            if not isinstance(images, Catalog) or precision != "float32":
                return model.embed(
                    images, batch_size, num_workers, progress, precision=precision, on_done=on_done
                )
            embeddings = self.embed(model, images)
            if on_done is not None:
                on_done(len(images))
            return embeddings

        watched.embed = embed  # type: ignore[method-assign]  # of this one object
        self._watched.append((watched, model))
        return watched

    def unwatched(self, model: SimilarityModel) -> SimilarityModel:
        """The model behind one of :meth:`watching`, whose ``embed`` always runs the network."""
        return next((plain for watched, plain in self._watched if watched is model), model)

    def seconds_per_image(self, model: SimilarityModel, catalog: Catalog, *, measure: bool) -> float:
        """Seconds that the network takes per image.

        Args:
            model: Embeds.
            catalog: Images.
            measure: Embed a few images again if an earlier run has embedded all; otherwise the result is 0 then. They
                are also embedded again if the first batch was slow and hardly any came later.
        """
        model = self.unwatched(model)
        if self.embedded and (seconds := self._timed.per_image_s) is not None:
            return seconds
        if isinstance(model, StoredVectors) or not (measure or self.embedded):
            return 0.0
        sample = catalog.take(range(min(_SAMPLE, len(catalog))))
        begin = time.monotonic()
        try:
            model.embed(sample, self._batch_size)
        except LikewiseError:  # an address that does not answer any more
            return 0.0
        return (time.monotonic() - begin) / len(sample)

    def embed(
        self,
        model: SimilarityModel,
        catalog: Catalog,
        condition: str = ORIGINAL,
        transform: EvalTransform | None = None,
        *,
        with_masks: bool = False,
    ) -> Embeddings:
        """Embeddings of a catalog; only images that are not in the store go through the network.

        Args:
            model: Embeds.
            catalog: Images.
            condition: Name of what ``transform`` shows; it must name all settings of the transform.
            transform: Transform of the images. None: unchanged.
            with_masks: Whether the transform needs masks.
        """
        model = self.unwatched(model)
        if isinstance(model, StoredVectors):
            return model.embed(catalog)
        stored = self._stored.setdefault((model.fingerprint, condition), {})
        keys = _keys(catalog, with_masks)
        missing = {key: row for row, key in enumerate(keys) if key not in stored}
        if missing:
            part = catalog.take(sorted(missing.values()))
            part_keys = [keys[row] for row in sorted(missing.values())]
            stored.update(
                zip(part_keys, self._new(model, part, condition, transform, with_masks), strict=True)
            )
        rows = [row for row, key in enumerate(keys) if not isinstance(stored[key], _Unusable)]
        labels = catalog.labels[rows]
        return Embeddings(
            vectors=np.stack([np.asarray(stored[keys[row]]) for row in rows]) if rows
            else np.empty((0, model.dim), np.float32),
            ids=[catalog.ids[row] for row in rows],
            labels=labels if any(labels) else None,
            fingerprint=model.fingerprint,
            failures=[
                Failure(name, entry.of(path))
                for name, key, path in zip(catalog.ids, keys, catalog.paths, strict=True)
                if isinstance(entry := stored[key], _Unusable)
            ],
            distance=model.distance,
        )  # fmt: skip

    def _new(
        self,
        model: SimilarityModel,
        catalog: Catalog,
        condition: str,
        transform: EvalTransform | None,
        with_masks: bool,
    ) -> list[_Entry]:
        """The vector per image, or the reason why there is none."""
        dataset = None if transform is None else CatalogDataset(catalog, transform, with_masks=with_masks)

        def measure(rows: Sequence[int], on_progress: OnProgress) -> tuple[Arrays, list[Failure]]:
            self.embedded += len(rows)
            return embedded(rows, self._timed.after_batches(on_progress))

        def embedded(rows: Sequence[int], on_progress: OnProgress) -> tuple[Arrays, list[Failure]]:
            if dataset is None:
                embeddings = model.embed(catalog.take(list(rows)), self._batch_size, on_done=on_progress)
                lookup = {name: row for row, name in enumerate(catalog.ids)}
                stored_rows = np.array([lookup[name] for name in embeddings.ids], np.int64)
                return {"vectors": embeddings.vectors, "rows": stored_rows}, embeddings.failures
            return embed_dataset(
                rows, on_progress, model=model, dataset=dataset, draw=0, size=self._batch_size, workers=None
            )

        parts = None
        if self._folder is not None:
            parts = self._folder / model.fingerprint / digest(condition, *_keys(catalog, with_masks))
        measurement = ResumableMeasurement(
            f"embed {condition}" if condition != ORIGINAL else "embed", catalog.ids, measure,
            lambda: (model.fingerprint, condition), _SHARD, catalog.paths,
        )  # fmt: skip
        arrays, failures = measurement.run(parts, self._progress)
        reasons = {failure.id: failure.reason for failure in failures}
        entries: list[_Entry] = [
            _Unusable(path, reasons.get(name, "It could not be read."))
            for name, path in zip(catalog.ids, catalog.paths, strict=True)
        ]
        for row, vector in zip(arrays["rows"].tolist(), arrays["vectors"], strict=True):
            entries[row] = vector
        return entries


def _keys(catalog: Catalog, with_masks: bool) -> list[str]:
    """What identifies the content of each image, and of its mask; the path of one that cannot be read."""
    images = [_content(path) for path in catalog.paths]
    if not with_masks:
        return images
    return [f"{image} {_content(mask)}" for image, mask in zip(images, catalog.mask_paths, strict=True)]


def _content(path: Any) -> str:
    try:
        return "" if path is None else content_digest(path)
    except InputError:
        return str(path)
