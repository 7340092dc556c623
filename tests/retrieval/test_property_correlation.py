"""Rank correlation of a property with an embedding: against scipy, image by image, and at its limits."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from likewise.errors import ConfigError, InputError
from likewise.retrieval import property_correlations
from likewise.seeds import stream


def test_is_the_mean_of_scipys_spearman_over_images() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(30, 4)).astype(np.float32)
    heights = generator.integers(0, 6, 30).astype(float)  # with ties
    angles = generator.integers(0, 12, 30) * 30.0
    found = property_correlations(vectors, {"height": heights, "angle": angles}, periods={"angle": 360})
    for name, period in (("height", None), ("angle", 360.0)):
        values = {"height": heights, "angle": angles}[name]
        each = []
        for query in range(30):
            others = [row for row in range(30) if row != query]
            near = [float(np.linalg.norm(vectors[query].astype(float) - vectors[row])) for row in others]
            apart = [abs(values[query] - values[row]) for row in others]
            if period is not None:
                apart = [min(one, period - one) for one in apart]
            each.append(spearmanr(near, apart).statistic)
        assert found[name].correlation == pytest.approx(np.mean(each), abs=1e-6)


def test_the_p_value_counts_values_dealt_to_other_images() -> None:
    """By scipy, with the shuffles drawn again: an image keeps one value in its row and in all others."""
    generator = np.random.default_rng(3)
    vectors, heights = generator.normal(size=(10, 3)), generator.normal(size=10)
    near = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)

    def correlation(values: np.ndarray) -> float:
        apart = np.abs(values[:, None] - values[None])
        others = [np.arange(10) != row for row in range(10)]
        return float(
            np.mean([spearmanr(near[row][own], apart[row][own]).statistic for row, own in enumerate(others)])
        )

    shuffles = stream(5, "correlation permutation", "height")
    reached = [
        correlation(heights[shuffles.permutation(10)]) >= correlation(heights) - 1e-9 for _ in range(59)
    ]
    found = property_correlations(vectors, {"height": heights}, permutations=59, seed=5)["height"]
    assert 0 < sum(reached) < 59 and found.p_value == (1 + sum(reached)) / 60


def test_planted_order_is_found_noise_is_not_and_gaps_are_left_out() -> None:
    generator = np.random.default_rng(1)
    height = generator.uniform(0, 1, 80)
    vectors = np.stack([height, 0.05 * generator.normal(size=80)], 1)
    height[:7] = np.nan
    found = property_correlations(vectors, {"height": height, "noise": generator.normal(size=80)})
    assert found["height"].correlation > 0.9
    assert found["height"].p_value == 1 / 200
    assert (found["height"].images, found["height"].missing) == (73, 7)
    assert abs(found["noise"].correlation) < 0.1
    assert found["noise"].p_value > 0.05


def test_a_circle_needs_its_period() -> None:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    degrees = {"angle": np.degrees(angle)}
    assert property_correlations(circle, degrees, periods={"angle": 360})["angle"].correlation > 0.99
    assert property_correlations(circle, degrees)["angle"].correlation < 0.8
    turns = {"angle": degrees["angle"] + 360 * (np.arange(40) % 3 - 1)}
    assert property_correlations(circle, turns, periods={"angle": 360})["angle"].correlation > 0.99


def test_shuffled_values_give_even_p_values() -> None:
    generator = np.random.default_rng(2)
    vectors = generator.normal(size=(25, 3))
    noise = {str(number): generator.normal(size=25) for number in range(100)}
    values = [one.p_value for one in property_correlations(vectors, noise, permutations=99).values()]
    assert 0.4 < np.mean(values) < 0.6
    assert np.mean(np.array(values) <= 0.05) < 0.15


@pytest.mark.parametrize(
    ("properties", "options", "error", "sentence"),
    [
        ({"a": ["x", "y", "z"]}, {}, InputError, "not a column of numbers"),
        ({"a": [1.0, 1.0, 1.0]}, {}, InputError, "fewer than two different values"),
        ({"a": [1.0, 2.0]}, {}, InputError, "2 values for 3 images"),
        ({"a": [1.0, 2.0, 3.0]}, {"periods": {"b": 1.0}}, ConfigError, "The period of 'b'"),
        ({"a": [1.0, 2.0, 3.0]}, {"periods": {"a": 0.0}}, ConfigError, "a number above 0"),
        ({"a": [1.0, 2.0, 3.0]}, {"permutations": 5}, ConfigError, "at least 19"),
    ],
)
def test_bad_input_is_one_sentence(properties: dict, options: dict, error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        property_correlations(np.eye(3), properties, **options)
