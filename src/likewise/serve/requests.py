"""Bodies of requests."""

import base64
import binascii
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from likewise.errors import InputError
from likewise.serve.problems import validation_sentence

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Condition = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Body = TypeVar("Body", bound=BaseModel)
Several = 256


class Query(BaseModel):
    """What to search for."""

    model_config = ConfigDict(extra="forbid")

    index: Id | None = Field(None, description="Name of the index. Default: the first one.")
    image: str | None = Field(None, description="Image file, encoded as base64 or as a data: URL.")
    images: list[str] = Field(
        [], max_length=Several, description="Several images, each encoded like `image`."
    )
    id: Id | None = Field(None, description="Id of an image of the index.")
    ids: list[Id] = Field([], max_length=Several, description="Ids of images of the index.")
    text: Text | list[Text] | None = Field(
        None, description="Text that describes the hits. Needs a model with a text encoder."
    )
    url: Text | None = Field(None, description="URL of an image, if the server allows URLs.")
    without: Text | list[Text] | None = Field(None, description="Text that describes what to avoid.")
    like: list[Id] = Field([], max_length=Several, description="Ids of images that the hits should resemble.")
    unlike: list[Id] = Field([], max_length=Several, description="Ids of images to avoid.")
    weight: float = Field(
        1.0, gt=0, le=1000, description="Weight of texts and of what to avoid, relative to the images."
    )
    region: tuple[Share, Share, Share, Share] | None = Field(
        None, description="Region to search with: left, top, width and height, as fractions of the image."
    )
    mask: Literal["none", "object", "background"] = Field(
        "none", description="Part of the image to search with: all of it, its object or its background."
    )

    @property
    def partial(self) -> bool:
        """Whether only a part of the image counts."""
        return self.region is not None or self.mask != "none"

    @property
    def positive_ids(self) -> list[str]:
        """All ids that hits should be like."""
        return [*([self.id] if self.id else []), *self.ids, *self.like]

    @property
    def texts(self) -> list[str]:
        """What hits should show."""
        return _listed(self.text)

    @property
    def absent(self) -> list[str]:
        """What hits should not show."""
        return _listed(self.without)


class Search(Query):
    """A search."""

    where: Condition | None = Field(
        None,
        description="Condition on label, split, id, path and properties: `label = 'mug' and price < 20`.",
    )
    k: int = Field(24, ge=1, description="Number of hits (or groups) per page.")
    cursor: Id | None = Field(None, description="`next_cursor` of the previous page.")
    threshold: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Largest distance at which a hit counts as the same. Default: the calibrated threshold.",
    )
    group_by: Id | None = Field(
        None, description="Column to group by: only the best hit per value is returned."
    )
    approximate: bool = Field(
        False, description="Use the approximate index, which is faster and may miss hits."
    )
    skip_self: bool = Field(False, description="Exclude the query image and its exact copies.")
    explain: bool = Field(False, description="Also explain the first hit.")


class Batch(BaseModel):
    """Several searches, answered in order."""

    model_config = ConfigDict(extra="forbid")
    queries: list[Search] = Field(min_length=1, max_length=Several)


class Explain(Query):
    """A request to explain one hit."""

    hit: Id = Field(description="Id of the hit to explain.")


class Mark(BaseModel):
    """A mark on a hit."""

    model_config = ConfigDict(extra="forbid")

    index: Id | None = Field(None, description="Name of the index. Default: the first one.")
    query: dict[Literal["id", "digest"], Id] = Field(
        min_length=1,
        max_length=1,
        description="`id` or `digest` of the query, from the answer to the search.",
    )
    hit: Id = Field(description="Id of the hit.")
    mark: Literal["wrong", "duplicate", "clear"] = Field(
        description="Kind of mark. `clear` removes earlier marks of this hit."
    )
    note: str = Field("", max_length=2000, description="Comment.")


def parsed(kind: type[Body], text: bytes | str) -> Body:
    """A body as one of the models above.

    Raises:
        InputError: It does not fit; the sentence names the key.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise InputError(validation_sentence(error.errors(include_url=False))) from error


def decoded(image: str) -> bytes:
    """The bytes of an image in JSON.

    Raises:
        InputError: It is not base64.
    """
    if image.startswith("data:"):
        head, _, image = image.partition(",")
        if not head.endswith(";base64"):
            raise InputError("'image' must be base64, or a data: URL that ends its head with ;base64.")
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("'image' is not base64: encode the bytes of the image file.") from error


COMPONENTS: dict[str, Any] = {}
"""Schemas that the OpenAPI file names, besides those that FastAPI collects."""


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a body, for the OpenAPI file."""
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    COMPONENTS.update(schema.pop("$defs", {}))
    COMPONENTS[kind.__name__] = schema
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _listed(value: str | list[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value
