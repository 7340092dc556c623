"""Maps of earlier versions are removed, each method by itself: one by UMAP takes minutes."""

import os
from pathlib import Path

import numpy as np

from likewise.serve.embedding_map import _keep


def test_the_last_maps_of_each_method_are_kept(tmp_path: Path) -> None:
    names = ["umap-a", *(f"pca-{number}" for number in range(6)), "umap-b"]
    for age, name in enumerate(names):
        file = tmp_path / f"{name}.parquet"
        _keep(file, ["one", "two"], np.zeros((2, 2)), None)
        os.utime(file, (age, age))
    _keep(tmp_path / "pca-last.parquet", ["one"], np.zeros((1, 2)), (0.5, 0.25))
    assert {file.stem for file in tmp_path.iterdir()} == {
        "umap-a",
        "umap-b",
        "pca-last",
        "pca-5",
        "pca-4",
        "pca-3",
    }
