"""``vectors:FILE``: embeddings that are there already, by the ids of their images, and no network."""

import dataclasses
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from likewise.data import Catalog, Failure, Preprocessing
from likewise.distances import ModelDistance
from likewise.errors import InputError, ModelError
from likewise.files import content_digest, digest
from likewise.missing_inputs import require_vectors_file
from likewise.models.embedding import Images
from likewise.models.embeddings import Embeddings
from likewise.models.kinds import VECTOR_ENDINGS
from likewise.models.pictures import is_path, listed
from likewise.models.projection import Projection, check_projection
from likewise.models.similarity_model import SimilarityModel

_ID_COLUMNS = ("id", "ids", "path")


def no_network(name: str) -> str:
    """Why stored vectors cannot be used for pixels, and what can."""
    return (
        f"'{name}' holds the vectors of stored images and no network, so it cannot embed pixels: use the model that "
        "made them to explain, export, search new images or change backgrounds."
    )


class NoNetwork(nn.Module):
    """Placeholder for the network, which raises an error."""

    differentiable = False
    embeds_images = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.embedder = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:  # noqa: ARG002 - whatever they are
        """Refuses.

        Raises:
            ModelError: Always.
        """
        raise ModelError(no_network(self._name))


class StoredVectors(SimilarityModel):
    """Vectors of named images as a model: whatever works with vectors alone works."""

    def __init__(self, stored: Embeddings, name: str, folder: Path) -> None:
        super().__init__(
            NoNetwork(name), Preprocessing(), dim=stored.dim, name=name,
            distance=cast(ModelDistance, stored.distance), identity=stored.fingerprint,
        )  # fmt: skip
        self._stored, self._folder = stored, folder
        self._row_of = {name: row for row, name in enumerate(stored.ids)}

    @property
    def fingerprint(self) -> str:
        """That of the model which made the vectors, or of the file where it does not say."""
        return self._stored.fingerprint

    def embed(self, images: Images, *_: Any, on_done: Any = None, **__: Any) -> Embeddings:
        """The stored vectors of images, in their order; images without one are left out and listed.

        Args:
            images: A Catalog, or paths. They are identified by id, by path, or by path relative to the file.
            on_done: Called with the number of images.

        Raises:
            ModelError: ``images`` are pixels, which have no name.
            InputError: None of the images has a vector.
        """
        if isinstance(images, Catalog):
            names: list[str] = list(images.ids)
            files: list[Path] = [Path(file) for file in images.paths]
        else:
            items = [images] if isinstance(images, Tensor) else listed(images, "embed")
            if not all(is_path(item) for item in items):
                self.network(torch.empty(0))
            names = [str(item) for item in items]
            files = [Path(name).expanduser() for name in names]
        rows = [self._row(name, file) for name, file in zip(names, files, strict=True)]
        if all(row is None for row in rows):
            raise InputError(
                f"'{self.name}' has no vector of {_these(names)}, and no network to make one: take images it has, "
                f"whose ids are like {self._stored.ids[0]!r}, or the model that made the vectors."
            )
        if on_done is not None:
            on_done(len(rows))
        stored = self._stored.take([row for row in rows if row is not None])
        labels = images.labels if isinstance(images, Catalog) else None
        missing = [
            Failure(name, f"{self.name} has no vector of it")
            for name, row in zip(names, rows, strict=True)
            if row is None
        ]
        present = [place for place, row in enumerate(rows) if row is not None]
        return dataclasses.replace(
            stored,
            ids=[names[place] for place in present],
            labels=labels[present] if labels is not None and any(labels) else None,
            failures=missing,
        ).usable()

    def projected(self, projection: Projection) -> "StoredVectors":
        """The stored vectors, mapped."""
        check_projection(self, projection)
        vectors = projection.of_rows(self._stored.vectors)
        fingerprint = digest(self.fingerprint, projection.digest())
        stored = dataclasses.replace(self._stored, vectors=vectors, fingerprint=fingerprint)
        made = StoredVectors(stored, self.name, self._folder)
        made.base, made.projection = self, projection
        made.prefix_sizes = () if projection.centered else self.prefix_sizes
        return made

    def _row(self, name: str, file: Path) -> int | None:
        absolute = str(file.absolute())
        places = (name, str(file), absolute, os.path.relpath(absolute, self._folder))
        return next((self._row_of[place] for place in places if place in self._row_of), None)


