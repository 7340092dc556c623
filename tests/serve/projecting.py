"""Stands in for UMAP in the process that computes a map; it imports nothing heavy."""

import time
from pathlib import Path

import numpy as np


def project(folder: Path) -> None:
    np.save(folder / "points.npy", np.load(folder / "vectors.npy")[:, :2])


def hang(folder: Path) -> None:
    (folder.parent / "hanging").touch()
    time.sleep(600)


def die(_: Path) -> None:
    raise SystemExit(7)
