"""Heat maps and masks over photos: colours against matplotlib, ranges, places."""

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from likewise.drawing import QUERY, color_of, heat_overlay, mask_overlay
from likewise.errors import InputError

PHOTO = Image.new("RGB", (80, 60), (120, 130, 140))


@pytest.mark.parametrize(("name", "signed"), [("inferno", False), ("RdBu_r", True)])
def test_colors_agree_with_matplotlib(name: str, signed: bool) -> None:
    shares = np.linspace(0, 1, 256)
    ours = color_of(2 * shares - 1 if signed else shares, signed).astype(int)
    theirs = np.round(colormaps[name](shares)[:, :3] * 255)
    assert np.abs(ours - theirs).max() <= 6


def test_strength_grows_brighter_all_the_way() -> None:
    light = color_of(np.linspace(0, 1, 100)) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) > -1e-9).all()


def test_a_hot_spot_is_where_the_map_has_it() -> None:
    heat = np.zeros((6, 8))
    heat[1, 6] = 1
    shown = np.asarray(heat_overlay(PHOTO, heat)).astype(int)
    cold = np.asarray(heat_overlay(PHOTO, np.zeros((6, 8)))).astype(int)
    difference = np.abs(shown - cold).sum(2)
    row, column = np.unravel_index(difference.argmax(), difference.shape)
    assert 10 <= row < 20 and 60 <= column < 70
    assert difference[40:, :40].max() == 0


def test_sign_decides_between_red_and_blue() -> None:
    signed = np.zeros((2, 2))
    signed[0, 0], signed[1, 1] = 1, -1
    shown = np.asarray(heat_overlay(PHOTO, signed, signed=True)).astype(int)
    assert shown[5, 5, 0] > shown[5, 5, 2] + 50
    assert shown[-5, -5, 2] > shown[-5, -5, 0] + 30


def test_zero_shows_the_photo_itself() -> None:
    photo = Image.effect_noise((40, 30), 60).convert("RGB")
    shown = np.asarray(heat_overlay(photo, np.zeros((3, 4))).convert("L")).ravel()
    assert np.corrcoef(shown, np.asarray(photo.convert("L")).ravel())[0, 1] > 0.99


def test_any_mode_and_size_of_photo() -> None:
    for mode in ("L", "RGBA", "P"):
        assert heat_overlay(PHOTO.convert(mode), np.ones((1, 1))).mode == "RGB"
    assert heat_overlay(Image.new("RGB", (7, 3)), np.ones((50, 50))).size == (7, 3)


@pytest.mark.parametrize(
    ("heat", "signed", "words"),
    [
        (np.full((2, 2), 3.0), False, "from 0 to 1, got 3 to 3: divide it"),
        (np.full((2, 2), -0.5), False, "from 0 to 1, got -0.5 to -0.5"),
        (np.full((2, 2), -1.5), True, "from -1 to 1, got -1.5"),
        (np.full((2, 2), np.nan), False, "from 0 to 1, got nan"),
        (np.zeros(4), False, r"\(height, width\), got \(4,\)"),
        (np.zeros((0, 4)), False, r"\(height, width\), got \(0, 4\)"),
    ],
)
def test_maps_that_cannot_be_right_are_refused(heat: np.ndarray, signed: bool, words: str) -> None:
    with pytest.raises(InputError, match=words):
        heat_overlay(PHOTO, heat, signed)


def test_mask_overlay_keeps_the_object_and_fades_the_rest() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:60] = 255
    shown = np.asarray(mask_overlay(PHOTO, Image.fromarray(mask)))
    assert tuple(shown[30, 45]) == (120, 130, 140)
    assert (shown[5, 5] > 200).all()
    assert tuple(shown[20, 45]) == QUERY and tuple(shown[30, 30]) == QUERY
    assert not (shown[:19] == QUERY).all(-1).any()


@pytest.mark.parametrize(("signed", "opacity"), [(True, 0.25), (False, 0.5)])
def test_opacity_of_a_quarter(signed: bool, opacity: float) -> None:
    """A diverging scale is laid on as strong as its value, the other one as its root."""
    photo = Image.new("RGB", (4, 4), (200, 100, 50))
    values = np.full((2, 2), 0.25)
    grey = float(np.asarray(photo.convert("L"))[0, 0])
    base = 0.8 * (0.3 * np.array([200.0, 100, 50]) + 0.7 * grey) + 18
    color = color_of(values, signed)[0, 0].astype(float)
    expected = base * (1 - 0.8 * opacity) + color * 0.8 * opacity
    assert np.asarray(heat_overlay(photo, values, signed, strength=0.8))[1, 1] == pytest.approx(
        expected, abs=1
    )
