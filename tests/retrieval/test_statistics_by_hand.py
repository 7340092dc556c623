"""Statistics of searches on a few rows: which option goes where, and each number by hand."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch

from likewise.errors import InputError
from likewise.retrieval import (
    RetrievalResult,
    bootstrap,
    mean_difference,
    normalized_r_precision,
    paired_difference,
    property_significance,
    result,
    statistics,
)
from likewise.retrieval.bootstrap import Clusters, draws, percentile_interval
from likewise.retrieval.calibration import _rate_to_use, error_rates, supported_rate
from likewise.retrieval.neighbors import NeighborSearch


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How the resampling and the interval were asked for."""
    asked: dict[str, Any] = {}
    original = Clusters.resampled

    def resampled(self: Clusters, *arguments: Any) -> Any:
        asked.update(resampled=arguments, units=len(self.counts))
        return original(self, *arguments)

    def interval(samples: Any, level: float) -> Any:
        asked.update(level=level, samples=samples.shape)
        return percentile_interval(samples, level)

    monkeypatch.setattr(Clusters, "resampled", resampled)
    for module in (statistics, result):
        monkeypatch.setattr(module, "percentile_interval", interval)
    return asked


@pytest.mark.parametrize(("groups", "units"), [(None, [1.0, 2, 3, 4]), (["b", "b", "a", "a"], [7.0, 3])])
def test_the_options_of_a_paired_difference_arrive(
    passed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, groups: Any, units: list[float]
) -> None:
    def permuted(differences: Any, **options: Any) -> float:
        passed.update(differences=differences.tolist(), test=options)
        return 0.25

    monkeypatch.setattr(statistics, "sign_permutation", permuted)
    nan = float("nan")
    first = [3.0, 4, nan, 5, 6]
    groups = None if groups is None else [*groups[:2], "lone", *groups[2:]]
    found = paired_difference(
        first, [2.0, 2, nan, 2, 2], groups, level=0.8, repeats=130, permutations=99, seed=7
    )
    assert passed["resampled"] == (130, 7) and passed["level"] == 0.8 and passed["units"] == len(units)
    assert passed["differences"] == units and passed["test"] == {"permutations": 99, "seed": 7}
    assert (found.difference, found.p_value, found.queries) == (2.5, 0.25, 4)


def of_classes(**metrics: list[float]) -> RetrievalResult:
    labels = np.array(["b", "b", "b", "a", "lone"])
    values = {name: np.array([*each, np.nan]) for name, each in metrics.items()}
    return RetrievalResult(labels, np.array([2, 2, 2, 1, 0]), values, 9)


def test_the_options_of_a_summary_arrive(passed: dict[str, Any]) -> None:
    found = of_classes(**{"map@r": [0.0, 0.5, 1.0, 0.9]})
    summary = found.summary(0.6, average="macro", seed=5)
    assert passed["resampled"][1:] == (5, "macro") and passed["level"] == 0.6 and passed["units"] == 2
    assert summary["metrics"]["map@r"]["value"] == pytest.approx((0.5 + 0.9) / 2)
    rest = {name: summary[name] for name in summary if name != "metrics"}
    assert rest == {
        "gallery_size": 9,
        "queries": 4,
        "lone": 1,
        "classes": 2,
        "average": "macro",
        "level": 0.6,
    }
    found.intervals(0.7, repeats=140, over="queries", seed=2)
    assert passed["resampled"] == (140, 2, "micro") and passed["level"] == 0.7 and passed["units"] == 4


def test_a_table_of_classes_begins_with_the_worst() -> None:
    table = of_classes(**{"recall@1": [1.0, 1, 1, 0], "map@r": [0.1, 0.2, 0.3, 0.9]}).per_class
    assert table.to_dict("list") == {
        "label": ["b", "a"], "queries": [3, 1], "relevant": [2.0, 1.0], "recall@1": [1.0, 0.0],
        "map@r": [pytest.approx(0.2), 0.9],
    }  # fmt: skip
    assert table.index.tolist() == [0, 1]
    assert of_classes(**{"recall@1": [1.0, 1, 1, 0]}).per_class["label"].tolist() == ["a", "b"]


def test_means_of_members_and_of_units() -> None:
    clusters = Clusters.of(np.array([[1.0, 10], [3, 10], [8, 40]]), np.array([5, 5, 2]))
    assert clusters.sums.tolist() == [[8, 40], [4, 20]] and clusters.counts.tolist() == [1, 2]
    assert clusters.mean().tolist() == [4, 20] and clusters.mean("macro").tolist() == [5, 25]
    # The first unit three times and the second once, divided by members or by units.
    weights = np.array([[3.0, 1.0]])
    assert clusters._means(weights, "micro").tolist() == [[28 / 5, 140 / 5]]
    assert clusters._means(weights, "macro").tolist() == [[26 / 4, 130 / 4]]


def test_draws_come_in_chunks_that_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(5, 7, 1)))
    assert whole.shape == (7, 5) and (whole.sum(1) == 5).all() and len(np.unique(whole, axis=0)) > 1
    monkeypatch.setattr(bootstrap, "_CHUNK_WEIGHTS", 15)
    parts = list(draws(5, 7, 1))
    assert [len(part) for part in parts] == [3, 3, 1] and np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(np.concatenate(list(draws(5, 7, 2))), whole)


def test_the_interval_is_the_central_part() -> None:
    samples = np.column_stack([np.arange(101.0), 1000 - np.arange(101.0)])
    assert percentile_interval(samples, 0.9) == [pytest.approx((5, 95)), pytest.approx((905, 995))]


