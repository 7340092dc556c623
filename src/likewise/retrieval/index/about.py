"""What an index knows about itself: the model that made it, its distance, its approximate search."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from likewise import __version__
from likewise.errors import InputError, ModelError
from likewise.models import SimilarityModel, load
from likewise.retrieval.index.schema import is_property
from likewise.retrieval.index.store import Store, is_remote

_FORMAT = 1


class ModelReference(BaseModel):
    """How to load the model again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="what likewise.load takes; absolute where it is a folder")
    relative: str | None = Field(default=None, description="the folder as seen from the index's folder")
    weights: str | None = Field(default=None, description="local weights file")
    preprocessing: str | None = Field(default=None, description="name or file, where the model does not say")

    @classmethod
    def to(cls, name: str, uri: str, weights: str | None = None, preprocessing: str | None = None) -> Self:
        """A reference from the index at ``uri`` that survives moving index and model together."""
        folder = Path(name).expanduser()
        if not folder.is_dir():
            file = None if weights is None else str(Path(weights).absolute())
            return cls(name=name, weights=file, preprocessing=preprocessing)
        relative = None if is_remote(uri) else os.path.relpath(folder.absolute(), Path(uri).absolute().parent)
        return cls(name=str(folder.absolute()), relative=relative)

    def folder(self, uri: str) -> Path | None:
        """The model's folder; None where the model is not a folder, or the folder is gone."""
        places = [Path(self.name)]
        if self.relative is not None and not is_remote(uri):
            places.append(Path(uri).absolute().parent / self.relative)
        return next((place for place in places if place.is_dir()), None)

    def load(self, uri: str, device: str | None = None) -> SimilarityModel:
        """The model.

        Raises:
            ModelError: It is not there any more.
        """
        try:
            return load(self.folder(uri) or self.name, self.weights, device, preprocessing=self.preprocessing)
        except ModelError as error:
            raise ModelError(
                f"The index was made with the model {self.name!r}, which cannot be loaded ({error}) Name it with "
                "--model, or as Index.open(path, model=...)."
            ) from error


class Approximate(BaseModel):
    """The approximate index of an index, with its measured recall."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partitions: int = Field(ge=1, description="groups of similar vectors")
    probes: int = Field(ge=1, description="groups that a search looks into")
    recall: float = Field(ge=0, le=1, description="share of the exact nearest images that it finds")
    recall_at: int = Field(ge=1, description="how many nearest images")
    queries: int = Field(ge=1, description="images it was measured with, each searched without itself")
    images: int = Field(ge=1, description="images in the index when it was measured")
    shortlist: int = Field(1, ge=1, description="AVSL: candidates compared exactly for each wanted image")


class IndexAbout(BaseModel):
    """The JSON kept in the store."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = _FORMAT
    likewise: str = __version__
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    fingerprint: str = Field(description="of the model")
    distance: str = Field(description="cosine, euclidean, snr or avsl")
    dim: int = Field(ge=1, description="length of a vector")
    model: ModelReference | None = None
    approximate: Approximate | None = None
    collapse: list[float] | None = Field(None, description="AVSL: factors of the collapsed vectors")

    @classmethod
    def of(cls, store: Store) -> Self:
        """Read it.

        Raises:
            InputError: It is damaged or from a later version.
        """
        if store.about.get("format", 0) > _FORMAT:
            raise InputError(
                f"{store.uri} was written by likewise {store.about.get('likewise')}: update likewise."
            )
        try:
            return cls.model_validate(store.about)
        except ValidationError as error:
            raise InputError(
                f"{store.uri} says nothing usable about its model: build the index again."
            ) from error


@dataclass(frozen=True)
class IndexInfo:
    """What ``likewise index info`` prints.

    Attributes:
        path: Where the index is.
        images: Rows.
        labels: Different labels, "" not counted.
        dim: Length of a vector.
        distance: Of the model.
        model: Its name or folder; None where only vectors were given.
        fingerprint: Of the model.
        properties: Names and Arrow types.
        approximate: The approximate index, if there is one.
        created: Time in UTC.
    """

    path: str
    images: int
    labels: int
    dim: int
    distance: str
    model: str | None
    fingerprint: str
    properties: dict[str, str]
    approximate: Approximate | None
    created: str

    @classmethod
    def of(cls, about: IndexAbout, store: Store) -> Self:
        """Count what is in the store."""
        labels = set[str | None]()
        for batch in store.scan(["label"]):
            labels.update(batch.column("label").unique().to_pylist())
        return cls(
            path=store.uri,
            images=store.count(),
            labels=len(labels - {"", None}),
            dim=about.dim,
            distance=about.distance,
            model=None if about.model is None else about.model.name,
            fingerprint=about.fingerprint,
            properties={field.name: str(field.type) for field in store.schema if is_property(field.name)},
            approximate=about.approximate,
            created=about.created,
        )
