"""Kept embeddings belong to the content and the labels of the images."""

from pathlib import Path

import numpy as np
from PIL import Image

from likewise.audit.property_influence.vectors import embedded
from likewise.data import Catalog, Preprocessing
from likewise.models import ModelSpec, build


def draw(file: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8)).save(file)


def test_a_replaced_or_relabelled_image_is_embedded_anew(tmp_path: Path) -> None:
    prepared = Preprocessing(resize_px=40, crop_px=32)
    model = build(ModelSpec(backbone="test_resnet", dim=8, preprocessing=prepared), seed=1)
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        draw(file, number)

    def kept(labels: str) -> tuple[np.ndarray, list[str]]:
        found = embedded(
            model,
            Catalog.from_images(files, list(labels)),
            published=False,
            batch_size=4,
            progress=False,
            parts=tmp_path / "parts",
        )
        return found.vectors, list(found.labels)

    first, _ = kept("aab")
    assert len(list((tmp_path / "parts").iterdir())) == 1
    np.testing.assert_array_equal(kept("aab")[0], first)
    assert kept("abb")[1] == ["a", "b", "b"]
    draw(files[1], 100)
    changed, _ = kept("abb")
    assert np.abs(changed[1] - first[1]).max() > 1e-3
    np.testing.assert_allclose(changed[[0, 2]], first[[0, 2]], atol=1e-6)
