"""The metadata of a saliency store in ``saliency.json``."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from likewise.data import Preprocessing
from likewise.errors import InputError
from likewise.explain.settings import SaliencySettings
from likewise.validation_errors import reason

RECORD = "saliency.json"
FORM = 1


class StoreRecord(BaseModel):
    """The content of the file; fields that only people read are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    ids: list[str] = Field(description="images, in order")
    shape: tuple[PositiveInt, PositiveInt] = Field(description="(height, width) of the maps")
    model: str
    model_fingerprint: str
    settings: SaliencySettings
    preprocessing: Preprocessing
    # A plain name: nothing outside of the store is read.
    shards: list[Annotated[str, Field(pattern=r"^\d{5,}\.npy$")]]
    counts: list[NonNegativeInt] = Field(description="maps in each shard")
    rows: list[NonNegativeInt] = Field(description="map of each image, counted over all shards")

    @model_validator(mode="before")
    @classmethod
    def _of_first_stores(cls, values: Any) -> Any:
        """Stores of the first version have a map of every image, in their order."""
        if isinstance(values, dict) and "rows" not in values and isinstance(values.get("ids"), list):
            return {**values, "rows": list(range(len(values["ids"])))}
        return values

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.shards) != len(self.counts) or len(self.rows) != len(self.ids):
            raise ValueError("its lists have different lengths")
        if len(set(self.ids)) != len(self.ids) or any(row >= sum(self.counts) for row in self.rows):
            raise ValueError("its images and maps do not fit")
        return self

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The record of a finished store.

        Raises:
            InputError: There is none, it is not finished, of another version, or damaged.
        """
        try:
            text = (folder / RECORD).read_bytes()
        except OSError as error:
            unfinished = (folder / "job.json").is_file()
            raise InputError(
                f"The saliency store {folder} is not finished: run  likewise saliency  again, it continues."
                if unfinished
                else f"There is no saliency store in {folder}: make it with  likewise saliency MODEL CATALOG."
            ) from error
        try:
            _Version.model_validate_json(text)
        except ValidationError as error:
            if error.errors()[0]["loc"] == ("form",):
                raise InputError(
                    f"{folder} was written by another version of likewise: make the maps again."
                ) from error
            raise damaged(folder, RECORD, reason(error, _Version)) from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise damaged(folder, RECORD, reason(error, cls)) from error


class _Version(BaseModel):
    form: int = Field(0, ge=FORM, le=FORM, validate_default=True)


def damaged(folder: Path, name: str, why: str = "") -> InputError:
    """A file of a store has changed."""
    return InputError(
        f"The saliency store {folder} has a damaged {name}{why and f' ({why})'}: remove the folder and run  "
        "likewise saliency  again."
    )
