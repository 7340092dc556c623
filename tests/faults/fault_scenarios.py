"""What is done while an operation fails: each scenario prepares a folder, does its work in it, and tells the result."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from likewise.data import Catalog, Preprocessing
from likewise.explain import SaliencySettings, SaliencyStore, make_store
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build, embed_to_file
from likewise.retrieval import EmbeddingOptions, Index

OPTIONS = EmbeddingOptions(num_workers=0, progress=False, shard_size=3)


@dataclass(frozen=True)
class Scenario:
    """One command under faults.

    Attributes:
        prepare: Makes what is there before, in an empty folder.
        work: The work; called again after a fault, it must mend it.
        result: A digest of what the work is for.
    """

    prepare: Callable[[Path, Any], None]
    work: Callable[[Path, Any], None]
    result: Callable[[Path, Any], str]


def tiny_model(seed: int = 1) -> SimilarityModel:
    """Random weights; quick."""
    return build(
        ModelSpec(backbone="test_resnet", dim=8, preprocessing=Preprocessing(resize_px=40, crop_px=32)),
        seed=seed,
    )


def draw(file: Path, seed: int) -> None:
    """A picture that tells its seed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((48, 40), Image.Resampling.BICUBIC).save(file)


def photos(folder: Path, model: SimilarityModel) -> None:
    """Eight pictures of two classes."""
    for number in range(8):
        draw(folder / "photos" / "ab"[number % 2] / f"{number}.png", number)


def indexed(folder: Path, model: SimilarityModel) -> None:
    """An index of six of them; the other two are new, one has changed, one is gone."""
    photos(folder, model)
    for number in (6, 7):
        file = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        file.rename(folder / file.name)
    Index.create(folder / "x.index", model, Catalog.read(folder / "photos"), options=OPTIONS)
    for number in (6, 7):
        (folder / f"{number}.png").rename(folder / "photos" / "ab"[number % 2] / f"{number}.png")
    draw(folder / "photos" / "a" / "0.png", 100)
    (folder / "photos" / "b" / "1.png").unlink()


def build_index(folder: Path, model: SimilarityModel) -> None:
    """``likewise index build``, or what is left of it to do."""
    try:
        Index.create(folder / "x.index", model, Catalog.read(folder / "photos"), options=OPTIONS)
    except Exception as error:
        if "exists already" not in str(error):  # a build that was stopped behind its last step
            raise


def add_to_index(folder: Path, model: SimilarityModel) -> None:
    """``likewise index add``."""
    Index.open(folder / "x.index", model).add(Catalog.read(folder / "photos"), options=OPTIONS)


def sync_index(folder: Path, model: SimilarityModel) -> None:
    """``likewise index sync``."""
    Index.open(folder / "x.index", model).sync(Catalog.read(folder / "photos"), options=OPTIONS)


def remove_from_index(folder: Path, model: SimilarityModel) -> None:
    """``likewise index remove``."""
    Index.open(folder / "x.index", model).remove(where="label = 'b'")


def rows_of_index(folder: Path, model: SimilarityModel) -> str:
    """All rows, with their vectors."""
    index = Index.open(folder / "x.index", model)
    hits = index.search(np.ones(8, np.float32), 100).hits
    assert len(hits) == len(index)
    return digest(
        [(hit.id, hit.label, f"{hit.distance:.5f}") for hit in sorted(hits, key=lambda hit: hit.id)]
    )


def embed(folder: Path, model: SimilarityModel) -> None:
    """``likewise embed``."""
    catalog = Catalog.read(folder / "photos")
    embed_to_file(model, catalog, folder / "e.npz", num_workers=0, shard_size=3, progress=False)


def embedded(folder: Path, model: SimilarityModel) -> str:
    """Ids and vectors."""
    found = Embeddings.load(folder / "e.npz")
    return digest([found.ids, found.vectors.round(5).tolist()])


def saliency(folder: Path, model: SimilarityModel) -> None:
    """``likewise saliency``."""
    settings = SaliencySettings(samples=1)
    make_store(
        model,
        Catalog.read(folder / "photos"),
        folder / "maps",
        settings=settings,
        shard_size=3,
        progress=False,
    )


def maps(folder: Path, model: SimilarityModel) -> str:
    """Ids and coarse maps: the last bits depend on the batch."""
    store = SaliencyStore.open(folder / "maps")
    return digest([store.ids, store.read(0, len(store)).shape])


def masks(folder: Path, model: SimilarityModel) -> None:
    """``likewise masks``."""
    from likewise.data.mask_model import MaskModel
    from likewise.jobs.object_masks import make_masks

    network = MaskModel.open(folder.parent / "brightness.onnx", threads=1)
    make_masks(Catalog.read(folder / "photos"), network, folder / "masked.csv", progress=False)


def masked(folder: Path, model: SimilarityModel) -> str:
    """Table and masks."""
    catalog = Catalog.read(folder / "masked.csv")
    pixels = [None if path is None else path.read_bytes() for path in catalog.mask_paths]
    return digest([catalog.table.to_csv(), *map(str, pixels)])


def digest(value: object) -> str:
    """Of what is printed of a value."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def copied(source: Path, target: Path) -> None:
    """A fresh copy of a prepared folder."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


SCENARIOS = {
    "index build": Scenario(photos, build_index, rows_of_index),
    "index add": Scenario(indexed, add_to_index, rows_of_index),
    "index sync": Scenario(indexed, sync_index, rows_of_index),
    "index remove": Scenario(indexed, remove_from_index, rows_of_index),
    "embed": Scenario(photos, embed, embedded),
    "saliency": Scenario(photos, saliency, maps),
    "masks": Scenario(photos, masks, masked),
}