def load_vectors(name: str, weights: Path | None, preprocessing: Preprocessing | None) -> SimilarityModel:
    """The file ``name`` as a model.

    It is what ``likewise embed`` wrote (.npz, .parquet); an .npz with arrays ``vectors`` and ``ids``; a .parquet with
    columns ``vector`` and ``id``; or an .npy of rows beside a text file of the same name with one id per line
    (``birds.npy``, ``birds.txt``). Files of other programs are compared by the cosine distance.

    Raises:
        ModelError: The file is missing, damaged, or of another form.
    """
    path = Path(name).expanduser()
    if weights is not None or preprocessing is not None:
        raise ModelError(f"{path} holds vectors, no network: leave weights and preprocessing out.")
    if path.suffix.lower() not in VECTOR_ENDINGS:
        raise ModelError(
            f"Vectors are read from {', '.join(VECTOR_ENDINGS)} files, not from {path.name!r}: change the ending."
        )
    require_vectors_file(path)
    try:
        stored = _ours(path) or _foreign(path)
    except ModelError:
        raise
    except (ValueError, EOFError) as error:
        if path.suffix.lower() == ".parquet":
            raise ModelError(f"{path} holds no vectors of numbers in one length: {error}.") from error
        raise ModelError(
            f"{path} is damaged, or holds Python objects: write numbers as {path.suffix} again."
        ) from error
    except Exception as error:  # a damaged file makes its reader raise anything
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} holds no vectors with ids that can be read ({first}).") from error
    if not len(stored):
        raise ModelError(f"{path} holds no vectors: make it with  likewise embed")
    if len(set(stored.ids)) != len(stored):
        raise ModelError(
            f"{path} names an image twice, such as {_twice(stored.ids)!r}: keep one vector per image."
        )
    return StoredVectors(stored, f"vectors:{name}", path.absolute().parent)


def _ours(path: Path) -> Embeddings | None:
    """What ``likewise embed`` wrote; None if another program wrote it."""
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            if "about" not in arrays:
                return None
    elif path.suffix.lower() == ".npy" or b"likewise" not in (pq.read_schema(path).metadata or {}):
        return None
    return Embeddings.load(path)


def _foreign(path: Path) -> Embeddings:
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            if not {"vectors", "ids"} <= set(arrays):
                raise ModelError(
                    f"{path} must hold the arrays vectors and ids, but holds {', '.join(arrays) or 'none'}."
                )
            vectors, ids = arrays["vectors"], arrays["ids"].tolist()
    elif path.suffix.lower() == ".npy":
        beside = path.with_suffix(".txt")
        if not beside.is_file():
            raise ModelError(f"{path} holds rows without names: write one id per line into {beside}.")
        vectors, ids = np.load(path, allow_pickle=False), beside.read_text(encoding="utf-8").splitlines()
    else:
        vectors, ids = _columns(path)
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise ModelError(
            f"{path} holds vectors {vectors.shape} and {len(ids)} ids: one id per row of (N, D)."
        )
    embeddings = Embeddings(vectors, ids, None, content_digest(path)[:16])
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.linalg.norm(embeddings.vectors, axis=1, keepdims=True)
        # Zero vectors stay unchanged: they are listed as failures where they are used.
        return dataclasses.replace(embeddings, vectors=embeddings.vectors / np.where(lengths > 0, lengths, 1))


def _columns(path: Path) -> tuple[np.ndarray, list[Any]]:
    table = pq.read_table(path)
    column = next((name for name in ("vector", "vectors", "embedding") if name in table.column_names), None)
    names = next((name for name in _ID_COLUMNS if name in table.column_names), None)
    if column is None or names is None:
        raise ModelError(
            f"{path} must have the columns vector and id, but has {', '.join(table.column_names) or 'none'}."
        )
    rows: pa.ChunkedArray = table[column]
    return np.array(rows.to_pylist(), dtype=np.float32), table[names].to_pylist()


def _these(names: list[str]) -> str:
    return repr(names[0]) if len(names) == 1 else f"any of these {len(names)} images, such as {names[0]!r}"


def _twice(ids: list[str]) -> str:
    seen: set[str] = set()
    return next(name for name in ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
