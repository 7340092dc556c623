"""Record of a Run's images, to check resumed trainings and later evaluations."""

import json
from pathlib import Path
from typing import Any

from likewise.errors import ConfigError
from likewise.files import write_json
from likewise.models import TrainedOn
from likewise.models.trained_on import read_record, rows_digest
from likewise.printable import counted
from likewise.training.images import TrainingImages
from likewise.validation_errors import Spec

FILE = "data.json"


class RunData(Spec):
    """The images of a Run: what was trained on, what validated, and how large each training file was.

    Attributes:
        trained_on: Classes and images of the training, and the digest of all rows.
        validated_on: Labels of the validation classes.
        bytes: Size of each training image; -1 where it could not be read.
        started_from: Training of the model whose weights the training started from; None if there is none.
    """

    trained_on: TrainedOn
    validated_on: tuple[str, ...]
    bytes: tuple[int, ...]
    started_from: TrainedOn | None = None

    @classmethod
    def of(
        cls, catalog: Path | None, images: TrainingImages, started_from: TrainedOn | None = None
    ) -> "RunData":
        """The record of these images."""
        train, val = images.train, images.val
        paths, labels, roles = list(train.ids), train.labels.tolist(), ["train"] * len(train)
        if val is not None:
            paths, labels = [*paths, *val.ids], [*labels, *val.labels.tolist()]
            roles += ["val"] * len(val)
        trained_on = TrainedOn(
            catalog=str(catalog or train.root), fingerprint=rows_digest(paths, labels, roles),
            classes=tuple(train.label_codes[1]), images=tuple(train.ids),
        )  # fmt: skip
        validated = () if val is None else tuple(val.label_codes[1])
        sizes = tuple(map(_size, train.paths))
        return cls(trained_on=trained_on, validated_on=validated, bytes=sizes, started_from=started_from)

    @property
    def all_trained_on(self) -> TrainedOn:
        """What the model knows at the end, that of the model it started from included."""
        return self.trained_on if self.started_from is None else self.trained_on.after(self.started_from)

    def write(self, folder: Path) -> None:
        """Write ``data.json`` into the folder of a Run."""
        write_json(folder / FILE, self.model_dump(mode="json"))

    @classmethod
    def read(cls, folder: Path) -> "RunData | None":
        """The record in the folder of a Run; None if there is none (Runs of earlier versions).

        Raises:
            ConfigError: The file is damaged.
        """
        return read_record(cls, folder / FILE, ConfigError, "start a new run with --out.")


def check_same_images(folder: Path, before: RunData, now: RunData) -> str:
    """Refuse to go on with other images or labels than a Run was started with.

    Args:
        folder: Folder of the Run.
        before: Images at the start.
        now: Current images of the catalog.

    Returns:
        A warning where files are there but were exchanged; "" if they are as they were.

    Raises:
        ConfigError: Other images, labels or splits; the sentence names the first difference.
    """
    old, new = before.trained_on, now.trained_on
    if old.fingerprint != new.fingerprint:
        raise ConfigError(
            f"The catalog {new.catalog} differs from the one {folder} was started with ({_difference(before, now)}): "
            "a resumed "
            "training would not be the same. Give the unchanged catalog with -o data.catalog=FILE, or start a new "
            "run with --out."
        )
    changed = [
        name for name, size, other in zip(old.images, before.bytes, now.bytes, strict=True) if size != other
    ]
    if not changed:
        return ""
    return (
        f"Training images that have changed since {folder} was started: {len(changed)}, first {changed[0]!r}. The "
        "result differs from that of a training that was not interrupted."
    )


def _difference(before: RunData, now: RunData) -> str:
    old, new = before.trained_on, now.trained_on
    missing, added = set(old.images) - set(new.images), set(new.images) - set(old.images)
    if missing:
        return f"{counted(len(missing), 'training image')} missing, first {min(missing)!r}"
    if added:
        return f"{counted(len(added), 'new training image')}, first {min(added)!r}"
    if set(old.classes) != set(new.classes) or set(before.validated_on) != set(now.validated_on):
        return "its classes are others"
    return "labels, order or validation images are others"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def write_result(folder: Path, values: dict[str, Any]) -> None:
    """Write ``run.json``, the outcome of the training."""
    write_json(folder / "run.json", values)


def read_result(folder: Path) -> dict[str, Any]:
    """Content of ``run.json``; empty if the training has not ended or the file cannot be read."""
    try:
        values = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
