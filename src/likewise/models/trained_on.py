"""Record of the classes and images of a model's training, stored beside its weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from likewise.arguments import checked
from likewise.data import Catalog
from likewise.errors import LikewiseError, ModelError
from likewise.files import digest, write_json
from likewise.validation_errors import Spec, reason

FILE = "trained_on.json"
_NAMED = 3
Record = TypeVar("Record", bound=BaseModel)


@checked
class TrainedOn(Spec):
    """The images of a training.

    Attributes:
        catalog: Location of the catalog, as text.
        fingerprint: Digest of the paths and labels of all images, in order; see :func:`rows_digest`.
        classes: Labels that were trained on.
        images: Paths (ids) of the images that were trained on.
    """

    catalog: str
    fingerprint: str
    classes: tuple[str, ...]
    images: tuple[str, ...]

    def after(self, earlier: "TrainedOn") -> "TrainedOn":
        """This training with the classes and images of an earlier one, whose model it started from."""
        return self.model_copy(update={
            "classes": tuple(dict.fromkeys([*self.classes, *earlier.classes])),
            "images": tuple(dict.fromkeys([*self.images, *earlier.images])),
        })  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write the file beside a model, atomically."""
        write_json(folder / FILE, self.model_dump(mode="json"))

    @classmethod
    def read(cls, folder: Path) -> "TrainedOn | None":
        """The record beside a model; None if there is none.

        Raises:
            ModelError: The file is damaged.
        """
        way_out = "remove it to use the model without knowing its training classes."
        return read_record(cls, folder / FILE, ModelError, way_out)


def read_record(kind: type[Record], path: Path, error: type[LikewiseError], way_out: str) -> Record | None:
    """Content of a JSON file; None if there is no such file.

    Args:
        kind: Model that the content must fit.
        path: The file.
        error: Raised where the file is damaged.
        way_out: Advice, the end of the sentence.
    """
    if not path.is_file():
        return None
    try:
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError, RecursionError) as cause:
        raise error(f"{path} is damaged ({reason(cause, kind)}): {way_out}") from cause


@dataclass(frozen=True)
class Overlap:
    """Images of a catalog whose classes were used to train a model.

    Attributes:
        classes: The labels that are in both.
        of_classes: Number of classes of the catalog.
        images: Number of images of the catalog that were trained on.
        model: Name of the model.
    """

    classes: tuple[str, ...]
    of_classes: int
    images: int
    model: str

    @property
    def words(self) -> str:
        """The warning, one sentence."""
        named = ", ".join(self.classes[:_NAMED]) + (", ..." if len(self.classes) > _NAMED else "")
        images = f", and {self.images:,} of its images," if self.images else ""
        verb = "was" if len(self.classes) == 1 and not images else "were"
        return (
            f"{len(self.classes)} of the {self.of_classes} classes{images} {verb} trained on by {self.model} "
            f"({named}): results on them say little about classes it has not seen."
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"classes": list(self.classes), "of_classes": self.of_classes, "images": self.images}


@checked
def training_overlap(model: Any, catalog: Catalog) -> Overlap | None:
    """The classes of a catalog that a model was trained with; None if there are none or the training is unknown.

    Classes are compared by name, images by path and name of their class.

    Args:
        model: A SimilarityModel; anything else counts as unknown.
        catalog: The images to evaluate.
    """
    trained_on: TrainedOn | None = getattr(model, "trained_on", None)
    return None if trained_on is None else overlap_with(trained_on, catalog, str(model.name))


def overlap_with(trained_on: TrainedOn, catalog: Catalog, model: str) -> Overlap | None:
    """See :func:`training_overlap`; ``model`` is a name for the sentence."""
    present = set(catalog.labels.tolist()) - {""}
    shared = present & set(trained_on.classes)
    if not shared:
        return None
    trained = set(trained_on.images)
    images = sum(
        label in shared and name in trained for name, label in zip(catalog.ids, catalog.labels, strict=True)
    )
    return Overlap(tuple(sorted(shared)), len(present), images, model)


def rows_digest(paths: Sequence[str], labels: Sequence[str], roles: Sequence[str]) -> str:
    """Digest of which images are trained on as what; folder, properties and pixels do not count."""
    return digest("\x1f".join(paths), "\x1f".join(labels), "\x1f".join(roles))
