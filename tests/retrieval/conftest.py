"""Embeddings with classes of different sizes, and brute-force answers in float64."""

from collections.abc import Callable

import numpy as np
import pytest

Clustered = Callable[..., tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="session")
def clustered() -> Clustered:
    """Vectors around one centre for each class, in shuffled order."""

    def make(
        sizes: list[int], dim: int = 16, seed: int = 0, spread: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        labels = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
        centers = random.standard_normal((len(sizes), dim))
        return (centers[labels] + spread * random.standard_normal((len(labels), dim))).astype(
            np.float32
        ), labels

    return make
