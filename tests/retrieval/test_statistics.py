"""Tests and effect sizes: against scipy, the golden numbers and hand-worked cases."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from likewise.errors import ConfigError, InputError
from likewise.retrieval import (
    holm,
    mann_whitney,
    mean_difference,
    paired_difference,
    permutation_test,
    rank_biserial,
    sign_permutation,
)
from likewise.retrieval.bootstrap import Average, Clusters


def test_mann_whitney_agrees_with_scipy_new_and_pinned(golden) -> None:
    numbers = golden("retrieval.npz")
    for row, (first, second) in enumerate(
        zip(numbers["mwu_classification"], numbers["mwu_ranking"], strict=True)
    ):
        default = float(numbers["mwu_p_two_sided_default"][row])
        published = float(numbers["mwu_p_pinned_scipy160"][row])
        assert mann_whitney(first, second) == pytest.approx(default, rel=1e-4)
        assert mann_whitney(first, second, form="published") == pytest.approx(published, rel=1e-4)
        assert 2 * published == pytest.approx(float(numbers["mwu_p_two_sided_asymptotic"][row]), rel=1e-4)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 3), (6, 9), (20, 20)])
def test_mann_whitney_of_equal_values_tells_nothing(sizes: tuple[int, int]) -> None:
    first, second = (np.full(size, 0.5) for size in sizes)
    assert mann_whitney(first, second) == 1
    assert mann_whitney(first, second, form="published") == 0.5


def test_rank_biserial_agrees_with_the_u_statistic(golden) -> None:
    numbers = golden("retrieval.npz")
    for first, second in zip(numbers["mwu_classification"], numbers["mwu_ranking"], strict=True):
        u = stats.mannwhitneyu(first.astype(float), second.astype(float)).statistic
        assert rank_biserial(first, second) == pytest.approx(2 * u / (len(first) * len(second)) - 1)
        assert rank_biserial(second, first) == pytest.approx(-rank_biserial(first, second))
    assert rank_biserial([5, 6], [1, 2, 3]) == 1
    assert rank_biserial([1, 1], [1]) == 0


def test_holm_by_hand_and_against_its_definition() -> None:
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5]).tolist() == [0.5]
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    p_values = np.random.default_rng(0).uniform(0, 0.1, 11)
    corrected = holm(p_values)
    for level in (0.05, 0.2):
        order, rejected = np.argsort(p_values), 0
        while rejected < 11 and p_values[order[rejected]] <= level / (11 - rejected):
            rejected += 1
        assert set(np.flatnonzero(corrected <= level)) == set(order[:rejected])


def test_sign_permutation_agrees_with_scipy() -> None:
    differences = np.random.default_rng(1).normal(0.4, 1, 10)
    exact = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue
    assert sign_permutation(differences) == pytest.approx(exact)
    many = np.random.default_rng(2).normal(0.15, 1, 200)
    normal = 2 * stats.norm.sf(abs(many.sum()) / np.sqrt(np.square(many).sum()))
    assert sign_permutation(many) == pytest.approx(normal, abs=0.015)


@pytest.mark.parametrize("sizes", [(8, 7), (9, 9), (1, 12)])
def test_permutation_test_agrees_with_all_ways_to_divide_the_values(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(0, 1, sizes[0]), random.normal(1, 1, sizes[1])
    values = np.concatenate([first, second])
    observed = abs(first.mean() - second.mean()) * (1 - 1e-12)
    differences = []
    for chosen in combinations(range(len(values)), sizes[0]):
        others = np.delete(values, chosen)
        differences.append(abs(values[list(chosen)].mean() - others.mean()))
    exact = np.mean(np.array(differences) >= observed)
    assert permutation_test(first, second) == pytest.approx(exact, abs=0.012)
    assert permutation_test(second, first) == pytest.approx(exact, abs=0.012)


def test_paired_difference_finds_a_difference_and_none() -> None:
    random = np.random.default_rng(4)
    classes = np.repeat(np.arange(40), 10)
    base = random.uniform(0, 1, 400)
    better = paired_difference(base + random.normal(0.05, 0.1, 400), base, classes)
    assert better.difference == pytest.approx(0.05, abs=0.02)
    assert better.interval.low > 0
    assert better.p_value < 0.01
    equal = paired_difference(base + random.normal(0, 0.1, 400), base, classes)
    assert equal.interval.low < 0 < equal.interval.high
    assert equal.p_value > 0.05
    swapped = paired_difference(base, base, classes)
    assert (swapped.difference, swapped.p_value) == (0, 1)


def test_pairing_over_classes_is_wider_where_classes_differ() -> None:
    random = np.random.default_rng(5)
    classes = np.repeat(np.arange(30), 20)
    a = random.normal(0, 0.2, 30)[classes] + random.normal(0, 0.05, 600)
    by_class, by_query = paired_difference(a, 0 * a, classes), paired_difference(a, 0 * a)
    assert by_class.interval.high - by_class.interval.low > 2 * (
        by_query.interval.high - by_query.interval.low
    )


def test_lone_queries_do_not_count_in_a_pair() -> None:
    a, b = np.array([1.0, np.nan, 0.0, 1.0]), np.array([0.0, np.nan, 0.0, 0.0])
    found = paired_difference(a, b)
    assert (found.queries, found.difference) == (3, pytest.approx(2 / 3))


def test_difference_of_means_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        difference, interval = mean_difference(generator.normal(1, 1, 5), generator.normal(0, 3, 9))
        assert interval is not None and interval.low < difference < interval.high
        covered += interval.low <= 1 <= interval.high
    assert 930 <= covered <= 968
    assert mean_difference([2.0, 2.0], [1.0, 1.0]) == (1.0, None)


@pytest.mark.filterwarnings("error")
def test_a_group_of_equal_values_has_an_interval_and_no_warning() -> None:
    # By hand: variance 1 of three values, standard error 3 ** -0.5, two degrees of freedom, t = 4.302653.
    difference, interval = mean_difference([1.0, 2.0, 3.0], [4.0, 4.0, 4.0, 4.0])
    assert difference == -2.0
    assert interval == pytest.approx((-2 - 4.302653 / 3**0.5, -2 + 4.302653 / 3**0.5), abs=1e-5)


@pytest.mark.parametrize(
    ("error", "call", "sentence"),
    [
        (InputError, lambda: mann_whitney([], [1.0]), "a must be a list of at least one finite number"),
        (InputError, lambda: rank_biserial([1.0], [np.nan]), "b must be"),
        (InputError, lambda: holm([1.2]), "between 0 and 1"),
        (ConfigError, lambda: mann_whitney([1.0], [2.0], form="publishd"), "did you mean 'published'?"),
        (InputError, lambda: paired_difference([1.0], [1.0, 2.0]), "only be compared on the same queries"),
        (
            InputError,
            lambda: paired_difference([1.0, np.nan], [1.0, 2.0]),
            "only be compared on the same queries",
        ),
        (
            InputError,
            lambda: paired_difference([1.0, 2.0], [1.0, 2.0], ["a"]),
            "one class for each of the 2 queries",
        ),
        (InputError, lambda: paired_difference([1.0, 2.0], [1.0, 2.0], ["a", "a"]), "at least two of them"),
        (
            ConfigError,
            lambda: sign_permutation([1.0], permutations=3),
            "permutations must be a whole number of at least 19",
        ),
        (
            ConfigError,
            lambda: permutation_test([1.0], [2.0], permutations=3),
            "permutations must be a whole number of at least 19",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(error: type[Exception], call, sentence: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert sentence in str(caught.value)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_resampled_means_are_over_what_was_drawn_whatever_the_sizes_of_the_classes(average: Average) -> None:
    groups = np.repeat([0, 1, 2], [1, 5, 20])
    same = Clusters.of(np.full((26, 1), 0.5), groups).resampled(200, 0, average)
    assert same == pytest.approx(0.5)
    values = np.repeat([0.0, 1.0, 0.2], [1, 5, 20])[:, None]
    assert Clusters.of(values, groups).mean("micro")[0] == pytest.approx(values.mean())
    assert Clusters.of(values, groups).mean("macro")[0] == pytest.approx(0.4)