def test_welchs_interval_by_its_formula() -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = [1.0, 2, 4], [3.0, 3, 3, 7]
    difference, interval = mean_difference(a, b)
    parts = np.var(a, ddof=1) / 3, np.var(b, ddof=1) / 4
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3)
    reach = stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    assert difference == pytest.approx(7 / 3 - 4)
    assert interval == pytest.approx((difference - reach, difference + reach))
    assert mean_difference([1.0, 1], [2.0, 2])[1] is None and mean_difference([1.0], [2.0, 3])[1] is None
    assert mean_difference([1.0, 1], [2.0, 3])[1] is not None


@pytest.mark.parametrize("values", [[0, 0, 0, 1, 1, 2, 3, 3, 3, 3], [0, 1, 0, 1, 0, 1, 0, 1, 0, 0]])
def test_the_score_of_a_significance_is_the_normalized_r_precision(values: list[int]) -> None:
    vectors = np.random.default_rng(3).normal(size=(10, 3)).astype(np.float32)
    found = property_significance(vectors, {"p": values}, permutations=19)["p"]
    assert found.score == pytest.approx(normalized_r_precision(vectors, values)) and found.images == 10
    assert found.permutations == 19 and 0.05 <= found.p_value <= 1


def test_equal_scores_count_as_reached() -> None:
    """Two of two by two: every shuffling scores one of few values, and the best is reached now and then."""
    vectors = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]], np.float32)
    found = property_significance(vectors, {"p": list("aabbcc")}, permutations=999)["p"]
    ways = 15  # to divide six images into pairs
    assert found.p_value == pytest.approx(1 / ways, abs=0.03)


@pytest.mark.parametrize("rate", [0.01, 0.001])
@pytest.mark.parametrize("counts", [[3, 3, 4], [2] * 10, [40, 2]])
def test_as_many_images_are_asked_for_as_the_rate_needs(counts: list[int], rate: float) -> None:
    images = sum(counts)
    different = (images**2 - sum(count**2 for count in counts)) / 2
    with pytest.raises(InputError) as raised:
        _rate_to_use(np.array(counts), rate)
    words = str(raised.value)
    needed = int(re.findall(r"about ([\d,]+) held-out", words)[0].replace(",", ""))
    share = different / (images * (images - 1) / 2)
    required = math.ceil(30 / rate)
    assert share * needed * (needed - 1) / 2 >= required > share * (needed - 3) * (needed - 4) / 2
    assert f"needs at least {required:,} pairs" in words and f"give {different:,.0f}:" in words


@pytest.mark.parametrize(
    ("sizes", "rate"), [((100, 100), 0.003), ((10, 10), 0.3), ((7, 7), 0.62), ((60, 50), 0.01)]
)
def test_the_supported_rate_is_rounded_up_to_two_digits(sizes: tuple[int, int], rate: float) -> None:
    assert supported_rate(["a"] * sizes[0] + ["b"] * sizes[1]) == pytest.approx(rate)


def test_error_rates_count_pairs_at_the_threshold_as_the_same() -> None:
    vectors = np.array([[0.0, 1], [0, 3], [0, 6], [0, 10]], np.float32)
    false_match, false_non_match = error_rates(vectors, list("aabb"), 3.0, distance="euclidean", repeats=100)
    # Within classes 2 and 4; between them 5, 9, 3, 7.
    assert (false_match.rate, false_match.pairs) == (0.25, 4)
    assert (false_non_match.rate, false_non_match.pairs) == (0.5, 2)


class _Own:
    """A distance of its own, which remembers what it was asked."""

    name = "own"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def nearest(self, queries: Any, gallery: Any, k: int, hidden: Any) -> Any:
        self.asked.append((queries.tolist(), k, None if hidden is None else hidden.tolist()))
        return torch.zeros(len(queries), k, dtype=torch.int64), torch.zeros(len(queries), k)

    def pairwise(self, queries: Any, gallery: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("rows", [None, [2, 0]])
@pytest.mark.parametrize("self_index", [None, [0, -1, 1]])
def test_a_distance_of_its_own_gets_the_queries_chosen(rows: Any, self_index: Any) -> None:
    own: Any = _Own()
    queries = torch.tensor([[1.0], [2.0], [3.0]])
    search = NeighborSearch(torch.tensor([[5.0], [6.0], [7.0]]), own)
    chosen = None if rows is None else torch.tensor(rows)
    hidden = None if self_index is None else np.array(self_index)
    (block,) = search.blocks(queries, 2, self_index=hidden, rows=chosen)
    order = rows or [0, 1, 2]
    excluded = None if self_index is None else [self_index[row] for row in order]
    assert own.asked == [([[row + 1.0] for row in order], 2, excluded)]
    assert block.rows.tolist() == order


def test_rows_of_a_named_distance_exclude_their_own_images() -> None:
    vectors = np.array([[0.0], [1.0], [3.0], [7.0]], np.float32)
    search = NeighborSearch(vectors, "euclidean")
    queries = search.accept(vectors)
    blocks = search.blocks(queries, 1, self_index=np.arange(4), rows=torch.tensor([3, 0]), block_rows=1)
    seen = [
        (block.rows.tolist(), block.indices.tolist(), np.round(block.distances, 3).tolist())
        for block in blocks
    ]
    assert seen == [([3], [[2]], [[4.0]]), ([0], [[1]], [[1.0]])]
