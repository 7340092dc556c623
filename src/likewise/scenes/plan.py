"""A RenderPlan describes a rendered set completely: the properties and the task of every image follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, model_validator

from likewise.arguments import checked
from likewise.bounds import CountOrZero
from likewise.data.masks import EXACT, STATUS_COLUMN
from likewise.files import digest
from likewise.scenes.backgrounds import BACKGROUNDS, draw_background, own_backgrounds
from likewise.scenes.parameters import CAR_PROPERTIES, PRODUCT_PROPERTIES, Property, Value, draw
from likewise.seeds import derived_seed, stream
from likewise.validation_errors import Spec

# Raise when a change of the scenes changes pixels: folders of older sets are then refused instead of mixed.
SCENE_VERSION = "1"

_PROCEDURAL = tuple(background.name for background in BACKGROUNDS)


@checked
class RenderPlan(Spec):
    """Everything that determines a set of images, except their number."""

    subject: Literal["cars", "products", "models"] = Field(
        description="cars, products, or the user's own 3-D models"
    )
    classes: tuple[str, ...] = Field(
        min_length=1, description="labels: car models, product names or model files"
    )
    size_px: int = Field(224, ge=16, le=2048, description="width and height of an image")
    samples: int = Field(16, ge=1, le=4096, description="light paths per pixel, before the denoiser")
    seed: int = Field(0, ge=0, description="the set's seed")
    background_correlation: float = Field(
        0.0, ge=0, le=1, description="how far the background predicts the class"
    )
    test_background_correlation: float | None = Field(
        None,
        ge=0,
        le=1,
        description="the same for the classes of the test split; None takes background_correlation",
    )
    backgrounds: tuple[str, ...] = Field(
        _PROCEDURAL, min_length=1, description="names of backgrounds, or of photos"
    )
    photos: bool = Field(False, description="backgrounds are photos")
    split: bool = Field(False, description="every other class is for testing")
    held: dict[str, Value] = Field(
        default_factory=dict, description="properties with one value for all images"
    )
    image_format: Literal["jpg", "png"] = Field("jpg", description="file format of the images")
    quality: int = Field(90, ge=1, le=100, description="JPEG quality")

    @model_validator(mode="after")
    def _enough_backgrounds(self) -> RenderPlan:
        if (
            self.subject != "cars"
            and max(self.background_correlation, self.test_background_correlation or 0.0) > 0
        ):
            own_backgrounds(len(self.classes), self.backgrounds, self.seed)
        return self

    @property
    def properties(self) -> tuple[Property, ...]:
        """The properties drawn for every image; the background of products comes on top."""
        if self.subject != "cars":
            return PRODUCT_PROPERTIES
        models = Property("model", self.classes, CAR_PROPERTIES[0].meaning)
        return (models, *CAR_PROPERTIES[1:])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the catalog's property columns."""
        names = tuple(each.name for each in self.properties)
        return names if self.subject == "cars" else (*names, "background")

    def fingerprint(self, *more: str) -> str:
        """Digest of all that changes the pixels; ``more`` is the rest, such as Blender's version."""
        return digest(SCENE_VERSION, self.model_dump_json(), *more)

    def image_name(self, index: CountOrZero) -> str:
        """The image's file, relative to the catalog."""
        return f"images/{index:06d}.{self.image_format}"

    def mask_name(self, index: CountOrZero) -> str:
        """The mask's file, relative to the catalog."""
        return f"masks/{index:06d}.png"

    def row(self, index: CountOrZero) -> dict[str, Value]:
        """The catalog's row of image ``index``."""
        row: dict[str, Value] = {"path": self.image_name(index)}
        drawn = draw(self.properties, self.seed, index, self.held)
        if self.subject == "cars":
            row |= {"label": drawn["model"], "split": "", "mask": self.mask_name(index), STATUS_COLUMN: EXACT}
            return row | drawn
        number = index % len(self.classes)
        row |= {"label": self.classes[number], "split": self._split(number), "mask": self.mask_name(index)}
        return row | {STATUS_COLUMN: EXACT} | drawn | {"background": self._background(index, number)}

    def task(self, index: CountOrZero, row: dict[str, Value] | None = None) -> dict[str, Any]:
        """Parameters of image ``index`` for the renderer, as JSON-compatible values."""
        row = self.row(index) if row is None else row
        patch = stream(self.seed, "patch", index)
        return {
            "subject": self.subject,
            "thing": row["label"],
            "values": {name: row[name] for name in self.columns},
            "patch": [round(float(value), 6) for value in patch.uniform((-8, -8, 0), (8, 8, 360))],
            "noise": derived_seed(self.seed, "noise", index) % (1 << 31),
            "size_px": self.size_px,
            "quality": self.quality,
        }

    def _split(self, number: int) -> str:
        if not self.split:
            return ""
        return "train" if number % 2 == 0 else "test"

    @cached_property
    def _usual(self) -> Sequence[str | None]:
        if max(self.background_correlation, self.test_background_correlation or 0.0) == 0:
            return [None] * len(self.classes)
        return own_backgrounds(len(self.classes), self.backgrounds, self.seed)

    def _background(self, index: int, number: int) -> str:
        correlation = self.background_correlation
        if self.test_background_correlation is not None and self._split(number) == "test":
            correlation = self.test_background_correlation
        return draw_background(
            stream(self.seed, "background", index), correlation, self._usual[number], self.backgrounds
        )
