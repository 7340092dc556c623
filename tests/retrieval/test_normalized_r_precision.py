"""Normalized R-Precision: both forms against the golden numbers, a plain loop, and what chance gives."""

import numpy as np
import pandas as pd
import pytest

from likewise.errors import ConfigError, InputError
from likewise.retrieval import normalized_r_precision, property_scores, property_significance


def golden_properties(numbers) -> dict[str, np.ndarray]:
    return {str(name): numbers[f"property_{name}"] for name in numbers["property_names"]}


@pytest.mark.parametrize(("k", "prefix"), [(None, "nrp"), (20, "nrp_k20")])
def test_published_form_agrees_with_the_released_code(golden, k: int | None, prefix: str) -> None:
    numbers = golden("retrieval.npz")
    scores = property_scores(numbers["embeddings"], golden_properties(numbers), k, published=True)
    for name, score in scores.items():
        assert score.score == pytest.approx(float(numbers[f"{prefix}_{name}"]), abs=1e-4)
        assert score.value_score == pytest.approx(float(numbers[f"{prefix}_avg_of_avgs_{name}"]), abs=1e-4)
        np.testing.assert_allclose(score.per_image, numbers[f"{prefix}_per_query_{name}"], atol=1e-4)
        np.testing.assert_allclose(score.per_value["score"], numbers[f"{prefix}_per_value_{name}"], atol=1e-4)
        assert score.per_value["value"].tolist() == np.unique(numbers[f"property_{name}"]).tolist()
        assert score.lone == int(np.isnan(numbers[f"{prefix}_per_query_{name}"]).sum())


def test_default_is_the_corrected_form(golden) -> None:
    numbers = golden("retrieval.npz")
    for name, values in golden_properties(numbers).items():
        wanted = float(numbers[f"nrp_hypergeometric_{name}"])
        assert normalized_r_precision(numbers["embeddings"], values) == pytest.approx(wanted, abs=1e-4)


def loop(vectors: np.ndarray, values: np.ndarray, k: int | None) -> np.ndarray:
    scores = np.full(len(values), np.nan)
    others = len(values) - 1
    for i in range(len(values)):
        order = np.delete(np.arange(len(values)), i)
        order = order[np.argsort(np.linalg.norm(vectors[order] - vectors[i], axis=1))]
        relevant = int((values == values[i]).sum()) - 1
        n = relevant if k is None else min(relevant, k)
        if n:
            p = relevant / others
            found = (values[order[:n]] == values[i]).sum()
            scores[i] = (found - n * p) / np.sqrt(n * p * (1 - p) * (others - n) / (others - 1))
    return scores


@pytest.mark.parametrize("k", [None, 5, 1])
def test_agrees_with_a_plain_loop(k: int | None) -> None:
    random = np.random.default_rng(0)
    vectors, values = (
        random.standard_normal((150, 5)),
        random.choice(7, 150, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.04, 0.01]),
    )
    wanted = loop(vectors, values, k)
    score = property_scores(vectors, {"p": values}, k)["p"]
    np.testing.assert_allclose(score.per_image, wanted, atol=1e-9)
    assert score.score == pytest.approx(np.nanmean(wanted))


def test_random_embeddings_score_zero_with_deviation_one() -> None:
    random = np.random.default_rng(1)
    scores = np.concatenate(
        [
            property_scores(random.standard_normal((300, 20)), {"p": random.integers(0, 4, 300)})[
                "p"
            ].per_image
            for _ in range(20)
        ]
    )
    assert abs(scores.mean()) < 0.15
    assert 0.9 < scores.std() < 1.1


