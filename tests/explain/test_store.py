import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise.data import Catalog
from likewise.errors import ConfigError, FingerprintError, InputError, InterruptedWork
from likewise.explain import SaliencySettings, attribute
from likewise.explain.store import SaliencyStore, require_same_images
from likewise.explain.store_job import make_store
from likewise.seeds import derived_seed

FEW = SaliencySettings(samples=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for number in range(7):
        Image.fromarray(generator.integers(0, 256, (60, 64, 3)).astype(np.uint8)).save(root / f"{number}.png")
    (root / "3.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def catalog(folder) -> Catalog:
    return Catalog.from_images([folder / f"{number}.png" for number in range(7)])


@pytest.fixture(scope="module")
def made(tiny_model, catalog, tmp_path_factory):
    store = tmp_path_factory.mktemp("store") / "s"
    return make_store(tiny_model, catalog, store, settings=FEW, shard_size=3, progress=False)


def test_the_record_says_what_the_maps_are(made, tiny_model, catalog):
    stored = json.loads((made.store.folder / "saliency.json").read_text())
    assert stored == {
        "form": 1, "model": tiny_model.name, "model_fingerprint": tiny_model.fingerprint,
        "settings": FEW.model_dump(), "preprocessing": tiny_model.preprocessing.model_dump(mode="json"),
        "kind": "uint8", "shape": [48, 48], "catalog_fingerprint": catalog.fingerprint,
        "ids": [f"{n}.png" for n in (0, 1, 2, 4, 5, 6)], "shards": [f"0000{n}.npy" for n in range(3)],
        "counts": [3, 2, 1], "rows": [0, 1, 2, 3, 4, 5],
    }  # fmt: skip
    assert (made.new, made.reused, made.renewed) == (6, 0, 0)


def test_maps_are_those_of_attribute(made, tiny_model, folder):
    store = made.store
    assert store.ids == [f"{n}.png" for n in (0, 1, 2, 4, 5, 6)] and store.shape == (48, 48)
    assert [failure.id for failure in made.failures] == ["3.png"]
    for row, name in enumerate(store.ids):
        seeds = [derived_seed(0, name)]
        expected = attribute(tiny_model, [folder / name], settings=FEW, seeds=seeds)[0]
        assert np.abs(store[row] - expected).max() <= 0.5 / 255 + 1e-3
        assert store[row].dtype == np.float32


def test_every_way_of_reading_gives_the_same(made):
    store = SaliencyStore.open(made.store.folder)
    one_by_one = np.stack([store[row] for row in range(len(store))])
    np.testing.assert_array_equal(np.stack(list(store)), one_by_one)
    np.testing.assert_array_equal(store.read(0, 99), one_by_one)
    np.testing.assert_array_equal(store.read(2, 5), one_by_one[2:5])
    for size in (1, 4, 100):
        np.testing.assert_array_equal(np.concatenate(list(store.blocks(size))), one_by_one)
    np.testing.assert_array_equal(store[-1], one_by_one[-1])
    assert store.rows["4.png"] == 3 and store.read(3, 3).shape == (0, 48, 48)
    with pytest.raises(IndexError):
        store[6]
    assert store.settings == FEW and store.model_fingerprint


def test_maps_do_not_depend_on_the_other_images(made, tiny_model, folder, tmp_path):
    some = Catalog.from_images([folder / "5.png", folder / "1.png"])
    store = make_store(tiny_model, some, tmp_path / "s", settings=FEW, batch_size=5, progress=False).store
    for row, name in enumerate(store.ids):
        assert np.abs(store[row] - made.store[made.store.rows[name]]).max() <= 1 / 255 + 1e-6


def test_float16_is_finer(tiny_model, catalog, made, tmp_path):
    store = make_store(
        tiny_model, catalog, tmp_path / "s", settings=FEW, kind="float16", progress=False
    ).store
    fine = store.read(0, 6)
    assert np.abs(fine - made.store.read(0, 6)).max() <= 0.6 / 255 + 1e-3
    assert len(np.unique(fine)) > 1000 > len(np.unique(made.store.read(0, 6)))


def test_an_interrupted_store_continues(tiny_model, catalog, tmp_path, monkeypatch, made):
    calls = []

    def stop_at_the_third(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return attribute(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("likewise.explain.store_job.attribute", stop_at_the_third)
        with pytest.raises(InterruptedWork, match="again to continue"):
            make_store(
                tiny_model, catalog, tmp_path / "s", settings=FEW, shard_size=2, batch_size=2, progress=False
            )
    with pytest.raises(InputError, match="not finished"):
        SaliencyStore.open(tmp_path / "s")
    again = make_store(tiny_model, catalog, tmp_path / "s", settings=FEW, shard_size=2, progress=False)
    assert again.reused >= 2
    assert np.abs(again.store.read(0, 6) - made.store.read(0, 6)).max() <= 1 / 255 + 1e-6


def noise(file: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (60, 64, 3)).astype(np.uint8)).save(file)


def test_only_new_mended_and_replaced_images_are_explained_again(tiny_model, tmp_path):
    for number in range(6):
        noise(tmp_path / f"{number}.png", number)
    (tmp_path / "3.png").write_bytes(b"no image")
    options = {"settings": FEW, "shard_size": 2, "progress": False}
    first = Catalog.from_images([tmp_path / f"{number}.png" for number in range(6)])
    before = make_store(tiny_model, first, tmp_path / "s", **options).store.read(0, 9)
    noise(tmp_path / "1.png", 100)
    noise(tmp_path / "3.png", 3)
    noise(tmp_path / "00.png", 200)
    names = ["0.png", "00.png", *(f"{number}.png" for number in range(1, 6))]
    made = make_store(
        tiny_model, Catalog.from_images([tmp_path / name for name in names]), tmp_path / "s", **options
    )
    assert (made.reused, made.renewed, made.failures) == (4, 1, []) and made.store.ids == names
    fresh = make_store(
        tiny_model, Catalog.from_images([tmp_path / name for name in names]), tmp_path / "fresh", **options
    ).store
    np.testing.assert_allclose(made.store.read(0, 9), fresh.read(0, 9), atol=1 / 255 + 1e-6)
    np.testing.assert_array_equal(made.store[5], before[3])  # 4.png, as it was
    np.testing.assert_array_equal(np.concatenate(list(made.store.blocks(2))), made.store.read(0, 9))


def test_another_folder_with_the_same_names_gets_its_own_maps(tiny_model, tmp_path):
    stores = []
    for number, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        noise(tmp_path / name / "0.png", number)
        catalog = Catalog.from_images([tmp_path / name / "0.png"])
        stores.append(make_store(tiny_model, catalog, tmp_path / "s", settings=FEW, progress=False))
    expected = attribute(
        tiny_model, [tmp_path / "b" / "0.png"], settings=FEW, seeds=[derived_seed(0, "0.png")]
    )
    assert stores[1].reused == 0 and np.abs(stores[1].store[0] - expected[0]).max() <= 0.5 / 255 + 1e-3


def test_another_model_or_setting_is_refused(tiny_model, catalog, made):
    other = FEW.model_copy(update={"samples": 3})
    with pytest.raises(FingerprintError):
        make_store(tiny_model, catalog, made.store.folder, settings=other, shard_size=3, progress=False)
    with pytest.raises(ConfigError, match="float64"):
        make_store(tiny_model, catalog, made.store.folder, kind="float64")


def test_a_shard_of_nothing_but_bad_images(tiny_model, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"no image")
    Image.new("RGB", (60, 60), "red").save(tmp_path / "c.png")
    catalog = Catalog.from_images([tmp_path / f"{name}.png" for name in "abc"])
    store = make_store(tiny_model, catalog, tmp_path / "s", settings=FEW, shard_size=1, progress=False).store
    assert store.ids == ["c.png"] and len(list(store)) == 1


def test_stores_of_other_images_are_refused(made, tmp_path):
    def changed(**values) -> SaliencyStore:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for file in made.store.folder.glob("*.npy"):
            height, width = values.get("shape", made.store.shape)
            np.save(folder / file.name, np.load(file)[:, :height, :width])
        record = json.loads((made.store.folder / "saliency.json").read_text()) | values
        (folder / "saliency.json").write_text(json.dumps(record))
        return SaliencyStore.open(folder)

    ids = made.store.ids
    require_same_images([made.store, changed()])
    for values, words in [
        ({"ids": ids[::-1]}, "another order"),
        ({"ids": [*ids[:-1], "x.png"]}, r"6\.png is only in"),
        ({"shape": [24, 24]}, "24 x 24"),
    ]:
        with pytest.raises(InputError, match=words):
            require_same_images([made.store, changed(**values)])
    with pytest.raises(InputError, match="another version"):
        changed(form=0)


def test_what_is_no_store(tmp_path, made):
    with pytest.raises(InputError, match="no saliency store"):
        SaliencyStore.open(tmp_path)
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "saliency.json").write_text((made.store.folder / "saliency.json").read_text())
    with pytest.raises(InputError, match=r"lacks 00000\.npy"):
        SaliencyStore.open(tmp_path / "s")


@pytest.mark.parametrize("change", ["row beyond the last map", "a name twice", "a row less", "a shard less"])
def test_a_record_that_does_not_fit_its_maps_is_refused(tmp_path, made, change):
    record = json.loads((made.store.folder / "saliency.json").read_text())
    if change == "row beyond the last map":
        record["rows"][-1] = sum(record["counts"])
    elif change == "a name twice":
        record["ids"][-1] = record["ids"][0]
    else:
        record["rows" if change == "a row less" else "shards"].pop()
    (tmp_path / "s").mkdir()
    for file in made.store.folder.glob("*.npy"):
        (tmp_path / "s" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "s" / "saliency.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"saliency\.json"):
        SaliencyStore.open(tmp_path / "s")
