import numpy as np
import pytest
import torch
from PIL import Image

from likewise.data.compositing import _blend_on_device, clean_edges, composite, fill_object, paint_background
from likewise.errors import InputError


def random_pixels(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8))


def disc(side: int = 96, radius: float = 30.0, blur: float = 1.0) -> torch.Tensor:
    """A soft disc, float (1, H, W) in 0..1."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return torch.from_numpy(1 / (1 + np.exp((np.hypot(x, y) - radius) / blur)))[None].float()


def levels(values: torch.Tensor) -> torch.Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def test_the_blend_of_the_published_code_within_half_a_level():
    image, background, mask = (
        random_pixels(3, 40, 50),
        random_pixels(3, 40, 50, seed=1),
        random_pixels(1, 40, 50),
    )
    # the published code: normalised float tensors, mask in 0..1
    mean = torch.tensor([104.0, 117.0, 128.0])[:, None, None]
    soft = mask / 255
    blended = (image - mean) * soft + (background - mean) * (1 - soft) + mean
    assert (composite(image, background, mask) - blended).abs().max() <= 0.5 + 1e-4


def test_pillow_agrees_with_the_blend():
    image, background, mask = (
        random_pixels(3, 40, 50),
        random_pixels(3, 40, 50, seed=1),
        random_pixels(1, 40, 50),
    )
    pictures = [Image.fromarray(t.permute(1, 2, 0).contiguous().numpy()) for t in (image, background)]
    theirs = np.asarray(Image.composite(*pictures, Image.fromarray(mask[0].numpy())))
    ours = composite(image, background, mask).permute(1, 2, 0).numpy()
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_every_pair_of_level_and_mask_is_rounded_right():
    level, weight = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    image, mask = level.to(torch.uint8)[None].expand(3, -1, -1).contiguous(), weight.to(torch.uint8)[None]
    zero = torch.zeros_like(image)
    expected = (level * weight / 255).round()
    assert torch.equal(composite(image, zero, mask)[0], expected.to(torch.uint8))
    assert torch.equal(_blend_on_device(image, zero, mask)[0], expected.to(torch.uint8))


def test_other_devices_blend_as_the_cpu_does():
    image, background = random_pixels(2, 3, 9, 7), random_pixels(2, 3, 9, 7, seed=1)
    mask = random_pixels(2, 1, 9, 7, seed=2)
    assert torch.equal(_blend_on_device(image, background, mask), composite(image, background, mask))
    elsewhere = composite(*(part.to("meta") for part in (image, background, mask)))
    assert (elsewhere.device.type, elsewhere.dtype, elsewhere.shape) == ("meta", torch.uint8, image.shape)


def test_shapes_of_different_calls_do_not_mix():
    for side in (5, 9, 5):
        image, background = random_pixels(2, 3, side, side), random_pixels(2, 3, side, side, seed=side)
        mask = random_pixels(2, 1, side, side, seed=3)
        whole = composite(image, background, mask)
        for row in range(2):
            assert torch.equal(composite(image[row], background[row], mask[row]), whole[row])
        kept = whole.clone()
        composite(background, image, mask)
        assert torch.equal(whole, kept)  # a result is not overwritten by the next call


def test_clean_edges_come_nearer_to_the_truth_than_the_published_blend():
    """Object and both backgrounds are known, so the ideal picture is known too."""
    alpha = disc(blur=4.0)
    texture = random_pixels(3, 12, 12, seed=7).float().repeat_interleave(8, 1).repeat_interleave(8, 2)
    thing = torch.tensor([200.0, 60.0, 40.0])[:, None, None] + 0.1 * (texture - 128)
    old = torch.tensor([30.0, 90.0, 220.0])[:, None, None].expand(3, 96, 96)
    new = torch.tensor([240.0, 240.0, 100.0])[:, None, None].expand(3, 96, 96)
    photo, mask = levels(thing * alpha + old * (1 - alpha)), levels(alpha * 255)
    ideal = thing * alpha + new * (1 - alpha)
    published = composite(photo, levels(new), mask).float()
    colors, _ = clean_edges(photo, mask)
    clean = composite(colors, levels(new), mask).float()
    rim = (alpha > 0.05) & (alpha < 0.95)

    def error(picture: torch.Tensor) -> float:
        return float((picture - ideal).abs().mean(0, keepdim=True)[rim].mean())

    assert error(clean) < 0.3 * error(published)
    inside = (mask == 255).expand(3, -1, -1)
    assert torch.equal(colors[inside], photo[inside])


def test_stretched_masks_keep_their_middle():
    mask = torch.arange(256, dtype=torch.uint8)[None, None, :]
    _, edge = clean_edges(torch.zeros(3, 1, 256, dtype=torch.uint8), mask)
    assert edge[0, 0, :25].eq(0).all() and edge[0, 0, 231:].eq(255).all()
    assert abs(int(edge[0, 0, 128]) - 128) <= 1 and (edge[0, 0].diff().int() >= 0).all()


def test_an_object_on_an_even_background_vanishes():
    mask = levels(disc() * 255)
    background = torch.tensor([10, 120, 230], dtype=torch.uint8)[:, None, None].expand(3, 96, 96).contiguous()
    image = composite(random_pixels(3, 96, 96), background, mask)
    filled = fill_object(image, mask)
    assert (filled.int() - background.int()).abs().max() <= 2


def test_a_slope_is_continued_into_the_hole():
    slope = torch.arange(96).float().expand(3, 96, 96) * 2
    mask = torch.zeros(1, 96, 96, dtype=torch.uint8)
    mask[:, 35:60, 35:60] = 255
    image = torch.where(mask > 0, torch.zeros(3, 96, 96), slope).to(torch.uint8)
    filled = fill_object(image, mask).float()
    assert (filled - slope).abs().mean() < 2 and (filled - slope).abs().max() < 25
    outside = (slope == filled)[:, :28].all() and (slope == filled)[:, 70:].all()
    assert outside  # untouched beyond the grown mask


def test_what_is_filled_does_not_depend_on_the_object():
    mask = levels(disc() * 255)
    background = random_pixels(3, 96, 96, seed=5)
    first = fill_object(composite(random_pixels(3, 96, 96, seed=1), background, mask), mask)
    second = fill_object(composite(random_pixels(3, 96, 96, seed=2), background, mask), mask)
    # what leaks is the rim below a mask of 25, five pixels from the hole
    assert (first.int() - second.int()).abs().max() <= 3


def test_a_picture_that_is_all_object_becomes_grey_and_an_empty_mask_changes_nothing():
    image = random_pixels(3, 31, 33)
    assert fill_object(image, torch.full((1, 31, 33), 255, dtype=torch.uint8)).eq(128).all()
    assert torch.equal(fill_object(image, torch.zeros(1, 31, 33, dtype=torch.uint8)), image)


@pytest.mark.parametrize(
    ("value", "is_hole"), [(0, False), (25, False), (26, True), (100, True), (255, True)]
)
def test_the_hole_is_what_the_mask_says_above_25(value: int, is_hole: bool):
    image = torch.full((3, 32, 32), 40, dtype=torch.uint8)
    image[:, 10:20, 10:20] = 220
    mask = torch.zeros(1, 32, 32, dtype=torch.uint8)
    mask[:, 10:20, 10:20] = value
    filled = fill_object(image, mask, grow_px=0)
    assert filled[:, 15, 15].eq(40 if is_hole else 220).all() and filled[:, 5, 5].eq(40).all()


def test_batches_are_filled_and_cleaned_row_by_row():
    images, masks = random_pixels(3, 3, 40, 40), random_pixels(3, 1, 40, 40, seed=9) // 2
    for function in (fill_object, lambda i, m: clean_edges(i, m)[0]):
        whole = function(images, masks)
        for row in range(3):
            assert (whole[row].int() - function(images[row], masks[row]).int()).abs().max() <= 1


def test_object_on_grey():
    image, mask = random_pixels(3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8)
    mask[:, :4] = 255
    shown = paint_background(image, mask)
    assert torch.equal(shown[:, :4], image[:, :4]) and shown[:, 4:].eq(128).all()


def test_bad_input():
    image, mask = random_pixels(3, 8, 8), random_pixels(1, 8, 8)
    with pytest.raises(InputError, match="do not go"):
        composite(image, image, mask[:, :4])
    with pytest.raises(InputError, match="do not go"):
        fill_object(image.float(), mask)
    with pytest.raises(InputError, match="cut the background"):
        composite(image, image[:, :4], mask)
