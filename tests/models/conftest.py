"""A small catalog of drawn pictures and a tiny network, made once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.data import Catalog, Preprocessing
from likewise.models import ModelSpec, SimilarityModel, build

SMALL = Preprocessing(resize_px=72, crop_px=64)


def _draw(seed: int, size: tuple[int, int] = (90, 80)) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def draw() -> Callable[..., Image.Image]:
    """A picture from a seed."""
    return _draw


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(9):
        _draw(number, (90, 80) if number % 2 else (70, 100)).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:300])
    return folder


@pytest.fixture(scope="session")
def catalog(picture_folder) -> Catalog:
    files = [picture_folder / f"{number}.png" for number in range(9)]
    return Catalog.from_images(files, labels=["abc"[number // 3] for number in range(9)])


@pytest.fixture(scope="session")
def broken_catalog(picture_folder) -> Catalog:
    """As ``catalog``, with a truncated picture in the middle."""
    files = [picture_folder / name for name in ("0.png", "1.png", "broken.png", "2.png")]
    return Catalog.from_images(files, labels=["a", "a", "a", "a"])


@pytest.fixture(scope="session")
def tiny() -> SimilarityModel:
    """Not to be changed by a test; ``make`` gives one of your own."""
    return build(ModelSpec(backbone="test_resnet", dim=16, preprocessing=SMALL), seed=1)


@pytest.fixture
def make() -> Callable[..., SimilarityModel]:
    def built(seed: int = 1, **options) -> SimilarityModel:
        options = {"backbone": "test_resnet", "dim": 16, "preprocessing": SMALL, **options}
        return build(ModelSpec(**options), seed)

    return built
