"""Vectors of eight classes without image files, and a catalog of real files with a broken one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from likewise import Catalog, Embeddings
from likewise.data import Preprocessing
from likewise.models import ModelSpec, SimilarityModel, build

CLASSES, IMAGES, DIM = 8, 15, 32

Vectors = Callable[..., tuple[Embeddings, Catalog]]


def clustered(
    root: Path, *, noise: float = 0.6, seed: int = 0, classes: int = CLASSES
) -> tuple[Embeddings, Catalog]:
    random = np.random.default_rng(seed)
    centers = random.normal(size=(classes, DIM))
    labels = np.repeat(np.arange(classes), IMAGES)
    vectors = centers[labels] + noise * random.normal(size=(len(labels), DIM))
    table = pd.DataFrame({
        "path": [f"{row}.jpg" for row in range(len(labels))],
        "label": [f"class {label}" for label in labels],
        "light": np.where(np.arange(len(labels)) % 2, "day", "night"),
    })  # fmt: skip
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(vectors, table["path"].tolist(), None, "0" * 16), Catalog.from_table(table, root)


@pytest.fixture
def vectors(tmp_path: Path) -> Vectors:
    return lambda **options: clustered(tmp_path, **options)


@pytest.fixture(scope="session")
def tiny() -> SimilarityModel:
    model = build(
        ModelSpec(backbone="test_resnet", dim=16, preprocessing=Preprocessing(resize_px=32, crop_px=32))
    )
    model.name = "tiny"
    return model


@pytest.fixture
def stripes(stripes_catalog: Path) -> Catalog:
    return Catalog.read(stripes_catalog)
