"""Protocols: query against gallery, overlaps, classes of very different sizes, intervals, the table of classes."""

import numpy as np
import pytest

from likewise.errors import ConfigError, InputError
from likewise.retrieval import evaluate, evaluate_queries


def test_query_and_gallery_by_hand() -> None:
    result = evaluate_queries(
        np.array([[0.0], [9.0], [5.0]]), ["a", "b", "z"], gallery_vectors=np.array([[1.0], [2.0], [8.0], [3.0]]),
        gallery_labels=["b", "a", "b", "a"], distance="euclidean", recall_at=[1, 2],
    )  # fmt: skip
    # a: b a a b -> first hit at 2; b: b(8) a(3) a(2) b(1); z: nothing to find
    assert result.per_query["recall@1"].tolist()[:2] == [0, 1]
    assert result.scores()["recall@2"] == 1
    assert result.per_query["map@r"].tolist()[:2] == pytest.approx([0.25, 0.5])
    assert np.isnan(result.per_query["map@r"][2])
    assert (result.gallery_size, result.queries, result.lone, result.classes) == (4, 2, 1, 2)
    assert result.relevant.tolist() == [2, 2, 0]


def test_overlap_of_queries_and_gallery_equals_leave_one_out(clustered) -> None:
    vectors, labels = clustered([3, 4, 5, 6])
    metrics = ["recall@1", "r_precision", "map@r", "map"]
    alone = evaluate(vectors, labels, metrics=metrics)
    own = np.arange(len(labels))
    assert evaluate(
        vectors, labels, gallery_vectors=vectors, gallery_labels=labels, self_index=own, metrics=metrics
    ) == pytest.approx(alone)
    mixed = evaluate_queries(
        np.concatenate([vectors, vectors + 0.01]), np.concatenate([labels, labels]), gallery_vectors=vectors,
        gallery_labels=labels, self_index=np.concatenate([own, np.full(len(own), -1)]), metrics=metrics,
    )  # fmt: skip
    for name in metrics:
        assert mixed.per_query[name][: len(own)].mean() == pytest.approx(alone[name])
    assert mixed.per_query["recall@1"][len(own) :].mean() == 1  # each finds the image it was made of
    assert (mixed.relevant[len(own) :] - mixed.relevant[: len(own)] == 1).all()


def test_one_large_class_beside_many_small_ones(clustered) -> None:
    """Queries are searched in groups of like depth; the answer is that of each query alone."""
    vectors, labels = clustered([200, *[3] * 30], dim=4)
    result = evaluate_queries(vectors, labels, distance="euclidean")
    for query in (int(np.flatnonzero(labels == 0)[5]), int(np.flatnonzero(labels == 7)[0])):
        others = np.delete(np.arange(len(labels)), query)
        order = others[np.argsort(np.linalg.norm(vectors[others] - vectors[query], axis=1), kind="stable")]
        hits = labels[order] == labels[query]
        relevant = hits.sum()
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        assert result.per_query["map@r"][query] == pytest.approx(
            (precision * hits)[:relevant].sum() / relevant
        )


@pytest.mark.parametrize("name", ["recall@1", "recall@5", "precision@9", "r_precision", "map@r", "map"])
def test_a_metric_alone_is_what_it_is_beside_the_others(clustered, name: str) -> None:
    """Each metric looks at as many neighbours as it needs, whatever the others need."""
    vectors, labels = clustered([2, 3, 5, 30])
    names = ["recall@1", "recall@5", "precision@9", "r_precision", "map@r", "map"]
    alone, beside = evaluate(vectors, labels, metrics=[name]), evaluate(vectors, labels, metrics=names)
    assert alone[name] == pytest.approx(beside[name])
    near = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(near, np.inf)
    hits = labels[near.argsort(1)[:, :-1]] == labels[:, None]
    if "@" in name and name != "map@r":
        values = hits[:, : int(name[-1])]
        expected = values.any(1).mean() if name.startswith("recall") else values.mean()
        measured = evaluate(vectors, labels, metrics=[name], distance="euclidean")
        assert measured[name] == pytest.approx(expected)


