"""The model of an index: loaded when an image is searched, refused when it is another one than it was."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from likewise.errors import FingerprintError, InputError
from likewise.files import file_state, require_image_file
from likewise.models import SimilarityModel, load
from likewise.models.model_reference import Holder
from likewise.retrieval.distances import LARGEST_VALUE, Comparison, checked_vectors, search_distance
from likewise.retrieval.index.metadata import IndexMetadata
from likewise.retrieval.threshold import THRESHOLD_FILE, Threshold

_HOLDER = Holder(
    "The index",
    "name the model with --model, or as Index.open(path, model=...)",
    "if you trust it, add  --model {}  to the command, or use Index.open(path, model=...)",
)

Query = Path | str | bytes | Image | np.ndarray | torch.Tensor | Sequence[float]
_IMAGE_DIMENSIONS = 3  # an array (H, W, 3) or a tensor (3, H, W), as SimilarityModel.embed takes them


class ModelBinding:
    """Binding of an index to its model.

    Args:
        metadata: Metadata of the index.
        uri: Path or address of the index.
        model: The model, if it is there already.

    Raises:
        FingerprintError: The given model is another one.
    """

    def __init__(self, metadata: IndexMetadata, uri: str, model: SimilarityModel | None) -> None:
        self._metadata, self._uri = metadata, uri
        self._model = None if model is None else self._accept(model)
        self._thresholds = _ThresholdFiles()

    @property
    def loaded(self) -> SimilarityModel | None:
        """The model, where it is there already."""
        return self._model

    @property
    def model(self) -> SimilarityModel:
        """See :attr:`likewise.Index.model`."""
        if self._model is None:
            reference = self._metadata.model
            if reference is None:
                raise InputError(
                    f"{self._uri} was made of vectors alone and knows no model: open it with one, "
                    "Index.open(path, model=...), or search with a vector."
                )
            self._model = self._accept(reference.load(load, self._uri, self._metadata.fingerprint, _HOLDER))
        return self._model

    @property
    def threshold(self) -> Threshold | None:
        """See :attr:`likewise.Index.threshold`."""
        folders = [] if self._metadata.model is None else self._metadata.model.folders(self._uri)
        thresholds = [each for folder in folders if (each := self._thresholds.get(folder / THRESHOLD_FILE))]
        fitting = [each for each in thresholds if each.fingerprint == self._metadata.fingerprint]
        for threshold in fitting or thresholds[:1]:
            threshold.check(self._metadata.fingerprint, self._metadata.distance)
            return threshold
        return None

    @property
    def distance(self) -> str | Comparison:
        """The distance of the index; that of AVSL comes with the model."""
        return search_distance(self.model) if self._metadata.distance == "avsl" else self._metadata.distance

    def vector(self, query: Query) -> np.ndarray:
        """The vector ``(D,)`` of an image, or the vector itself after a check.

        Raises:
            InputError: An unreadable image, or a vector of another length.
        """
        if (
            not isinstance(query, Path | str | bytes | Image)
            and getattr(query, "ndim", 1) < _IMAGE_DIMENSIONS
        ):
            return self._given(query)
        if isinstance(query, Path | str):
            require_image_file(query)
        image: Any = [query]
        embeddings = self.model.embed(image, num_workers=0)
        if embeddings.failures:
            raise InputError(embeddings.failures[0].reason)
        vector: np.ndarray = embeddings.vectors[0]
        return vector

    def _given(self, query: Any) -> np.ndarray:
        try:
            row = query.detach().cpu().numpy() if isinstance(query, torch.Tensor) else np.asarray(query)
            vector = np.require(row, np.float32, ["C", "W"])  # torch warns of memory that it could not write
        except (TypeError, ValueError) as error:
            raise InputError(
                f"A query is an image (a path, its bytes, a PIL image or an array) or a vector, not "
                f"{type(query).__name__}."
            ) from error
        if vector.shape != (self._metadata.dim,):
            raise InputError(
                f"A query vector must hold {self._metadata.dim} numbers, ({self._metadata.dim},), not {vector.shape}."
            )
        if np.abs(vector).max() <= LARGEST_VALUE:  # False for NaN too
            return vector
        checked: np.ndarray = checked_vectors(vector[None], "the query").numpy()[0]
        return checked

    def check(self, fingerprint: str, what: str) -> None:
        """Refuse what another model made.

        Raises:
            FingerprintError: The fingerprint is not that of the index; ``what`` begins the sentence.
        """
        if fingerprint != self._metadata.fingerprint:
            made_by = "" if self._metadata.model is None else f" ({self._metadata.model.name})"
            raise FingerprintError(
                f"{what} of another model ({fingerprint}) than the index {self._uri}, which belongs to "
                f"{self._metadata.fingerprint}{made_by}: their distances mean nothing together; use that model, or "
                "build a new index with this one."
            )

    def _accept(self, model: SimilarityModel) -> SimilarityModel:
        self.check(model.fingerprint, f"The embeddings of {model.name!r} are those")
        return model


class _ThresholdFiles:
    """Thresholds by their files, which are read again when they change."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[tuple[int, int, int], Threshold]] = {}

    def get(self, file: Path) -> Threshold | None:
        """The threshold in a file; None if there is no such file."""
        if not file.is_file():
            return None
        state = file_state(file.stat())
        read = self._read.get(file)
        if read is None or read[0] != state:
            read = self._read[file] = (state, Threshold.load(file))
        return read[1]
