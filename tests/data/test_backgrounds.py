import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from likewise.data.background_crops import FreshCrops, PreparedCrops
from likewise.data.backgrounds import BackgroundBank, require_disjoint
from likewise.data.preprocessing import Preprocessing
from likewise.errors import ConfigError, InputError

SMALL = Preprocessing(resize_px=48, crop_px=40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for number, size in enumerate([(80, 60), (60, 90), (48, 48), (200, 50)]):
        pixels = generator.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / ("more" if number % 2 else "") / f"{number}.png")
    return tmp_path / "photos"


def open_bank(folder: Path, **options) -> BackgroundBank:
    return BackgroundBank.open(folder, resize_px=48, cache=folder.parent / "cache", **options)


def test_photos_are_resized_like_the_published_transform(folder):
    bank = open_bank(folder)
    assert bank.names == ["0.png", "2.png", "more/1.png", "more/3.png"]
    for name, pixels in zip(bank.names, (bank[i] for i in range(len(bank))), strict=True):
        image = Image.open(folder / name)
        assert min(pixels.shape[:2]) == 48
        size = (pixels.shape[1], pixels.shape[0])
        np.testing.assert_array_equal(pixels, np.asarray(image.resize(size, Image.Resampling.BILINEAR)))


def test_the_second_opening_decodes_nothing(folder, monkeypatch):
    first = open_bank(folder)
    monkeypatch.setattr("likewise.data.backgrounds.open_image", lambda _: pytest.fail("decoded again"))
    second = open_bank(folder)
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first[2], second[2])


def test_a_changed_photo_or_a_cut_off_cache_is_noticed(folder):
    first = open_bank(folder)
    Image.new("RGB", (50, 50), "red").save(folder / "2.png")
    changed = open_bank(folder)
    assert changed.fingerprint != first.fingerprint and (changed[1] == [255, 0, 0]).all()
    cache = folder.parent / "cache"
    for file in cache.glob("*.npy"):
        file.write_bytes(file.read_bytes()[:200])
    assert (open_bank(folder)[1] == [255, 0, 0]).all()


def test_a_bad_photo_is_listed_and_none_at_all_refused(folder):
    (folder / "broken.jpg").write_bytes(b"no image")
    bank = open_bank(folder)
    assert len(bank) == 4 and [failure.id for failure in bank.failures] == ["broken.jpg"]
    with pytest.raises(InputError, match=r"broken\.jpg"):
        BackgroundBank.open([folder / "broken.jpg"], cache=folder.parent / "cache")
    with pytest.raises(InputError, match="no folder"):
        open_bank(folder / "nowhere")
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="no photo"):
        open_bank(folder / "empty")


def test_workers_get_the_file_and_not_the_pixels(folder):
    bank = open_bank(folder)
    first = bank[0].copy()
    sent = pickle.dumps(bank)
    assert len(sent) < 2000
    np.testing.assert_array_equal(pickle.loads(sent)[0], first)


def test_banks_that_share_a_photo_are_refused_whatever_its_name(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.open(folder / "0.png").save(other / "renamed.png")
    banks = {
        "train": open_bank(folder),
        "test": BackgroundBank.open(other, resize_px=48, cache=tmp_path / "c"),
    }
    with pytest.raises(InputError, match=r"renamed\.png of 'test' is 0\.png of 'train'"):
        require_disjoint(banks)
    Image.new("RGB", (50, 50)).save(other / "renamed.png")
    banks["test"] = BackgroundBank.open(other, resize_px=48, cache=tmp_path / "c")
    require_disjoint(banks)


def test_fresh_crops_show_parts_of_the_photos(tmp_path):
    (tmp_path / "p").mkdir()
    # red grows to the right, green downwards: a crop tells where it was cut
    y, x = np.mgrid[:96, :144]
    Image.fromarray(np.stack([x, y, 0 * x], -1).astype(np.uint8)).save(tmp_path / "p" / "slope.png")
    bank = BackgroundBank.open(tmp_path / "p", resize_px=96, cache=tmp_path / "c")
    crops = FreshCrops(bank, Preprocessing(resize_px=96, crop_px=32))
    widths, flips = [], 0
    for seed in range(200):
        crop = crops.draw(np.random.default_rng(seed)).float()
        assert crop.shape == (3, 32, 32)
        red, green = crop[0].mean(0), crop[1].mean(1)
        flips += bool(red[0] > red[-1])
        width, height = (red[-1] - red[0]).abs() * 32 / 31, (green[-1] - green[0]) * 32 / 31
        share = width * height / (96 * 144)
        widths.append(float(share))
        assert 0.12 < share <= 1.05 and 0.6 < width / height < 1.6
    assert 70 < flips < 130  # half of them mirrored
    assert min(widths) < 0.25 and max(widths) > 0.8


def test_prepared_crops_are_crops_made_once(folder):
    bank = open_bank(folder)
    crops = PreparedCrops(bank, SMALL, count=6)
    drawn = {crops.draw(np.random.default_rng(seed)).numpy().tobytes() for seed in range(100)}
    assert len(drawn) == 6
    again = pickle.loads(pickle.dumps(PreparedCrops(bank, SMALL, count=6)))
    assert {again.draw(np.random.default_rng(seed)).numpy().tobytes() for seed in range(100)} == drawn
    assert len(list(bank.cache.glob("crops-*"))) == 1
    other = PreparedCrops(bank, SMALL, count=6, seed=1)
    assert {other.draw(np.random.default_rng(seed)).numpy().tobytes() for seed in range(100)} != drawn


def test_writing_to_a_crop_does_not_reach_the_file(folder):
    bank = open_bank(folder)
    crops = PreparedCrops(bank, SMALL, count=1)
    before = crops.draw(np.random.default_rng(0)).clone()
    crops.draw(np.random.default_rng(0)).zero_()
    assert torch.equal(PreparedCrops(bank, SMALL, count=1).draw(np.random.default_rng(0)), before)


def test_bad_crops(folder):
    bank = open_bank(folder)
    with pytest.raises(ConfigError, match="resize_px=64"):
        FreshCrops(bank, Preprocessing(resize_px=64, crop_px=40))
    with pytest.raises(ConfigError, match="1 or more"):
        PreparedCrops(bank, SMALL, count=0)