def test_macro_is_the_mean_of_the_class_table(clustered) -> None:
    vectors, labels = clustered([1, 2, 5, 20])
    result = evaluate_queries(vectors, labels)
    table = result.per_class
    assert result.scores("macro")["map@r"] == pytest.approx(table["map@r"].mean())
    assert result.scores("micro")["map@r"] == pytest.approx((table["map@r"] * table["queries"]).sum() / 27)
    assert table["map@r"].is_monotonic_increasing
    assert sorted(table["label"]) == [1, 2, 3]  # class 0 has one image
    assert result.lone == 1


def test_intervals_hold_the_score_are_repeatable_and_wider_over_classes(clustered) -> None:
    vectors, labels = clustered([15] * 12, spread=1.5)
    result = evaluate_queries(vectors, labels)
    by_class, by_query = result.intervals(), result.intervals(over="queries")
    for name, value in result.scores().items():
        assert by_class[name].low <= value <= by_class[name].high
    assert by_class == result.intervals()
    assert by_class != result.intervals(seed=1)
    width = {name: high - low for name, (low, high) in by_class.items()}
    assert width["map@r"] > by_query["map@r"].high - by_query["map@r"].low
    narrower = result.intervals(0.5)
    assert narrower["map@r"].high - narrower["map@r"].low < width["map@r"]


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Classes drawn from a population whose mean is known: about 90 of 100 intervals hold it."""
    from likewise.retrieval import RetrievalResult

    random = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        means = random.uniform(0, 1, 60)
        values = np.clip(np.repeat(means, 5) + random.normal(0, 0.1, 300), -1, 2)
        labels = np.repeat(np.arange(60), 5)
        result = RetrievalResult(labels, np.full(300, 4), {"map@r": values}, 300)
        low, high = result.intervals(0.9, repeats=300)["map@r"]
        held += low <= 0.5 <= high
    assert 80 <= held <= 98


def test_summary_names_everything_beside_the_scores(clustered) -> None:
    vectors, labels = clustered([4, 4, 1])
    summary = evaluate_queries(vectors, labels).summary()
    assert summary["gallery_size"] == 9
    assert (summary["queries"], summary["lone"], summary["classes"]) == (8, 1, 2)
    entry = summary["metrics"]["map@r"]
    assert entry["low"] <= entry["value"] <= entry["high"]


def test_one_class_has_scores_but_no_interval() -> None:
    result = evaluate_queries(np.random.default_rng(0).standard_normal((4, 2)), [1, 1, 1, 1])
    assert result.scores()["map@r"] == 1
    assert result.summary()["metrics"]["map@r"]["low"] is None
    with pytest.raises(InputError, match="needs at least two of them, but there is 1"):
        result.intervals()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"level": 1.0}, "above 0 and below 1"),
        ({"repeats": 5}, "repeats must be a whole number of at least 100"),
        ({"over": "class"}, "did you mean 'classes'?"),
    ],
)
def test_bad_intervals_are_refused(clustered, options, sentence: str) -> None:
    vectors, labels = clustered([4, 4])
    with pytest.raises(ConfigError) as caught:
        evaluate_queries(vectors, labels).intervals(**options)
    assert sentence in str(caught.value)


def test_a_distance_object_answers_itself(clustered) -> None:
    """The hook of AVSL: here city-block distance, checked against brute force."""
    import torch

    class CityBlock:
        name = "city block"

        def pairwise(self, queries: torch.Tensor, gallery: torch.Tensor) -> torch.Tensor:
            return torch.cdist(queries, gallery, p=1)

        def nearest(self, queries, gallery, k, own):
            block = self.pairwise(queries, gallery)
            if own is not None:
                block[torch.arange(len(own)), own] = torch.inf
            values, indices = block.sort(dim=1, stable=True)
            return indices[:, :k], values[:, :k]

    vectors, labels = clustered([3, 9, 14])
    scores = evaluate(vectors, labels, distance=CityBlock(), recall_at=[1])
    block = np.abs(vectors[:, None] - vectors[None]).sum(2)
    np.fill_diagonal(block, np.inf)
    assert scores["recall@1"] == pytest.approx((labels[block.argmin(1)] == labels).mean())
