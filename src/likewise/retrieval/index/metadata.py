"""Metadata of an index: model, distance, approximate search."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from pydantic import Field, ValidationError

from likewise import __version__
from likewise.distances import ModelDistance
from likewise.errors import InputError
from likewise.models.model_reference import ModelReference
from likewise.retrieval.index.guard import DamagedIndexError
from likewise.retrieval.index.schema import VectorCodes, is_property
from likewise.retrieval.index.store import Store
from likewise.runtime_choice import RuntimeChoice
from likewise.validation_errors import Spec, reason

FORMAT = 3  # 2 knows the content of its images and columns that were renamed, 3 the codes of its vectors


class Approximate(Spec):
    """The approximate index of an index, with its measured recall."""

    partitions: int = Field(ge=1, description="groups of similar vectors")
    probes: int = Field(ge=1, description="groups that a search looks into")
    recall: float = Field(ge=0, le=1, description="share of the exact nearest images that it finds")
    recall_at: int = Field(ge=1, description="how many nearest images")
    queries: int = Field(ge=1, description="images it was measured with, each searched without itself")
    images: int = Field(ge=1, description="images in the index when it was measured")
    shortlist: int = Field(1, ge=1, description="candidates compared exactly for each wanted image")
    vectors: VectorCodes = Field("float32", description="how the vectors that are compared first are stored")


class IndexMetadata(Spec):
    """The JSON in the store."""

    format: int = FORMAT
    likewise: str = __version__
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    fingerprint: str = Field(description="of the model")
    distance: ModelDistance
    dim: int = Field(ge=1, description="length of a vector")
    model: ModelReference | None = None
    approximate: Approximate | None = None
    collapse: list[float] | None = Field(None, description="AVSL: factors of the collapsed vectors")
    columns: dict[str, str] = Field({}, description="columns of catalogs that have another name in the index")
    runtime: RuntimeChoice | None = Field(
        None, description="what embedded the images when the index was built"
    )

    @classmethod
    def of(cls, store: Store) -> Self:
        """Read it.

        Raises:
            InputError: It is from a later version.
            DamagedIndexError: It is damaged.
        """
        stored = store.metadata if isinstance(store.metadata, dict) else {}
        version = stored.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise InputError(
                f"{store.uri} was written by likewise {stored.get('likewise')}: update likewise."
            )
        try:
            metadata = cls.model_validate(stored)
        except ValidationError as error:
            raise DamagedIndexError(
                f"{store.uri} says nothing usable about its model ({reason(error, cls)}): build the index again."
            ) from error
        held = store.schema.field("vector").type.list_size if "vector" in store.schema.names else None
        if metadata.dim != held:
            raise DamagedIndexError(
                f"{store.uri} says that its vectors hold {metadata.dim} numbers, but they hold {held}: build it again."
            )
        return metadata


@dataclass(frozen=True)
class IndexInfo:
    """Output of ``likewise index info``.

    Attributes:
        path: Location of the index.
        images: Rows.
        labels: Different labels, "" not counted.
        dim: Length of a vector.
        distance: Distance of the model.
        model: Its name or folder; None if only vectors were given.
        fingerprint: Fingerprint of the model.
        properties: Names and Arrow types.
        approximate: The approximate index, if there is one.
        created: Time in UTC.
        runtime: Runtime that embedded the images when the index was built, with the reason; None if unknown.
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
    runtime: RuntimeChoice | None

    @classmethod
    def of(cls, metadata: IndexMetadata, store: Store) -> Self:
        """Count what is in the store."""
        labels = set[str | None]()
        for batch in store.scan(["label"]):
            labels.update(batch.column("label").unique().to_pylist())
        return cls(
            path=store.uri,
            images=store.count(),
            labels=len(labels - {"", None}),
            dim=metadata.dim,
            distance=metadata.distance,
            model=None if metadata.model is None else metadata.model.name,
            fingerprint=metadata.fingerprint,
            properties={field.name: str(field.type) for field in store.schema if is_property(field.name)},
            approximate=metadata.approximate,
            created=metadata.created,
            runtime=metadata.runtime,
        )
