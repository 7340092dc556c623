"""A tiny model, a catalog of drawn pictures with properties, and vectors for indexes that need no pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.data import Catalog, Preprocessing
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build

SMALL = Preprocessing(resize_px=72, crop_px=64)
Vectors = Callable[..., tuple[Embeddings, Catalog]]


@pytest.fixture(scope="session")
def tiny() -> SimilarityModel:
    return build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=SMALL), seed=1)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((80, 70), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:200])
    return folder


@pytest.fixture(scope="session")
def catalog(pictures: Path) -> Catalog:
    table = pd.DataFrame(
        {
            "path": [f"{number}.png" for number in range(8)],
            "label": list("aabbccdd"),
            "split": ["train"] * 4 + ["test"] * 4,
            "height": [1.5, 2.5, np.nan, 4.5, 5.5, 6.5, 7.5, 8.5],
            "count": range(8),
            "color hue": ["red", "red", "blue", None, "red", "blue", "blue", "red"],
            "night": [True, False] * 4,
        }
    )
    return Catalog.from_table(table, pictures)


@pytest.fixture
def vectors(tmp_path: Path) -> Vectors:
    """Random embeddings with a catalog of (absent) pictures."""

    def make(
        ids: list[str], seed: int = 0, fingerprint: str = "abc", distance: str = "cosine", dim: int = 6
    ) -> tuple[Embeddings, Catalog]:
        rows = np.random.default_rng(seed).standard_normal((len(ids), dim)).astype(np.float32)
        table = pd.DataFrame({"path": ids, "label": [name[0] for name in ids], "count": range(len(ids))})
        return Embeddings(rows, ids, None, fingerprint, distance=distance), Catalog.from_table(
            table, tmp_path
        )

    return make
