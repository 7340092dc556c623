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
    """What hits should be like, and unlike."""

    model_config = ConfigDict(extra="forbid")

    index: Id | None = Field(None, description="name of the index; the first where it is left out")
    image: str | None = Field(None, description="an image file as base64 or as a data: URL")
    images: list[str] = Field([], max_length=Several, description="several images")
    id: Id | None = Field(None, description="an image of the index")
    ids: list[Id] = Field([], max_length=Several, description="several images of the index")
    text: Text | list[Text] | None = Field(None, description="what hits should show")
    url: Text | None = Field(None, description="address of an image, where the server allows it")
    without: Text | list[Text] | None = Field(None, description="what hits should not show")
    like: list[Id] = Field([], max_length=Several, description="images of the index that hits should be like")
    unlike: list[Id] = Field([], max_length=Several, description="images of the index not to be like")
    weight: float = Field(1.0, gt=0, le=1000, description="of texts and what is to be avoided")
    region: tuple[Share, Share, Share, Share] | None = Field(
        None, description="left, top, width, height of the part of the image to search with, 0 to 1"
    )
    mask: Literal["none", "object", "background"] = Field("none", description="part of the image to use")

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

    where: Condition | None = Field(None, description="condition over label, split, id, path and properties")
    k: int = Field(24, ge=1, description="hits (or groups) wanted")
    cursor: Id | None = Field(None, description="next_cursor of the answer before")
    threshold: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="distance that counts as same"
    )
    group_by: Id | None = Field(None, description="column of which each value gives its best hit only")
    approximate: bool = Field(False, description="use the approximate index")
    skip_self: bool = Field(False, description="leave out the queried image and its exact copies")
    explain: bool = Field(False, description="also explain the first hit")


class Batch(BaseModel):
    """Several searches."""

    model_config = ConfigDict(extra="forbid")
    queries: list[Search] = Field(min_length=1, max_length=Several)


class Explain(Query):
    """The explanation of one hit."""

    hit: Id = Field(description="the image of the index to explain")


class Mark(BaseModel):
    """A mark on a hit."""

    model_config = ConfigDict(extra="forbid")

    index: Id | None = None
    query: dict[Literal["id", "digest"], Id] = Field(min_length=1, max_length=1)
    hit: Id
    mark: Literal["wrong", "duplicate", "clear"]
    note: str = Field("", max_length=2000)


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
