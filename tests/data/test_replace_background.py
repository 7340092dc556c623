from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from likewise.data.background_crops import FreshCrops, PreparedCrops
from likewise.data.backgrounds import BackgroundBank
from likewise.data.catalog import Catalog
from likewise.data.compositing import clean_edges, composite
from likewise.data.conditions import CONDITIONS, ShowCondition, condition_transform
from likewise.data.failures import Failure
from likewise.data.loading import CatalogDataset, make_loader
from likewise.data.preprocessing import Preprocessing
from likewise.data.replace_background import (
    ReplaceBackground,
    probability_at,
    replace_from_crops,
    replace_within_batch,
)
from likewise.data.transforms import TrainTransform
from likewise.errors import ConfigError, InputError

SMALL = Preprocessing(resize_px=48, crop_px=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Red squares on blue, with masks; green photos as backgrounds."""
    root = tmp_path_factory.mktemp("images")
    (root / "green").mkdir()
    rows = []
    for number in range(8):
        pixels, mask = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
        pixels[..., 2] = 200
        pixels[20:44, 24 + number : 56 + number] = (200 + number, 0, 0)
        mask[20:44, 24 + number : 56 + number] = 255
        Image.fromarray(pixels).save(root / f"{number}.png")
        Image.fromarray(mask).save(root / f"{number}_mask.png")
        rows.append({"path": f"{number}.png", "label": "ab"[number % 2], "mask": f"{number}_mask.png"})
    for number in range(3):
        Image.new("RGB", (70, 70), (0, 100 + number, 0)).save(root / "green" / f"{number}.png")
    pd.DataFrame(rows).to_csv(root / "catalog.csv", index=False)
    return root


@pytest.fixture(scope="module")
def catalog(folder) -> Catalog:
    return Catalog.read(folder / "catalog.csv")


@pytest.fixture(scope="module")
def bank(folder) -> BackgroundBank:
    return BackgroundBank.open(folder / "green", resize_px=48, cache=folder / "cache")


def dataset(catalog, replace, seed=0) -> CatalogDataset:
    return CatalogDataset(catalog, TrainTransform(SMALL, pair_transform=replace), with_masks=True, seed=seed)


def test_the_object_stays_and_the_background_changes(catalog, bank):
    plain, changed = dataset(catalog, None), dataset(catalog, ReplaceBackground(FreshCrops(bank, SMALL)))
    for row in range(len(catalog)):
        before, after = plain[(row, 0)], changed[(row, 0)]
        assert torch.equal(before.mask, after.mask)
        inside, outside = before.mask[0] == 255, before.mask[0] == 0
        assert torch.equal(before.image[:, inside], after.image[:, inside])
        assert after.image[2, outside].eq(0).all() and after.image[1, outside].ge(100).all()


def test_probability_zero_changes_not_one_bit(catalog, bank):
    plain, zero = (
        dataset(catalog, None),
        dataset(catalog, ReplaceBackground(FreshCrops(bank, SMALL), probability=0)),
    )
    for key in [(row, draw) for row in range(len(catalog)) for draw in range(3)]:
        assert torch.equal(plain[key].image, zero[key].image)
        assert torch.equal(plain[key].mask, zero[key].mask)


def test_probability_is_a_share_and_the_draws_are_new_each_time(catalog, bank):
    half = dataset(catalog, ReplaceBackground(PreparedCrops(bank, SMALL, count=9), probability=0.5))
    greens = [int(half[(0, draw)].image[1].max()) for draw in range(300)]
    assert 110 < sum(green > 50 for green in greens) < 190
    assert {100, 101, 102} <= set(greens)


def test_workers_and_order_do_not_change_the_pictures(catalog, bank):
    changed = dataset(catalog, ReplaceBackground(PreparedCrops(bank, SMALL, count=9), probability=0.5))
    keys = [[(row, 4) for row in range(4)], [(row, 4) for row in range(7, 3, -1)]]
    alone = [changed[key].image for batch in keys for key in batch]
    for workers in (0, 2):
        loader = make_loader(changed, batch_sampler=keys, num_workers=workers)
        loaded = torch.cat([batch.images for batch in loader])
        assert torch.equal(loaded, torch.stack([image.as_subclass(torch.Tensor) for image in alone]))


def test_living_workers_follow_the_schedule(catalog, bank):
    replace = ReplaceBackground(PreparedCrops(bank, SMALL, count=9), probability=[(0, 0.0), (2, 1.0)])
    loader = make_loader(dataset(catalog, replace), batch_size=4, num_workers=1, persistent_workers=True)
    shares = []
    for epoch in (0, 2, 0, 1):
        replace.set_epoch(epoch)
        images = torch.cat([batch.images for batch in loader])
        shares.append(float((images[:, 1].amax((1, 2)) > 50).float().mean()))
    assert shares[:3] == [0.0, 1.0, 0.0] and replace.probability == 0.5


def test_schedules():
    points = [(2, 0.2), (4, 1.0), (5, 0.0)]
    assert [probability_at(points, epoch) for epoch in (0, 2, 3, 4, 4.5, 9)] == pytest.approx(
        [0.2, 0.2, 0.6, 1.0, 0.5, 0.0]
    )
    for wrong in (1.5, -0.1, [], [(0, 2.0)], [(3, 0.1), (1, 0.2)], [(1, 0.1), (1, 0.2)]):
        with pytest.raises(ConfigError):
            probability_at(wrong, 0)


def test_a_missing_mask_is_a_failure_of_that_image(catalog, bank):
    transform = TrainTransform(SMALL, pair_transform=ReplaceBackground(FreshCrops(bank, SMALL)))
    result = CatalogDataset(catalog, transform, with_masks=False)[0]
    assert isinstance(result, Failure) and "likewise masks" in result.reason


def batch_of(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose background level is 10 * row and whose object is 200 + row."""
    images = (torch.arange(count)[:, None, None, None] * 10).expand(count, 3, 40, 40).to(torch.uint8).clone()
    masks = torch.zeros(count, 1, 40, 40, dtype=torch.uint8)
    masks[:, :, 14:26, 14:26] = 255
    for row in range(count):
        images[row, :, 14:26, 14:26] = 200 + row
    return images, masks


def test_backgrounds_of_the_batch_come_from_another_image_without_its_object():
    images, masks = batch_of(6)
    seen = np.zeros((6, 6))
    for seed in range(200):
        shown = replace_within_batch(images, masks, np.random.default_rng(seed))
        for row in range(6):
            assert shown[row, :, 14:26, 14:26].eq(200 + row).all()
            levels = shown[row][:, masks[row, 0] == 0].unique()
            assert len(levels) == 1 and levels[0] != 10 * row  # even: nothing of the other object is left
            seen[row, int(levels[0]) // 10] += 1
    off_diagonal = seen[~np.eye(6, dtype=bool)]
    assert seen.trace() == 0 and off_diagonal.min() > 15 and off_diagonal.max() < 70  # 40 expected


@pytest.mark.parametrize("compositing", ["published", "clean"])
def test_a_loaded_batch_gets_what_single_images_get(catalog, bank, compositing):
    crops = PreparedCrops(bank, SMALL, count=9)
    loaded = next(iter(make_loader(dataset(catalog, None), batch_size=6, num_workers=0)))
    shown = replace_from_crops(
        loaded.images, loaded.masks, crops, np.random.default_rng(3), compositing=compositing
    )
    generator = np.random.default_rng(3)
    generator.random(6)
    backgrounds = crops.draw_many(6, generator)
    for row in range(6):
        image, mask = loaded.images[row], loaded.masks[row]
        if compositing == "clean":
            image, mask = clean_edges(image, mask)
        assert torch.equal(shown[row], composite(image, backgrounds[row], mask))
    assert replace_from_crops(loaded.images, loaded.masks, crops, generator, 0.0) is loaded.images


def test_share_of_the_batch():
    images, masks = batch_of(8)
    assert torch.equal(replace_within_batch(images, masks, np.random.default_rng(0), 0.0), images)
    changed = [
        (replace_within_batch(images, masks, np.random.default_rng(seed), 0.25) != images).flatten(1).any(1)
        for seed in range(100)
    ]
    assert 0.18 < torch.stack(changed).float().mean() < 0.32
    with pytest.raises(InputError, match="two or more"):
        replace_within_batch(images[:1], masks[:1], np.random.default_rng(0))


@pytest.mark.parametrize("compositing", ["published", "clean"])
def test_conditions_show_what_they_say(catalog, bank, compositing):
    shown = {
        name: CatalogDataset(
            catalog, condition_transform(name, SMALL, bank, compositing=compositing), with_masks=True
        )[3]
        for name in CONDITIONS
    }
    mask = shown["original"].mask[0]
    inside, outside = mask == 255, mask == 0
    red, blue = shown["original"].image[0], shown["original"].image[2]
    assert red[inside].eq(203).all() and blue[outside].eq(200).all()
    for name in ("replaced", "object_only"):
        assert shown[name].image[0][inside].eq(203).all()
        assert shown[name].image[2][outside].ne(200).all()
    assert shown["object_only"].image[:, outside].eq(128).all()
    alone = shown["background_only"].image
    assert alone[0].max() <= 2 and alone[2].min() >= 198


def soft_pair() -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """A noisy image and a mask that is soft over all of its width."""
    pixels = np.random.default_rng(5).integers(0, 256, (3, 40, 40)).astype(np.uint8)
    mask = np.linspace(0, 255, 40).round().astype(np.uint8)[None, None].repeat(40, axis=1)
    return tv_tensors.Image(torch.from_numpy(pixels)), tv_tensors.Mask(torch.from_numpy(mask))


@pytest.mark.parametrize("way", [*CONDITIONS, "training"])
def test_clean_compositing_cleans_the_edges_of_every_picture_that_shows_the_object(catalog, bank, way):
    def shown(compositing, pair):
        if way == "training":
            change = ReplaceBackground(FreshCrops(bank, SMALL), compositing=compositing)
        else:
            change = ShowCondition(way, SMALL, bank, compositing=compositing)
        image, mask = change(*pair, np.random.default_rng(2))
        assert torch.equal(mask, pair[1])  # what the audit measures by stays
        return image

    pair = soft_pair()
    cleaned = tuple(
        kind(part) for kind, part in zip((tv_tensors.Image, tv_tensors.Mask), clean_edges(*pair), strict=True)
    )
    published, clean = shown("published", pair), shown("clean", pair)
    if way in ("original", "background_only"):
        assert torch.equal(clean, published)
    else:
        assert not torch.equal(clean, published) and torch.equal(clean, shown("published", cleaned))


def test_clean_compositing_within_a_batch():
    images, masks = batch_of(4)
    masks[:, :, 14:26, 12:14] = 128  # a soft edge that shows half of the object
    images[:, :, 14:26, 12:14] = (
        (images[:, :, 14:26, 14:16].int() + images[:, :, :12, :2].int()).div(2).to(torch.uint8)
    )
    for share in (0.5, 1.0):
        published, clean = (
            replace_within_batch(images, masks, np.random.default_rng(1), share, compositing=compositing)
            for compositing in ("published", "clean")
        )
        changed = (published != images).flatten(1).any(1)
        assert changed.any() and torch.equal((clean != images).flatten(1).any(1), changed)
        edge = np.s_[:, :, 14:26, 12:14]
        assert torch.equal(
            clean[changed][edge] > published[changed][edge], torch.ones_like(clean[changed][edge]) > 0
        )
        assert torch.equal(clean[~changed], images[~changed])


def test_replaced_draws_differ_and_repeat(catalog, bank):
    def pictures(seed):
        transform = condition_transform("replaced", SMALL, bank)
        data = CatalogDataset(catalog, transform, with_masks=True, seed=seed)
        return torch.stack([data[(row, draw)].image for row in range(3) for draw in range(5)])

    assert torch.equal(pictures(0), pictures(0)) and not torch.equal(pictures(0), pictures(1))
    assert len(pictures(0).flatten(1).unique(dim=0)) > 4  # 3 rows, 3 even photos


def test_conditions_that_cannot_be():
    with pytest.raises(ConfigError, match="did you mean 'replaced'"):
        condition_transform("replace", SMALL)
    with pytest.raises(ConfigError, match="folder"):
        condition_transform("replaced", SMALL)
