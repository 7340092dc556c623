"""The small catalogs of :mod:`planted`: photos with masks, models, and embeddings that are made once."""

import argparse
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import likewise
from likewise.checks import EmbeddingCache
from likewise.data import Preprocessing
from likewise.data.mask_model import MaskModel
from likewise.files import digest
from likewise.images import open_image
from likewise.models import SimilarityModel, use_runtime
from likewise.seeds import stream

CLASSES, IMAGES, BACKGROUND_IMAGES = 12, 24, 8
COVERED = (0.04, 0.75)  # share of the photo that a usable mask covers


def lite(weights: Path, preprocessing: Preprocessing | None = None) -> SimilarityModel:
    model = likewise.load("timm:tf_efficientnet_lite0", weights, "cpu", preprocessing=preprocessing)
    use_runtime(model, "onnx")
    return model


class World:
    """Photos of one set and seed.

    Attributes:
        catalog: 12 classes of at most 24 photos.
        seed: Of the draw and of the planting.
    """

    def __init__(self, path: Path, seed: int, options: argparse.Namespace) -> None:
        self.seed, self.options, self.set = seed, options, path.parent.name
        whole = likewise.Catalog.read(path).select(options.split)
        random = stream(seed, "planted", "classes")
        labels = whole.labels.astype(str)
        chosen = random.permutation(np.unique(labels))[:CLASSES]
        rows = [
            row
            for name in chosen
            for row in random.permutation(np.flatnonzero(labels == name))[:IMAGES].tolist()
        ]
        files = [str(file) for file in whole.paths]
        table = pd.DataFrame({"path": [files[row] for row in rows], "label": labels[rows]})
        self.catalog = likewise.Catalog.from_table(table, path.parent)
        self._cache = EmbeddingCache(options.cache / "embeddings")

    @cached_property
    def model(self) -> SimilarityModel:
        """EfficientNet-Lite0; its embeddings come from ONNX Runtime, which is faster on a CPU."""
        return lite(self.options.weights)

    @cached_property
    def other(self) -> SimilarityModel:
        """MobileNetV2, whose embeddings have as many dimensions."""
        return likewise.load(
            f"onnx:{self.options.other}", None, "cpu", preprocessing=self.options.preprocessing
        )

    def embed(
        self, catalog: likewise.Catalog | None = None, model: SimilarityModel | None = None
    ) -> likewise.Embeddings:
        """Embeddings of a catalog; each photo goes through each model once."""
        return self._cache.embed(
            self.model if model is None else model, self.catalog if catalog is None else catalog
        )

    @cached_property
    def masked(self) -> likewise.Catalog:
        """At most 8 photos per class whose mask covers a plausible share."""
        network = MaskModel.open(self.options.masks, threads=1)
        rows, counts = [], dict.fromkeys(self.catalog.labels.astype(str), 0)
        for row, (file, label) in enumerate(
            zip(self.catalog.paths, self.catalog.labels.astype(str), strict=True)
        ):
            if counts[label] == BACKGROUND_IMAGES:
                continue
            mask = self.options.cache / "masks" / self.set / f"{digest(str(file))}.png"
            if not mask.is_file():
                mask.parent.mkdir(parents=True, exist_ok=True)
                found = network.predict([open_image(file)])[0].mask
                (Image.new("L", (8, 8)) if found is None else found).save(mask)
            if COVERED[0] <= float((np.asarray(Image.open(mask)) > 127).mean()) <= COVERED[1]:
                counts[label] += 1
                rows.append((row, str(mask)))
        table = self.catalog.table.iloc[[row for row, _ in rows]].reset_index(drop=True)
        table["mask"] = [mask for _, mask in rows]
        return likewise.Catalog.from_table(table, self.catalog.root)

    def photos(self, split: str) -> list[Path]:
        """Background photos: "val" are planted, "test" are those of the audit."""
        return sorted((self.options.backgrounds / split).iterdir())
