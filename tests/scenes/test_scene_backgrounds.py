"""Backgrounds predict the class exactly as far as asked."""

import numpy as np
import pytest

from likewise.errors import InputError
from likewise.scenes.backgrounds import BACKGROUNDS, background_names, draw_background, own_backgrounds
from likewise.scenes.products import PRODUCTS

FAMILIES = {"plain", "wood", "tiles", "cloth", "grass", "concrete"}


def test_the_families_asked_for_and_enough_for_all_products():
    assert {background.family for background in BACKGROUNDS} >= FAMILIES
    assert len(set(background_names())) == len(BACKGROUNDS) >= len(PRODUCTS)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9, 1.0])
def test_the_share_of_the_own_background(correlation):
    names = background_names()
    generator = np.random.default_rng(1)
    drawn = [draw_background(generator, correlation, "wood-oak", names) for _ in range(8000)]
    share = np.mean([name == "wood-oak" for name in drawn])
    expected = correlation + (1 - correlation) / len(names)
    spread = np.sqrt(expected * (1 - expected) / 8000)
    assert abs(share - expected) <= 4 * spread + 1e-12
    others = {name for name in drawn if name != "wood-oak"}
    assert len(others) == (0 if correlation == 1.0 else len(names) - 1)


def test_the_correlation_does_not_change_what_is_drawn_next():
    first, second = np.random.default_rng(2), np.random.default_rng(2)
    draw_background(first, 0.0, None, background_names())
    draw_background(second, 1.0, "wood-oak", background_names())
    assert first.random() == second.random()


def test_no_two_classes_share_their_own():
    own = own_backgrounds(36, background_names(), 4)
    assert len(set(own)) == 36
    assert own == own_backgrounds(36, background_names(), 4)
    assert own != own_backgrounds(36, background_names(), 5)


def test_more_classes_than_backgrounds():
    with pytest.raises(InputError, match=r"41 classes but only 40 backgrounds.*--background-correlation 0"):
        own_backgrounds(41, background_names(), 0)
