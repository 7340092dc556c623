"""One index as the server holds it: opened in memory, its model warm, embedding in batches."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise.errors import FingerprintError, InputError, LikewiseError
from likewise.files import is_remote
from likewise.image_limits import Limits
from likewise.models import Runtime, SimilarityModel, use_runtime
from likewise.retrieval import Index, Threshold
from likewise.retrieval.index.locations import Locations
from likewise.retrieval.index.schema import DIGEST, MASK, MASK_WAY, WAY, is_property
from likewise.retrieval.index.store import Store
from likewise.retrieval.index.store_view import StoreView, is_one_of
from likewise.serve.batching import Batcher
from likewise.serve.problems import NotThereError
from likewise.serve.query_images import stored_image
from likewise.serve.resident_store import ResidentStore

EMBEDDING_THREADS = 2  # while one waits for Python, which requests use as well, the other computes
_COMPARED = 16  # images, on which another runtime must agree with PyTorch
_QUERIES = 1_000_000  # a server embeds for so long that preparing a faster runtime pays

_log = logging.getLogger("likewise.serve")


class ServedIndex:
    """An index that answers requests of many threads.

    Args:
        path: Path of the index.
        name: In requests.
        model: The model, if it is loaded already.
        resident_bytes: Most memory for vectors.
        batch: Most images that go through the model together.
        observe: Called with the size of each batch of images.

    Attributes:
        index: The index; its searches are those of :class:`likewise.Index`.
        state: Folder beside the index for feedback, uploads, jobs and snapshots.
        writes: Changes since the start.
        problem: Reason why images cannot be searched for; None if they can.
        given_threshold: Used instead of the threshold beside the model; None if none was given.
        recall: Recall of the approximate search, as it was measured last; None before.
    """

    def __init__(
        self,
        path: str,
        name: str,
        *,
        model: SimilarityModel | None = None,
        resident_bytes: int,
        batch: int = 32,
        observe: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.path, self.name = path, name
        self.store = ResidentStore.of(Store.open(path), resident_bytes)
        self.index = Index(self.store, path, model)
        self._locations = Locations(path)
        self.state = _state_folder(path)
        self._observe, self._most = observe, batch
        self._batcher: Batcher[Tensor, np.ndarray] | None = None
        self._shares = False
        self._lock = threading.Lock()
        self.explaining = threading.Lock()
        self.writes = 0
        self.problem: str | None = None
        self.recall: dict[str, Any] | None = None
        self.given_threshold: Threshold | None = None

    @property
    def fingerprint(self) -> str:
        """Of the model."""
        return str(self.store.metadata["fingerprint"])

    def warm(self, device: str | None = None, runtime: Runtime = "torch") -> None:
        """Load the vectors and the model, on ``device``, and choose what runs it; a shared model stays as it is.

        An index of vectors alone, or whose model has moved or fails, still answers queries by id; ``problem`` says why.
        A model that ``runtime`` cannot run embeds without it; the log says why.
        """
        self.view()
        try:
            model = self.index.model
            if not self._shares:
                self._run_with(runtime, model.to(device))
            side = model.preprocessing.crop_px
            model.vectors(torch.zeros(1, 3, side, side, dtype=torch.uint8))
        except LikewiseError as error:
            self.problem = str(error)
        except Exception as error:  # a module of the user's may raise anything
            _log.warning("%s: its model fails", self.name, exc_info=True)
            self.problem = (
                f"The model of {self.name} fails ({type(error).__name__}): search with indexed images."
            )

    def share(self, other: "ServedIndex") -> None:
        """Use the model of another index of the same fingerprint, and its lock for explanations."""
        self.index = Index(self.store, self.path, other.index.model)
        self._shares = True
        self.explaining = other.explaining

    def view(self) -> StoreView:
        """The current version."""
        return self.store.snapshot()

    def read(self, work: Callable[[StoreView], Any]) -> Any:
        """Result of ``work`` on one version of the index."""
        return self.store.consistent(work)

    def embed(self, pixels: Iterable[Tensor], seconds: float, announced: int = 0) -> list[np.ndarray]:
        """The vectors of images as the model sees them, computed with those of other requests.

        Args:
            pixels: Images of the size that the model takes.
            seconds: Longest time.
            announced: Number of images, where they are decoded while ``pixels`` is iterated over: batches wait for
                them.

        Raises:
            InputError: A vector that cannot be compared.
        """
        with self._lock:
            if self._batcher is None:
                name = f"embed {self.name}"
                self._batcher = Batcher(self._vectors, self._most, name, self._observe, EMBEDDING_THREADS)
        with self._batcher.expecting(announced):
            futures = [self._batcher.submit(each) for each in pixels]
        return [future.result(seconds) for future in futures]

    def vectors(self, pixels: list[Tensor]) -> list[np.ndarray]:
        """The vectors of images of the size that the model takes, computed at once in this thread.

        Raises:
            InputError: A vector that cannot be compared.
        """
        self._observe(len(pixels))
        return self._vectors(pixels)

    def row(self, image_id: str) -> dict[str, Any]:
        """The row of an image.

        Raises:
            NotThereError: There is no such id.
        """

        def found(view: StoreView) -> list[dict[str, Any]]:
            columns = [each for each in view.schema.names if each not in ("vector", "_collapsed")]
            rows: list[dict[str, Any]] = view.rows([image_id], columns).to_pylist()
            return rows

        rows = self.read(found)
        if not rows:
            raise NotThereError(f"{self.name} holds no image with the id {image_id!r}.")
        return dict(rows[0])

    def image_file(self, row: dict[str, Any]) -> str | None:
        """File of the image of a row; None if the index was made of vectors alone."""
        return self._locations.find(row.get("path"), row.get(WAY))

    def mask_file(self, row: dict[str, Any]) -> str | None:
        """File of the mask of a row; None if its catalog had none."""
        return self._locations.find(row.get(MASK), row.get(MASK_WAY))

    def image(self, row: dict[str, Any], limits: Limits) -> bytes:
        """The encoded image of a row.

        Raises:
            InputError: It has none, or it is not there any more.
        """
        file = self.image_file(row)
        if file is None:
            raise InputError(f"{row['id']!r} has no image file: {self.name} was made of vectors alone.")
        return stored_image(file, row["id"], limits).data

    def stored_vector(self, image_id: str) -> np.ndarray:
        """The vector of an image of the index.

        Raises:
            NotThereError: There is no such id.
        """
        self.row(image_id)
        return self.index.stored_vector(image_id)

    def copies(self, data: bytes) -> list[str]:
        """Ids of the images with exactly this content."""
        content = hashlib.blake2b(data, digest_size=16).hexdigest()  # as likewise.files.content_digest

        def found(view: StoreView) -> list[str]:
            if DIGEST not in view.schema.names:
                return []
            ids: list[str] = view.rows_where(is_one_of(DIGEST, [content]), ["id"])["id"].to_pylist()
            return ids

        return list(self.read(found))

    @property
    def threshold(self) -> Threshold | None:
        """The calibrated threshold; None if there is none, or it is that of another model."""
        if self.given_threshold is not None:
            return self.given_threshold
        try:
            return self.index.threshold
        except FingerprintError:
            return None

    @property
    def properties(self) -> list[str]:
        """Names of the properties."""
        return [name for name in self.store.schema.names if is_property(name)]

    @property
    def changed(self) -> str:
        """Time of the last change, in UTC."""
        manifests = [file.stat().st_mtime for file in Path(self.path).glob("*.lance/_versions/*")]
        return datetime.fromtimestamp(max(manifests), UTC).isoformat(timespec="seconds")

    def close(self) -> None:
        """Finish the batches."""
        if self._batcher is not None:
            self._batcher.close()

    def _run_with(self, runtime: Runtime, model: SimilarityModel) -> None:
        if runtime == "torch" or not model.embeds_images:
            return
        try:
            choice = use_runtime(model, runtime, self._first_images(), expected=_QUERIES, say=_log.info)
        except LikewiseError as error:
            _log.warning("%s: %s Its images are embedded with %s.", self.name, error, model.runtime)
        else:
            _log.info("%s: %s", self.name, choice.words)

    def _first_images(self) -> list[str]:
        """Files of some images, for comparisons of runtimes."""

        def found(view: StoreView) -> list[dict[str, Any]]:
            columns = [each for each in ("id", "path", WAY) if each in view.schema.names]
            first = next(iter(view.scan(columns)), None)
            return [] if first is None else list(first.slice(0, _COMPARED).to_pylist())

        return [file for row in self.read(found) if (file := self.image_file(row)) and Path(file).is_file()]

    def _vectors(self, pixels: list[Tensor]) -> list[np.ndarray]:
        vectors = self.index.model.vectors(torch.stack(pixels), batch_size=self._most)
        return [self.index.vector(vector) for vector in vectors]


def _state_folder(path: str) -> Path:
    if is_remote(path):
        raise InputError(
            f"{path} is on object storage, and the server keeps feedback and uploads beside an index: copy it to a "
            "folder of this machine."
        )
    place = Path(path).absolute()
    return place.with_name(f"{place.name}.serve")
