"""The shipped samples: what they promise."""

import numpy as np
import pytest
from PIL import Image

import likewise.scenes
from likewise.scenes import sample_products
from likewise.scenes.sample_set import SAMPLES_FILE


@pytest.fixture(scope="module")
def catalog():
    return likewise.scenes.samples()


def test_size_and_splits(catalog):
    files = [path for path in SAMPLES_FILE.parent.rglob("*") if path.is_file()]
    assert len(catalog) == 504
    assert len(files) == 2 * 504 + 1
    assert sum(path.stat().st_size for path in files) <= 3_000_000
    table = catalog.table
    assert table.groupby("split")["label"].nunique().to_dict() == {"train": 18, "test": 18}
    assert not set(table[table.split == "train"].label) & set(table[table.split == "test"].label)


def test_every_image_has_its_mask_and_the_thing_is_in_it(catalog):
    for image, mask in zip(catalog.paths, catalog.mask_paths, strict=True):
        with Image.open(image) as picture, Image.open(mask) as shape:
            assert picture.size == shape.size == (112, 112)
            assert picture.mode == "RGB" and shape.mode == "1"
            assert 0.01 < np.asarray(shape).mean() < 0.75, image


def test_the_rows_are_those_of_the_stated_command(catalog):
    plan = sample_products()
    for index, row in enumerate(catalog.table.to_dict("records")):
        assert row == plan.row(index)


def _background_features(catalog):
    """Mean and spread of the colour over the background's pixels, for every image."""
    features = []
    for image, mask in zip(catalog.paths, catalog.mask_paths, strict=True):
        pixels = np.asarray(Image.open(image), dtype=float)[~np.asarray(Image.open(mask))] / 255
        features.append([*pixels.mean(axis=0), *pixels.std(axis=0)])
    return np.array(features)


@pytest.mark.parametrize(("split", "low", "high"), [("train", 0.45, 1.0), ("test", 0.0, 0.17)])
def test_the_background_tells_the_class_in_train_and_not_in_test(catalog, split, low, high):
    linear_model = pytest.importorskip("sklearn.linear_model")
    model_selection = pytest.importorskip("sklearn.model_selection")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    chosen = catalog.select(split=split)
    features = preprocessing.scale(_background_features(chosen))
    probe = linear_model.LogisticRegression(C=30, max_iter=3000)
    scores = model_selection.cross_val_score(probe, features, chosen.label_codes[0], cv=5)
    assert low <= scores.mean() <= high  # chance is 1 / 18 = 0.056
