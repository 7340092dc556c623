"""Properties: drawn independently, uniformly, and for image i from the seed and i alone."""

import numpy as np
import pytest
from scipy import stats

from likewise.errors import ConfigError
from likewise.scenes.parameters import (
    CAR_MODELS,
    CAR_PROPERTIES,
    PAPER_MODELS,
    PRODUCT_PROPERTIES,
    draw,
    parse_held,
)

PUBLISHED_NAMES = [
    "model", "rotation_z", "color_hue", "color_sat", "color_val", "bg_color_hue", "bg_color_sat", "bg_color_val",
    "camera_loc_z", "sun_elevation", "sun_rotation",
]  # fmt: skip


def test_the_eleven_published_names():
    assert [each.name for each in CAR_PROPERTIES] == PUBLISHED_NAMES
    assert len(PAPER_MODELS) == 6
    assert len(CAR_MODELS) >= 8
    assert set(PAPER_MODELS) <= set(CAR_MODELS)


@pytest.mark.parametrize("each", [*CAR_PROPERTIES, *PRODUCT_PROPERTIES], ids=lambda each: each.name)
def test_levels_are_equidistant_and_differ(each):
    assert len(set(each.levels)) == len(each.levels) >= 5
    if not isinstance(each.levels[0], str):
        steps = np.diff(np.array(each.levels, dtype=float))
        np.testing.assert_allclose(steps, steps[0], atol=2e-6)


@pytest.fixture(scope="module")
def table():
    rows = [draw(CAR_PROPERTIES, 5, index) for index in range(6000)]
    return {
        each.name: np.array([each.levels.index(row[each.name]) for row in rows]) for each in CAR_PROPERTIES
    }


@pytest.mark.parametrize("each", CAR_PROPERTIES, ids=lambda each: each.name)
def test_each_property_is_uniform(table, each):
    counts = np.bincount(table[each.name], minlength=len(each.levels))
    assert stats.chisquare(counts).pvalue > 1e-4


def test_properties_are_independent(table):
    lowest = min(
        stats.chi2_contingency(
            np.histogram2d(table[a], table[b], bins=(table[a].max() + 1, table[b].max() + 1))[0]
        ).pvalue
        for position, a in enumerate(PUBLISHED_NAMES)
        for b in PUBLISHED_NAMES[:position]
    )
    assert lowest > 1e-3 / 55


def test_an_image_depends_on_seed_and_number_alone():
    assert draw(CAR_PROPERTIES, 3, 41) == draw(CAR_PROPERTIES, 3, 41)
    assert draw(CAR_PROPERTIES, 3, 41) != draw(CAR_PROPERTIES, 4, 41)
    assert draw(CAR_PROPERTIES, 3, 41) != draw(CAR_PROPERTIES, 3, 42)


def test_the_same_numbers_on_every_machine():
    # A change detector: these values are what the shipped samples and every published seed rest on.
    drawn = draw(PRODUCT_PROPERTIES, 0, 0)
    assert drawn["rotation_z"] == 180.0
    assert drawn["light"] == "lamp"


def test_holding_a_property_leaves_the_others():
    free, held = draw(CAR_PROPERTIES, 1, 7), draw(CAR_PROPERTIES, 1, 7, {"color_sat": 0.4})
    assert held["color_sat"] == 0.4
    assert {name: value for name, value in free.items() if name != "color_sat"} == {
        name: value for name, value in held.items() if name != "color_sat"
    }


def test_held_values_are_read_and_typed():
    assert parse_held({"light": "sun", "rotation_z": "30"}, PRODUCT_PROPERTIES) == {
        "light": "sun",
        "rotation_z": 30.0,
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"colour_hue": "0.5"}, "There is no property 'colour_hue': did you mean 'color_hue'"),
        ({"color_sat": "0.55"}, "The property color_sat cannot be '0.55': its levels are 0, 0.2"),
        ({"model": "tank"}, "The property model cannot be 'tank'"),
        ({"sun_elevation": "high"}, "The property sun_elevation cannot be 'high'"),
    ],
)
def test_wrong_held_values(given, sentence):
    with pytest.raises(ConfigError, match=sentence.replace("(", r"\(")):
        parse_held(given, CAR_PROPERTIES)
