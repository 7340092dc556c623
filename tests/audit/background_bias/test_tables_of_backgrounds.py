"""The numbers behind the background audit, each computed another way from a few rows written by hand."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nine_images import LABELS, NAN, catalog

from likewise.audit.background_bias import examples
from likewise.audit.background_bias.audit import class_table, differences
from likewise.audit.background_bias.chance import chance_map_at_r, chance_per_query
from likewise.audit.background_bias.comparison import BackgroundComparison
from likewise.audit.background_bias.comparison_verdict import ModelPair, winner
from likewise.audit.background_bias.conditions import ConditionEvaluation
from likewise.audit.background_bias.neighbors import NeighborChange, neighbor_change
from likewise.audit.background_bias.result import BackgroundAudit
from likewise.data import Failure
from likewise.errors import InputError
from likewise.explain.attention import AttentionScores
from likewise.results import Measured
from likewise.retrieval import Interval, RetrievalResult


def evaluation(vectors: dict[str, Any] | None = None, **draws: list[list[float]]) -> ConditionEvaluation:
    """One list of MAP@R per draw of each condition; recall@1 is half of it. The last image is alone in its class."""
    results: Any = {
        name: [
            RetrievalResult(
                LABELS,
                (LABELS != "d").astype(np.int64),
                {"map@r": np.array(values), "recall@1": np.array(values) / 2},
                9,
            )
            for values in each
        ]
        for name, each in draws.items()
    }
    return ConditionEvaluation(results, vectors or {}, catalog(), [Failure("x.png", "gone")])  # type: ignore[arg-type]


ORIGINAL = [[0.9, 0.7, 0.5, 0.5, 0.8, 1.0, 1.0, 0.4, NAN]]
REPLACED = [[0.5, 0.7, 0.5, 0.3, 0.1, 1.0, 0.8, 0.6, NAN], [0.3, 0.5, 0.5, 0.3, 0.1, 1.0, 1.0, 0.6, NAN]]
FIRST = evaluation(original=ORIGINAL, replaced=REPLACED)


def test_scores_are_means_over_draws_with_their_spread() -> None:
    scores = FIRST.scores()
    means = [np.nanmean(draw) for draw in REPLACED]
    assert scores["replaced"]["map@r"] == pytest.approx(
        {"mean": np.mean(means), "std": np.std(means, ddof=1)}
    )
    assert scores["original"]["map@r"] == pytest.approx({"mean": np.nanmean(ORIGINAL), "std": 0.0})
    assert scores["replaced"]["recall@1"]["mean"] == pytest.approx(np.mean(means) / 2)
    assert scores["original"]["gallery_size"] == FIRST.gallery_size == 9 and FIRST.metrics == [
        "map@r",
        "recall@1",
    ]
    np.testing.assert_allclose(FIRST.per_query("replaced", "map@r"), np.mean(REPLACED, axis=0))
    by_class = [np.nanmean([np.array(draw)[name == LABELS].mean() for name in "abc"]) for draw in REPLACED]
    assert FIRST.scores("macro")["replaced"]["map@r"]["mean"] == pytest.approx(np.mean(by_class))


def test_the_table_of_classes_begins_with_the_largest_loss() -> None:
    table = class_table(FIRST, "map@r")
    assert table.columns.tolist() == ["label", "queries", "original", "replaced", "change"]
    assert table["label"].tolist() == ["a", "b", "c"] and table["queries"].tolist() == [2, 3, 3]
    before, after = np.array(ORIGINAL[0]), np.mean(REPLACED, axis=0)
    for row in table.itertuples():
        inside = row.label == LABELS
        assert (row.original, row.replaced) == pytest.approx((before[inside].mean(), after[inside].mean()))
        assert row.change == pytest.approx(after[inside].mean() - before[inside].mean())
    assert table["change"].is_monotonic_increasing


def test_differences_are_negative_where_a_condition_is_worse() -> None:
    found = differences(FIRST, "map@r", 3)
    assert list(found) == ["replaced"]
    expected = np.nanmean(np.mean(REPLACED, axis=0) - ORIGINAL[0])
    assert found["replaced"].difference == pytest.approx(expected) and expected < 0
    other = differences(evaluation(original=ORIGINAL, replaced=REPLACED, object_only=ORIGINAL), "recall@1")
    assert other["object_only"].difference == 0 and other["replaced"].difference == pytest.approx(
        expected / 2
    )


@pytest.mark.parametrize("labels", ["aab", "aabb", "aaabb", "aabbc"])
def test_chance_is_the_mean_over_all_orders(labels: str) -> None:
    """MAP@R of every possible order of the others, one by one."""
    each = chance_per_query(np.array(list(labels)))
    for query, label in enumerate(labels):
        others = [labels[row] == label for row in range(len(labels)) if row != query]
        relevant = sum(others)
        if not relevant:
            assert np.isnan(each[query])
            continue
        scores = []
        for order in itertools.permutations(others):
            hits = np.array(order[:relevant], dtype=float)
            scores.append((np.cumsum(hits) / np.arange(1, relevant + 1) * hits).sum() / relevant)
        assert each[query] == pytest.approx(np.mean(scores))
    assert chance_map_at_r(np.array(list(labels))) == pytest.approx(np.nanmean(each))
    assert np.isnan(chance_map_at_r(np.array(["a", "b"])))


def test_neighbors_before_and_after_draw_by_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("likewise.audit.background_bias.neighbors.search_distance", lambda model: "euclidean")
    places = np.array([0.0, 1, 3, 6, 10, 15, 21, 28, 36], np.float32)[:, None]
    moved = places.copy()
    moved[0], moved[8] = 14.0, 35.9
    model: Any = None
    found = neighbor_change(
        model, evaluation({"original": [places], "replaced": [places, moved]}, original=ORIGINAL)
    )
    assert found.depth == 5 and found.before[0].tolist() == [1, 2, 3, 4, 5]
    assert found.after.tolist() == found.before.tolist(), "those of the first draw"
    assert found.first.tolist() == pytest.approx([0, 1 / 9]) and found.finds_itself.tolist() == pytest.approx(
        [1, 8 / 9]
    )
    # The moved first image now has 5, 4, 6, 3, 2 before it; of these 2, 3, 4 and 5 were among its five before.
    assert found.of_depth.tolist() == pytest.approx([0, 1 / 45])
    few = neighbor_change(
        model, evaluation({"original": [places[:3]], "replaced": [places[:3]]}, original=ORIGINAL)
    )
    assert few.depth == 2


def test_the_images_that_lose_most_come_first_new_wrong_hits_before_them() -> None:
    """Of each class one; the lone image never."""
    rows = np.zeros((9, 1), np.int64)
    before, after = rows.copy(), rows.copy()
    before[:, 0] = [1, 0, 3, 2, 2, 6, 5, 5, 0]
    after[:, 0] = [1, 2, 3, 2, 2, 6, 0, 5, 0]
    share = np.array([0.5])
    change = NeighborChange(1, share, share, share, before, after)
    assert examples._hurt_most(FIRST, change, LABELS, "map@r") == [6, 1, 4]
    assert examples._hurt_most(
        FIRST, NeighborChange(1, share, share, share, before, before), LABELS, "map@r"
    ) == [4, 0, 6]


def background_audit(name: str, draws: list[list[float]], **more: Any) -> BackgroundAudit:
    of = evaluation(original=ORIGINAL, replaced=draws)
    share = np.array([0.2, 0.4])
    neighbors = NeighborChange(3, share, share / 2, share * 2, np.zeros((1, 1), int), np.zeros((1, 1), int))
    return BackgroundAudit(
        model=name, fingerprint=f"f {name}", evaluation=of, metric="map@r", differences=differences(of, "map@r"),
        chance=0.2, neighbors=neighbors, per_class=class_table(of, "map@r"), photos=6, repeats=len(draws),
        compositing="clean", failures=of.failures, **{"attention": None, "attention_ids": [], **more},
    )  # fmt: skip


LOOKED = AttentionScores(np.array([0.2, 0.6, NAN]), ["", "", "full mask"])
ONE, OTHER = background_audit("one", REPLACED, attention=LOOKED), background_audit("other", ORIGINAL)


def test_the_numbers_of_an_audit_for_programs() -> None:
    stored = ONE.to_dict()
    change = ONE.differences["replaced"]
    assert stored["change"]["replaced"] == {
        "difference": change.difference, "low": change.interval.low, "high": change.interval.high,
        "p_value": change.p_value,
    }  # fmt: skip
    assert stored["relative_change"] == pytest.approx(
        np.nanmean(np.mean(REPLACED, 0)) / np.nanmean(ORIGINAL) - 1
    )
    assert stored["neighbors"] == pytest.approx(
        {"depth": 3, "first_changed": 0.3, "changed": 0.15, "finds_itself": 0.6}
    )
    assert stored["attention"] == pytest.approx({"mean": 0.4, "std": 0.2, "images": 2})
    assert [row["label"] for row in stored["per_class"]] == ["a", "b", "c"]
    assert stored["failures"] == [{"id": "x.png", "reason": "gone"}] and stored["conditions"] == ONE.scores
    facts = {
        name: stored[name]
        for name in ("model", "fingerprint", "metric", "chance", "photos", "repeats", "compositing")
    }
    assert facts == {"model": "one", "fingerprint": "f "
    "one", "metric": "map@r", "chance": 0.2, "photos": 6, "repeats": 2,
                     "compositing": "clean"}  # fmt: skip
    assert OTHER.to_dict()["attention"] is None and OTHER.to_dict()["masks"] is None and ONE.classes == 3
    assert ONE.misled is None and list(ONE.beyond_chance) == ["original", "replaced"]
    beyond = np.nanmean(np.array(ORIGINAL[0]) - chance_per_query(LABELS))
    assert ONE.beyond_chance["original"].difference == pytest.approx(beyond)


def test_the_tables_of_several_models() -> None:
    found = BackgroundComparison([ONE, OTHER])
    table = found.retrieval_table()
    assert [row[0] for row in table.rows] == ["one", "other"]
    means = [np.nanmean(draw) for draw in REPLACED]
    _, clean, replaced, change = table.rows[0]
    assert isinstance(replaced, Measured) and (replaced.mean, replaced.std) == pytest.approx(
        (np.mean(means), np.std(means, ddof=1))
    )
    assert (clean, change) == pytest.approx((np.nanmean(ORIGINAL), np.mean(means) / np.nanmean(ORIGINAL) - 1))
    assert table.rows[1][3] == pytest.approx(0) and table.caption == (
        "MAP@R of 9 images; ± is the standard deviation over 2 draws of 6 backgrounds for one trained model."
    )
    attended = found.attention_table()
    assert attended is not None
    ((name, score, images),) = attended.rows
    assert (
        (name, images) == ("one", 2)
        and isinstance(score, Measured)
        and (score.mean, score.std) == pytest.approx((0.4, 0.2))
    )
    assert BackgroundComparison([OTHER, OTHER]).attention_table() is None
    rows = found.difference_table().rows
    assert [list(row[:2]) for row in rows] == [["other", "original"], ["other", "background replaced"]]
    expected = np.nanmean(np.array(ORIGINAL[0]) - np.mean(REPLACED, axis=0))
    difference = rows[1][2]
    assert isinstance(difference, Measured) and difference.mean == pytest.approx(expected)
    assert (
        difference.low is not None
        and difference.high is not None
        and difference.low <= expected <= difference.high
    )
    assert found.difference_table().caption == "MAP@R less that of one, image by image."
    stored = found.to_dict()
    assert [model["model"] for model in stored["models"]] == ["one", "other"]
    assert stored["differences"]["other"]["replaced"] == {
        "difference": difference.mean, "low": difference.low, "high": difference.high, "p_value": rows[1][3],
    }  # fmt: skip
    assert found.failures == [Failure("x.png", "gone")]
    (pair,) = found.pairs
    assert (pair.a, pair.b) == (0, 1) and pair.replaced.difference == pytest.approx(-expected)
    assert pair.loss.difference == pytest.approx(ONE.relative_change - OTHER.relative_change)


def test_audits_of_other_images_are_not_compared() -> None:
    other = background_audit("other", REPLACED)
    moved = ConditionEvaluation(other.evaluation.results, {}, catalog().take(np.arange(9)[::-1]), [])
    object.__setattr__(other, "evaluation", moved)
    with pytest.raises(
        InputError, match="The audits of one and other are not of the same images: give both the same"
    ):
        BackgroundComparison([ONE, other])


@pytest.mark.parametrize(
    ("value", "p", "expected"), [(0.2, 0.01, 4), (-0.2, 0.01, 7), (0.2, 0.2, None), (0.0, 0.01, None)]
)
def test_a_pair_has_a_better_model_where_it_is_shown(value: float, p: float, expected: int | None) -> None:
    wide = value == 0.0
    effect: Any = SimpleNamespace(
        difference=value, interval=Interval(value - (0.3 if wide else 0.1), value + 0.1)
    )
    nothing: Any = SimpleNamespace(difference=0.0, interval=Interval(-1.0, 1.0))
    assert ModelPair(4, 7, effect, nothing, p, 0.9).better("loss") == expected
    assert ModelPair(4, 7, effect, nothing, p, 0.01).better("replaced") is None
    assert ModelPair(4, 7, nothing, effect, 0.01, p).better("replaced") == expected


def test_a_winner_beats_all_others() -> None:
    def pairs(*better: int | None) -> Any:
        return [
            SimpleNamespace(better=lambda what, first=first: first if what == "loss" else None)
            for first in better
        ]

    assert winner(pairs(0, 0, 1), 3, "loss") == 0 and winner(pairs(1, 2, 2), 3, "loss") == 2
    assert winner(pairs(0, 2, 1), 3, "loss") is None and winner(pairs(0, None, 1), 3, "loss") is None
    assert winner(pairs(0, 0, 1), 3, "replaced") is None
