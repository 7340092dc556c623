"""Each change on a photo that is not square: what happens along either side, computed with numpy."""

import io

import numpy as np
import pytest
from PIL import Image

from likewise.audit.robustness_to_changes.changes import CHANGES, _mean_color

WIDTH, HEIGHT = 80, 48
PIXELS = np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
SMOOTH = np.stack(np.broadcast_arrays(
    np.arange(WIDTH)[None, :] * 3, np.arange(HEIGHT)[:, None] * 5, np.full((HEIGHT, WIDTH), 60)
), -1).astype(np.uint8)  # fmt: skip


def changed(name: str, strength: float, pixels: np.ndarray, seed: int = 0) -> np.ndarray:
    given = pixels.copy()
    image = CHANGES[name].apply(Image.fromarray(given), strength, np.random.default_rng(seed))
    assert image.mode == "RGB" and np.array_equal(given, pixels), "the photo itself stays"
    return np.asarray(image).astype(float)


@pytest.mark.parametrize("quality", [*CHANGES["jpeg"].strengths, 59.6])
def test_a_jpeg_has_the_quality_of_its_strength(quality: float) -> None:
    stream = io.BytesIO()
    Image.fromarray(SMOOTH).save(stream, "JPEG", quality=60 if quality == 59.6 else int(quality))
    expected = np.asarray(Image.open(stream)).astype(float)
    assert np.array_equal(changed("jpeg", quality, SMOOTH), expected)
    assert np.abs(expected - SMOOTH).max() > 0


@pytest.mark.parametrize("axis", [0, 1])
def test_a_lower_resolution_loses_what_is_fine_along_either_side(axis: int) -> None:
    """Stripes as wide as a new pixel stay, narrower ones are averaged away."""
    for period, stays in ((16, True), (1, False)):
        place = np.arange(PIXELS.shape[axis]) // period % 2 * 200
        stripes = np.broadcast_to(np.expand_dims(place, (1 - axis, 2)), PIXELS.shape).astype(np.uint8)
        found = changed("resolution", 0.125, stripes)
        assert found.shape == PIXELS.shape
        assert bool(found.std() > 60) is stays and found.mean() == pytest.approx(stripes.mean(), abs=4)
    assert changed("resolution", 0.001, PIXELS).std((0, 1)).max() == 0, "one pixel is left"


def test_crops_keep_their_share_of_each_side_and_lie_everywhere() -> None:
    coded = np.stack(np.broadcast_arrays(np.arange(WIDTH)[None], np.arange(HEIGHT)[:, None], 0), -1).astype(
        np.uint8
    )
    corners = set()
    for seed in range(300):
        found = changed("crop", 0.85, coded, seed)
        assert found.shape == (41, 68, 3)
        left, top = found[0, 0, :2].astype(int).tolist()
        assert np.array_equal(found, coded[top : top + 41, left : left + 68])
        corners.add((left, top))
    assert {x for x, _ in corners} == set(range(13)) and {y for _, y in corners} == set(range(8))
    assert changed("crop", 0.001, coded).shape == (1, 1, 3) and np.array_equal(
        changed("crop", 1, coded), coded
    )


def test_turned_and_mirrored() -> None:
    assert np.array_equal(changed("rotation", 90, PIXELS), np.rot90(PIXELS))
    assert np.array_equal(changed("mirror", 1, PIXELS), PIXELS[:, ::-1])
    turned = changed("rotation", 30, SMOOTH)
    assert turned.shape[0] > HEIGHT and turned.shape[1] > WIDTH
    mean = SMOOTH.reshape(-1, 3).mean(0).round()
    assert all(np.array_equal(turned[y, x], mean) for y in (0, -1) for x in (0, -1)), (
        "corners of the mean colour"
    )
    assert _mean_color(Image.fromarray(SMOOTH)) == tuple(mean.astype(int).tolist())


@pytest.mark.parametrize("share", CHANGES["small object"].strengths)
def test_a_small_object_lies_in_the_middle_of_the_mean_colour(share: float) -> None:
    halves = np.zeros_like(PIXELS)
    halves[:, : WIDTH // 2] = (200, 0, 0)
    found = changed("small object", share, halves)
    other = (found != (100, 0, 0)).any(-1)
    rows, columns = np.flatnonzero(other.any(1)), np.flatnonzero(other.any(0))
    for places, side in ((rows, HEIGHT), (columns, WIDTH)):
        assert len(places) == round(side * share) and abs(places[0] - (side - 1 - places[-1])) <= 1
    middle = found[HEIGHT // 2]
    assert middle[columns[0], 0] > 190 and middle[columns[-1], 0] < 10


@pytest.mark.parametrize("share", CHANGES["text"].strengths)
def test_a_band_with_white_text_covers_the_middle(share: float) -> None:
    grey = np.full((200, 300, 3), 128, np.uint8)
    found = changed("text", share, grey)
    band = np.flatnonzero((found != 128).any((1, 2)))
    assert len(band) == pytest.approx(200 * share, abs=1) and band.mean() == pytest.approx(100, abs=1)
    assert (found[band][:, 0] == 20).all() and (found[band][:, -1] == 20).all()
    rows, columns = np.nonzero((found > 200).all(-1))
    assert columns.mean() == pytest.approx(150, abs=0.06 * 200 * share + 3)
    assert rows.mean() == pytest.approx(100, abs=0.06 * 200 * share + 2)
    assert 0.35 * 200 * share < np.ptp(rows) < 0.75 * 200 * share
    assert found.max() > 230


def test_noise_of_each_channel_and_place_is_its_own() -> None:
    found = changed("noise", 25, np.full((HEIGHT, WIDTH, 3), 128, np.uint8)) - 128
    flat = found.reshape(-1, 3)
    assert np.abs(np.corrcoef(flat.T) - np.eye(3)).max() < 0.06
    assert abs(np.corrcoef(found[:, 1:, 0].ravel(), found[:, :-1, 0].ravel())[0, 1]) < 0.06
    assert not np.array_equal(changed("noise", 25, PIXELS, 1), changed("noise", 25, PIXELS, 2))
    assert changed("noise", 500, PIXELS).min() == 0 and changed("noise", 500, PIXELS).max() == 255


def test_blur_counts_the_shorter_side() -> None:
    for pixels in (PIXELS, PIXELS.transpose(1, 0, 2)):
        dot = np.zeros_like(pixels)
        middle = dot.shape[0] // 2, dot.shape[1] // 2
        dot[middle] = 255
        dot[middle[0] - 1 : middle[0] + 2, middle[1] - 1 : middle[1] + 2] = 255
        mass = changed("blur", 0.04, dot)[..., 0]
        for axis, place in enumerate(middle):
            profile = mass.sum(1 - axis)
            spread = (profile * (np.arange(len(profile)) - place) ** 2).sum() / profile.sum()
            assert spread == pytest.approx((0.04 * HEIGHT) ** 2 + 2 / 3, rel=0.15)
