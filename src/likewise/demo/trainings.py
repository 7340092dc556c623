"""The demo's trainings: short ones, from the weights of the network that the search used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from likewise.data import Catalog, with_half
from likewise.demo.verdicts import training_words
from likewise.errors import LikewiseError, ModelError
from likewise.models import SimilarityModel
from likewise.models.saving import write_weights
from likewise.retrieval import evaluate_model
from likewise.training import Run, resolve, train

PRESET = "catalog/multi_similarity"
# Small crops often miss the object, so the surface is worth learning; long enough to memorise it, and no longer.
BIASED: dict[str, Any] = {
    "model.dim": 64, "model.frozen_batch_norm": "none", "data.fold": None, "sampler.batch_size": 32,
    "sampler.iterations": 10, "schedule.warmup_epochs": 0, "optimizer.lr_backbone": 2e-3, "optimizer.lr_head": 2e-3,
    "start.head": "pca", "augmentation.scale": [0.12, 0.6], "train_crop_px": 128,
    "validation.compare": False, "validation.keep": "trained",
}  # fmt: skip
CURED: dict[str, Any] = BIASED | {"replace_background": {"source": "batch", "probability": 0.8}}


def train_from(
    start: SimilarityModel, catalog: Path, folder: Path, *, epochs: int, seed: int, changes: dict[str, Any]
) -> Run:
    """Train on a catalog file from the backbone of ``start``; a finished training in ``folder`` is reused.

    Args:
        start: Model to start from.
        catalog: A catalog with the splits train and test.
        folder: Folder of the Run.
        epochs: Epochs of the training.
        seed: Seed of the training.
        changes: Keys of the Experiment.

    Raises:
        ModelError: ``start`` is not a network that can be trained.
        ConfigError: The training does not fit the catalog.
    """
    if start.spec is None:
        raise ModelError(f"{start.name} cannot be trained.")
    done = folder / "done"
    if done.is_file():
        return Run.open(folder)
    values: dict[str, Any] = {
        "name": f"demo/{folder.name}", "seed": seed, "data.catalog": str(catalog), "trainer.max_epochs": epochs,
        "trainer.accelerator": "cpu", "model.backbone": start.spec.backbone, "model.pretrained": False,
        "model.weights": str(_start_weights(start, folder.with_suffix(".safetensors"))),
        "model.preprocessing": start.preprocessing.model_dump(mode="json"),
    } | changes  # fmt: skip
    settings = resolve(PRESET, [f"{key}={json.dumps(value)}" for key, value in values.items()])
    begun = folder.exists()
    run = train(None if begun else settings, out=folder, resume=folder if begun else None)
    done.touch()
    return run


def _start_weights(model: SimilarityModel, file: Path) -> Path:
    """The backbone of ``model`` as a file that a training can start from."""
    embedder: Any = model.network.embedder
    state = {name: value.contiguous() for name, value in embedder.backbone.network.state_dict().items()}
    write_weights(state, file)
    return file


def train_on_own(start: SimilarityModel, catalog: Catalog, folder: Path, epochs: int, seed: int) -> str:
    """Train on half of the user's classes, measure on the other half before and after, and say so in a sentence."""
    try:
        halves = catalog if {"train", "test"} <= set(catalog.splits) else with_half(catalog)
        file = folder.with_suffix(".parquet")
        halves.write(file)
        run = train_from(start, file, folder, epochs=epochs, seed=seed, changes={})
        test = halves.select(split="test")
        before, after = (evaluate_model(model, test).result for model in (start, run.model()))
    except LikewiseError as error:
        return f"The training was left out. {error}"
    return training_words(before.scores()["map@r"], after.scores()["map@r"], before.classes)
