"""Images, records and settings of runs that were written by hand."""

from typing import Any

import pandas as pd

from likewise.data import Catalog
from likewise.models import TrainedOn
from likewise.training import Experiment
from likewise.training.run_record import RunData


def catalog(letters: str) -> Catalog:
    table = pd.DataFrame(
        {"path": [f"{letter}{row}.png" for row, letter in enumerate(letters)], "label": list(letters)}
    )
    return Catalog.from_table(table.assign(split=""), ".")


def data(images: str = "abc", sizes: tuple[int, ...] | None = None, **changes: Any) -> RunData:
    values = {"catalog": "c.csv", "fingerprint": "0", "classes": ("x", "y"),
              "images": tuple(f"{name}.png" for name in images)}  # fmt: skip
    trained_on = TrainedOn.model_validate(
        values | {key: changes.pop(key) for key in set(changes) & set(values)}
    )
    return RunData(
        trained_on=trained_on, validated_on=changes.pop("validated_on", ("v",)),
        bytes=sizes or tuple(range(len(images))), **changes,
    )  # fmt: skip


def changed(small: Experiment, **changes: Any) -> Experiment:
    values = small.model_dump(mode="json")
    for part, settings in changes.items():
        values[part] = {"name": settings} if part == "loss" else values[part] | settings
    return Experiment.parse(values)
