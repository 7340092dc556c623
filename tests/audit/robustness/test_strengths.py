"""Each change has the strength that its table names, measured without the code that makes it."""

import colorsys

import numpy as np
import pytest
from PIL import Image

from likewise.audit.robustness_to_changes.changes import CHANGES

SIDE = 120


def changed(name: str, strength: float, pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels.astype(np.uint8))
    return np.asarray(CHANGES[name].apply(image, strength, np.random.default_rng(0)), np.float64)


def plain(*color: int) -> np.ndarray:
    return np.broadcast_to(np.array(color, np.uint8), (SIDE, SIDE, 3))


@pytest.mark.parametrize("deviation", CHANGES["noise"].strengths)
def test_noise_has_its_standard_deviation(deviation: float) -> None:
    # Clipping shortens the tails of strong noise: of a normal distribution, the middle two thirds lie within it.
    difference = changed("noise", deviation, plain(128, 128, 128)) - 128
    assert np.quantile(np.abs(difference), 0.6827) == pytest.approx(deviation, rel=0.05, abs=0.5)
    assert abs(difference.mean()) < 0.5


@pytest.mark.parametrize("share", CHANGES["blur"].strengths)
def test_an_edge_is_blurred_by_its_standard_deviation(share: float) -> None:
    pixels = np.zeros((SIDE, SIDE, 3))
    pixels[:, SIDE // 2 :] = 255
    slope = np.diff(changed("blur", share, pixels)[SIDE // 2, :, 0])
    place = np.arange(len(slope))
    center = (slope * place).sum() / slope.sum()
    spread = np.sqrt((slope * (place - center) ** 2).sum() / slope.sum())
    assert spread == pytest.approx(share * SIDE, abs=0.35)


@pytest.mark.parametrize("factor", CHANGES["brightness"].strengths)
def test_brightness_is_multiplied(factor: float) -> None:
    assert changed("brightness", factor, plain(200, 100, 40)).mean((0, 1)) == pytest.approx(
        np.array([200, 100, 40]) * factor, abs=1
    )


@pytest.mark.parametrize("factor", CHANGES["saturation"].strengths)
def test_the_distance_from_grey_is_multiplied(factor: float) -> None:
    color = changed("saturation", factor, plain(200, 100, 40))[0, 0]
    assert color.max() - color.min() == pytest.approx(160 * factor, abs=2)


@pytest.mark.parametrize("degrees", CHANGES["hue"].strengths)
def test_the_hue_is_turned(degrees: float) -> None:
    color = changed("hue", degrees, plain(200, 100, 40))[0, 0]
    before, after = (colorsys.rgb_to_hsv(*np.array(each) / 255) for each in ((200, 100, 40), color))
    assert (360 * (after[0] - before[0])) % 360 == pytest.approx(degrees, abs=3)
    assert after[1:] == pytest.approx(before[1:], abs=0.02)


@pytest.mark.parametrize("share", CHANGES["crop"].strengths)
def test_a_crop_keeps_its_share_of_both_sides_and_shows_a_part_of_the_photo(share: float) -> None:
    pixels = np.zeros((SIDE, SIDE, 3))
    pixels[..., 0], pixels[..., 1] = np.arange(SIDE)[:, None], np.arange(SIDE)
    part = changed("crop", share, pixels)
    assert part.shape == (round(share * SIDE), round(share * SIDE), 3)
    top, left = part[0, 0, :2].astype(int)
    np.testing.assert_array_equal(part, pixels[top : top + len(part), left : left + len(part)])


def test_a_quarter_turn_and_the_mirror_move_pixels_only() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3))
    np.testing.assert_array_equal(changed("rotation", 90, pixels), np.rot90(pixels))
    np.testing.assert_array_equal(changed("mirror", 1, pixels), pixels[:, ::-1])


@pytest.mark.parametrize("share", CHANGES["small object"].strengths)
def test_a_small_object_fills_its_share_in_the_middle_of_the_mean_colour(share: float) -> None:
    pixels = np.zeros((SIDE, SIDE, 3))
    pixels[: SIDE // 2] = 250
    canvas = changed("small object", share, pixels)
    inside = np.abs(canvas[..., 0] - 125).max(1) > 10
    assert inside.sum() == pytest.approx(share * SIDE, abs=3)
    assert np.flatnonzero(inside).mean() == pytest.approx((SIDE - 1) / 2, abs=1)


@pytest.mark.parametrize("share", CHANGES["text"].strengths)
def test_the_band_of_a_text_covers_its_share_of_the_height(share: float) -> None:
    covered = (changed("text", share, plain(255, 0, 0))[:, 0] == 20).all(1)
    assert covered.sum() == pytest.approx(share * SIDE, abs=1.5)


@pytest.mark.parametrize("share", CHANGES["resolution"].strengths)
def test_a_lower_resolution_has_the_means_of_its_larger_pixels(share: float) -> None:
    size = round(1 / share)
    waves = np.add.outer(np.sin(np.arange(SIDE) / 30), np.cos(np.arange(SIDE) / 25)) * 50 + 128
    pixels = np.repeat(waves[..., None], 3, 2)
    fine = pixels + 60 * (np.indices((SIDE, SIDE)).sum(0) % 2)[..., None] - 30  # vanishes in a mean of 2 x 2
    low = changed("resolution", share, fine)
    blocks = low.reshape(SIDE // size, size, SIDE // size, size, 3).mean((1, 3))
    expected = pixels.reshape(SIDE // size, size, SIDE // size, size, 3).mean((1, 3))
    assert np.abs(blocks - expected).mean() < 3