def test_sign_says_whether_equal_values_lie_together_or_avoid_each_other() -> None:
    line = np.arange(100, dtype=np.float64)[:, None]
    assert normalized_r_precision(line, line[:, 0] // 50) > 5
    assert normalized_r_precision(line, np.arange(100) % 2, k=1) < -0.9


def test_missing_values_are_left_out_and_counted() -> None:
    random = np.random.default_rng(2)
    vectors, values = random.standard_normal((60, 4)), random.integers(0, 3, 60).astype(float)
    gaps = random.permutation(60)[:15]
    holed = values.copy()
    holed[gaps] = np.nan
    found = property_scores(
        vectors, pd.DataFrame({"whole": values, "holed": holed, "text": values.astype(str)})
    )
    rest = np.setdiff1d(np.arange(60), gaps)
    assert found["holed"].missing == 15
    assert found["holed"].score == pytest.approx(normalized_r_precision(vectors[rest], values[rest]))
    assert np.isnan(found["holed"].per_image[gaps]).all()
    assert found["whole"].score == pytest.approx(normalized_r_precision(vectors, values))
    assert found["text"].score == pytest.approx(found["whole"].score)
    assert normalized_r_precision(vectors, [None if np.isnan(value) else str(value) for value in holed]) == (
        pytest.approx(found["holed"].score)
    )


def test_ties_count_as_in_random_order() -> None:
    """Three images at one place beside the query's own value: the place is shared out, whatever the order."""
    vectors = np.array([[0.0], [1.0], [1.0], [1.0]])
    values = np.array([0, 0, 1, 1])
    # Query 0 looks at one neighbour among three equally near, one of which shares its value: X = 1/3 = chance.
    assert property_scores(vectors, {"p": values})["p"].per_image[0] == pytest.approx(0)
    assert property_scores(vectors, {"p": values[[0, 2, 3, 1]]})["p"].per_image[0] == pytest.approx(0)


@pytest.mark.parametrize("k", [1, 2, 3, 150, None])
def test_places_of_equal_images_are_shared_out_at_every_depth(k: int | None) -> None:
    random = np.random.default_rng(8)
    vectors, values = random.normal(size=(20, 3))[random.integers(0, 20, 160)], random.integers(0, 2, 160)
    expected, others = [], 159
    for i in range(160):
        far = np.delete(((vectors - vectors[i]) ** 2).sum(1), i)
        same = np.delete(values == values[i], i)
        n = same.sum() if k is None else min(same.sum(), k)
        last = np.sort(far)[n - 1]
        inside, edge = far < last, far == last
        found = same[inside].sum() + (n - inside.sum()) * same[edge].mean()
        p = same.sum() / others
        expected.append((found - n * p) / np.sqrt(n * p * (1 - p) * (others - n) / (others - 1)))
    score = property_scores(vectors, {"p": values}, k)["p"]
    np.testing.assert_allclose(score.per_image, expected, atol=1e-9)


def test_duplicates_do_not_make_the_score_depend_on_the_order() -> None:
    random = np.random.default_rng(3)
    vectors, values = random.integers(0, 2, (200, 3)).astype(np.float32), random.integers(0, 5, 200)
    order = random.permutation(200)
    assert normalized_r_precision(vectors, values) == pytest.approx(
        normalized_r_precision(vectors[order], values[order])
    )


def test_cosine_takes_the_length_out(golden) -> None:
    numbers = golden("retrieval.npz")
    vectors, values = numbers["embeddings"], numbers["property_hue"]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert normalized_r_precision(vectors, values, distance="cosine") == pytest.approx(
        normalized_r_precision(unit, values), abs=1e-9
    )


def test_significance_tells_what_steers_the_embedding(golden) -> None:
    numbers = golden("retrieval.npz")
    properties = golden_properties(numbers)
    found = property_significance(numbers["embeddings"], properties, permutations=99, images=200)
    assert found["model"].p_value == 0.01
    assert found["sun"].p_value > 0.05  # it has no influence on these embeddings
    assert found["model"].images == 200
    again = property_significance(numbers["embeddings"], properties, permutations=99, images=200)
    assert again == found
    whole = property_significance(numbers["embeddings"], {"hue": properties["hue"]}, permutations=19)["hue"]
    assert whole.images == len(numbers["labels"])
    assert whole.score == pytest.approx(float(numbers["nrp_hypergeometric_hue"]), abs=1e-4)


@pytest.mark.parametrize("count", [49, 50, 51])
def test_significance_takes_all_images_up_to_the_largest_number(count: int) -> None:
    vectors = np.random.default_rng(5).standard_normal((count, 4))
    found = property_significance(vectors, {"p": np.arange(count) % 2}, permutations=19, images=50)["p"]
    assert found.images == min(count, 50)


def test_significance_draws_whole_values_where_they_are_small() -> None:
    random = np.random.default_rng(4)
    centers = random.standard_normal((200, 8))
    values = np.repeat(np.arange(200), 3)
    found = property_significance(
        centers[values] + 0.1 * random.standard_normal((600, 8)), {"p": values}, permutations=19, images=90
    )["p"]
    assert found.images == 90
    assert found.p_value == 0.05


def test_p_values_are_uniform_by_chance() -> None:
    random = np.random.default_rng(5)
    p_values = [
        property_significance(
            random.standard_normal((60, 6)), {"p": random.integers(0, 3, 60)}, permutations=39
        )["p"].p_value
        for _ in range(60)
    ]
    assert 0.35 < np.mean(p_values) < 0.65
    assert np.mean(np.array(p_values) <= 0.2) < 0.4


VECTORS = np.random.default_rng(6).standard_normal((6, 2))


@pytest.mark.parametrize(
    ("error", "call", "sentence"),
    [
        (InputError, lambda: normalized_r_precision(VECTORS, [1] * 6), "has the value 1 in all of 6 images"),
        (InputError, lambda: normalized_r_precision(VECTORS, [None] * 6), "has no value in any of 6 images"),
        (
            InputError,
            lambda: property_scores(VECTORS, {"tall": range(6)}),
            "'tall' has a different value in each of 6",
        ),
        (InputError, lambda: normalized_r_precision(VECTORS, range(6)), "sort it into bins first"),
        (InputError, lambda: normalized_r_precision(VECTORS, [1, 2]), "has 2 values for 6 images"),
        (
            InputError,
            lambda: normalized_r_precision(VECTORS, [1, 1, 1, 1, 1, 2], published=True),
            "published form divides by zero",
        ),
        (InputError, lambda: property_scores(VECTORS, {}), "No property is given"),
        (
            ConfigError,
            lambda: normalized_r_precision(VECTORS, [1, 1, 1, 2, 2, 2], k=0),
            "k must be a whole number of at least 1",
        ),
        (
            ConfigError,
            lambda: normalized_r_precision(VECTORS, [1, 1, 1, 2, 2, 2], distance="l2"),
            "no distance 'l2'",
        ),
        (
            ConfigError,
            lambda: property_significance(VECTORS, {"p": [1, 1, 2, 2, 3, 3]}, permutations=5),
            "at least 19",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(error: type[Exception], call, sentence: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert sentence in str(caught.value)
