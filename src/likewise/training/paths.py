"""Paths in an Experiment: stored as absolute paths, so that a Run can be resumed from any folder."""

from pathlib import Path
from typing import Any

from likewise.training.experiment import Experiment

PATH_KEYS = (
    "data.catalog",
    "data.root",
    "model.weights",
    "validation.backgrounds",
    "replace_background.bank",
)


def with_absolute_paths(experiment: Experiment) -> Experiment:
    """``experiment`` with every path absolute, ``~`` expanded; links are not resolved."""
    changes: dict[str, Any] = {}
    for key in PATH_KEYS:
        part, name = key.split(".")
        inner = getattr(experiment, part)
        path = None if inner is None else getattr(inner, name)
        if path is not None:
            absolute = Path(path).expanduser().absolute()
            changes[part] = changes.get(part, inner).model_copy(update={name: absolute})
    return experiment.model_copy(update=changes)
