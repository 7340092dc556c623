"""Sixteen threads that search one index get what one thread gets."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.data import Catalog, Preprocessing
from likewise.models import ModelSpec, build
from likewise.retrieval import EmbeddingOptions, Index

THREADS, IMAGES = 16, 24


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("threads")
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    files = [folder / f"{number}.png" for number in range(IMAGES)]
    catalog = Catalog.from_images(files, [f"class {number % 6}" for number in range(IMAGES)])
    spec = ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32))
    options = EmbeddingOptions(num_workers=0, progress=False)
    return Index.create(folder / "x.index", build(spec, seed=1), catalog, options=options)


@pytest.mark.parametrize("query", ["path", "picture", "vector"])
@pytest.mark.parametrize("where", [None, "label != 'class 1'"])
def test_sixteen_threads_find_what_one_finds(index: Index, query: str, where: str | None) -> None:
    files = sorted(Path(index.path).parent.glob("*.png"))

    def search(number: int) -> list[tuple[str, float]]:
        given = {
            "path": files[number],
            "picture": Image.open(files[number]),
            "vector": np.random.default_rng(number).standard_normal(8).astype(np.float32),
        }[query]
        return [(hit.id, hit.distance) for hit in index.search(given, 7, where=where).hits]

    alone = [search(number) for number in range(THREADS)]
    assert all(len(hits) == 7 for hits in alone)
    start = threading.Barrier(THREADS)

    def together(number: int) -> list[tuple[str, float]]:
        start.wait()
        return search(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(3):
            assert list(pool.map(together, range(THREADS))) == alone
