import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.data import Catalog, EvalTransform, Preprocessing
from likewise.errors import CatalogError
from likewise.explain import SaliencySettings
from likewise.explain.attention import attention_score
from likewise.explain.catalog_attention import catalog_attention, shown_mask
from likewise.explain.store_job import make_store


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    root = tmp_path_factory.mktemp("masked")
    generator = np.random.default_rng(0)
    rows = []
    for number in range(5):
        Image.fromarray(generator.integers(0, 256, (56, 56, 3)).astype(np.uint8)).save(root / f"{number}.png")
        mask = np.zeros((56, 56), np.uint8)
        mask[10:30, 10 + number : 30] = 255
        if number == 1:
            mask[:] = 255
        Image.fromarray(mask).save(root / f"{number}_mask.png")
        rows.append(f"{number}_mask.png")
    (root / "3_mask.png").write_bytes(b"no image")
    rows[4] = ""
    base = Catalog.from_images([root / f"{number}.png" for number in range(5)])
    return Catalog.from_table(base.table.assign(mask=rows), root)


def test_scores_follow_the_maps_and_say_what_is_missing(tiny_model, catalog, tmp_path: Path):
    settings = SaliencySettings(samples=2)
    store = make_store(tiny_model, catalog, tmp_path / "s", settings=settings, progress=False).store
    scores, failures = catalog_attention(store, catalog)
    assert scores.reasons == ["", "full mask", "", "no mask", "no mask"]
    assert [failure.id for failure in failures] == ["3.png"]
    mask = np.zeros((48, 48))
    mask[6:26, 6:26] = 1  # the centre 48 of 56
    expected = attention_score(store[0], mask).values[0]
    assert scores.values[0] == pytest.approx(expected, abs=1e-6)
    # another order, and more images than the store has
    shuffled = Catalog.from_table(catalog.table.iloc[::-1], catalog.root)
    again, _ = catalog_attention(store, shuffled)
    np.testing.assert_array_equal(again.values, scores.values)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_blocks_change_nothing(tiny_model, catalog, tmp_path: Path, block: int, monkeypatch):
    """Scores and reasons of later blocks belong to their own images."""
    store = make_store(
        tiny_model, catalog, tmp_path / "s", settings=SaliencySettings(samples=2), progress=False
    ).store
    whole, _ = catalog_attention(store, catalog)
    monkeypatch.setattr(sys.modules["likewise.explain.catalog_attention"], "_BLOCK", block)
    found, failures = catalog_attention(store, catalog)
    np.testing.assert_array_equal(found.values, whole.values)
    assert found.reasons == whole.reasons and [failure.id for failure in failures] == ["3.png"]


def test_trimaps_are_cut_apart_before_they_are_resized():
    trimap = np.zeros((64, 64), np.uint8)
    trimap[16:48, 16:48], trimap[28:36, 28:36] = 128, 255
    transform = EvalTransform(Preprocessing(resize_px=32, crop_px=32))
    thing, counts = shown_mask(Image.fromarray(trimap), transform, true_mask=True)
    assert thing[16, 16] == 1 and counts[16, 16] == 1 and thing[11, 16] == 0 and counts[11, 16] == 0
    assert counts[2, 2] == 1
    soft, all_of_it = shown_mask(Image.fromarray(trimap), transform)
    assert soft[11, 16] == pytest.approx(0.5, abs=0.01) and all_of_it.min() == 1


def test_no_masks_at_all(tiny_model, catalog, tmp_path):
    settings = SaliencySettings(samples=1)
    bare = Catalog.from_table(catalog.table.drop(columns="mask"), catalog.root)
    store = make_store(tiny_model, bare, tmp_path / "s", settings=settings, progress=False).store
    with pytest.raises(CatalogError, match="likewise masks"):
        catalog_attention(store, bare)
