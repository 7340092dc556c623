"""Metrics: against the golden numbers, torchmetrics, scikit-learn and pytorch-metric-learning; by hand; properties."""

import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.metrics import average_precision_score
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_hit_rate,
    retrieval_precision,
    retrieval_r_precision,
)

from likewise.errors import ConfigError, InputError
from likewise.retrieval import (
    average_precision,
    evaluate,
    map_at_r,
    metric_names,
    nearest,
    precision_at_k,
    r_precision,
    recall_at_k,
)

GOLDEN_NAMES = {
    "precision_at_1": "precision@1",
    "r_precision": "r_precision",
    "mean_average_precision_at_r": "map@r",
}
HITS = torch.tensor([[True, False, True, True, False], [False, False, False, False, True]])
RELEVANT = torch.tensor([3, 2])


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize(("scale", "distance"), [("raw", "euclidean"), ("unit", "cosine")])
def test_evaluate_agrees_with_the_golden_numbers(golden, scale: str, distance: str, average: str) -> None:
    numbers = golden("retrieval.npz")
    labels = numbers["labels"]
    largest = int(np.unique(labels, return_counts=True)[1].max()) - 1
    names = [*GOLDEN_NAMES.values(), "map", f"map@{largest}"]
    scores = evaluate(numbers["embeddings"], labels, distance=distance, average=average, metrics=names)
    for theirs, ours in GOLDEN_NAMES.items():
        for depth in ("kall", "kmax"):
            assert scores[ours] == pytest.approx(
                float(numbers[f"{scale}_{depth}_{average}_{theirs}"]), abs=1e-5
            )
    full, cut = (float(numbers[f"{scale}_{k}_{average}_mean_average_precision"]) for k in ("kall", "kmax"))
    assert scores["map"] == pytest.approx(full, abs=1e-5)
    assert scores[f"map@{largest}"] == pytest.approx(cut, abs=1e-5)


def test_evaluate_agrees_with_the_evaluator_of_avsl(golden) -> None:
    numbers = golden("retrieval.npz")
    ranks = (1, 2, 4, 8)
    names = [f"{kind}@{k}" for kind in ("recall", "precision") for k in ranks]
    scores = evaluate(
        numbers["embeddings"],
        numbers["labels"],
        distance="euclidean",
        metrics=[*names, "r_precision", "map@r"],
    )
    for kind in ("recall", "precision"):
        for k in ranks:
            assert scores[f"{kind}@{k}"] == pytest.approx(float(numbers[f"avsl_{kind}_at_{k}"]), abs=1e-5)
    assert scores["r_precision"] == pytest.approx(float(numbers["avsl_r_precision"]), abs=1e-5)
    assert scores["map@r"] == pytest.approx(float(numbers["avsl_mean_average_precision_at_r"]), abs=1e-5)


def test_lone_queries_are_left_out(golden) -> None:
    numbers = golden("retrieval.npz")
    scores = evaluate(numbers["embeddings"], numbers["labels"], distance="euclidean")
    for k in (1, 2, 4, 8):
        assert scores[f"recall@{k}"] == pytest.approx(float(numbers[f"recall_at_{k}_without_lone"]), abs=1e-6)
        assert scores[f"recall@{k}"] != pytest.approx(float(numbers[f"recall_at_{k}_lone_as_miss"]), abs=1e-6)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_evaluate_agrees_with_pytorch_metric_learning(clustered, average: str) -> None:
    vectors, labels = clustered([2, 3, 9, 30, 1, 17])
    search = CustomKNN(LpDistance(normalize_embeddings=False))
    reference = AccuracyCalculator(
        include=tuple(GOLDEN_NAMES), k="max_bin_count", knn_func=search, avg_of_avgs=average == "macro",
        device=torch.device("cpu"),
    ).get_accuracy(torch.from_numpy(vectors), torch.from_numpy(labels))  # fmt: skip
    ours = evaluate(vectors, labels, distance="euclidean", average=average)
    for theirs, name in GOLDEN_NAMES.items():
        assert ours[name] == pytest.approx(reference[theirs], abs=1e-6)


def test_functions_agree_with_torchmetrics(clustered) -> None:
    """Its hit rate is our recall; scores are made positive, since it takes scores of 0 and less as not relevant."""
    vectors, labels = clustered([5, 8, 12], dim=4, seed=1)
    found = nearest(vectors, k=len(vectors) - 1, distance="euclidean")
    hits = torch.from_numpy(labels[found.indices] == labels[:, None])
    relevant = hits.sum(1)
    scores = torch.from_numpy(1 / (1 + found.distances))
    for row in range(len(vectors)):
        mine, score = hits[row], scores[row]
        one = (hits[row : row + 1], relevant[row : row + 1])
        for k in (1, 3, 7):
            assert float(recall_at_k(*one, k)) == float(retrieval_hit_rate(score, mine, top_k=k))
            assert float(precision_at_k(*one, k)) == pytest.approx(
                float(retrieval_precision(score, mine, top_k=k))
            )
        assert float(r_precision(*one)) == pytest.approx(float(retrieval_r_precision(score, mine)))
        textbook = average_precision_score(mine.numpy(), score.numpy())
        assert float(average_precision(*one)) == pytest.approx(textbook)
        assert float(average_precision(*one)) == pytest.approx(
            float(retrieval_average_precision(score, mine))
        )


def test_metrics_by_hand() -> None:
    assert recall_at_k(HITS, RELEVANT, 1).tolist() == [1, 0]
    assert recall_at_k(HITS, RELEVANT, 5).tolist() == [1, 1]
    assert precision_at_k(HITS, RELEVANT, 4).tolist() == [0.75, 0]
    assert r_precision(HITS, RELEVANT).tolist() == pytest.approx([2 / 3, 0])
    assert map_at_r(HITS, RELEVANT).tolist() == pytest.approx([(1 + 2 / 3) / 3, 0])
    assert average_precision(HITS, RELEVANT).tolist() == pytest.approx([(1 + 2 / 3 + 3 / 4) / 3, (1 / 5) / 2])


def test_perfect_and_worst_embeddings() -> None:
    good = evaluate(
        np.repeat(np.eye(3), 4, axis=0), np.repeat([0, 1, 2], 4), metrics=[*metric_names(), "map"]
    )
    assert set(good.values()) == {1.0}
    bad = evaluate(
        np.array([[0.0], [10.0], [0.1], [10.1]]), [0, 0, 1, 1], distance="euclidean", recall_at=[1]
    )
    assert set(bad.values()) == {0.0}


def test_query_without_relevant_images_gives_nan() -> None:
    none = torch.tensor([0, 1])
    for values in (recall_at_k(HITS, none, 1), precision_at_k(HITS, none, 1), r_precision(HITS, none)):
        assert math.isnan(values[0])
        assert not math.isnan(values[1])


def test_metrics_ignore_order_and_scale(clustered) -> None:
    vectors, labels = clustered([3, 5, 7, 11])
    scores = evaluate(vectors, labels)
    order = np.random.default_rng(0).permutation(len(labels))
    assert evaluate(3 * vectors[order], labels[order]) == pytest.approx(scores)
    assert evaluate(vectors, [f"class {label}" for label in labels]) == pytest.approx(scores)


def test_ranks_beyond_the_gallery_see_all_of_it() -> None:
    scores = evaluate(
        np.array([[0.0], [1.0], [5.0]]), [0, 0, 1], distance="euclidean", metrics=["recall@8", "precision@4"]
    )
    assert scores == {"recall@8": 1.0, "precision@4": 0.25}


@pytest.mark.parametrize(
    ("error", "call", "sentence"),
    [
        (ConfigError, lambda x, y: evaluate(x, y, metrics=["recal@1"]), "did you mean 'recall@1'?"),
        (ConfigError, lambda x, y: evaluate(x, y, metrics=["recall@0"]), "no metric 'recall@0'"),
        (ConfigError, lambda x, y: evaluate(x, y, metrics=[]), "No metric is named"),
        (
            ConfigError,
            lambda x, y: evaluate(x, y, recall_at=[0]),
            "recall_at must be a list, each value a whole number of at least 1",
        ),
        (ConfigError, lambda x, y: evaluate(x, y, average="mikro"), "did you mean 'micro'?"),
        (
            InputError,
            lambda x, y: evaluate(x, y[:-1]),
            "labels must hold one class for each of the 6 vectors",
        ),
        (InputError, lambda x, y: evaluate(x, ["a", "", "b", "b", "c", "c"]), "row 1 is ''"),
        (InputError, lambda x, y: evaluate(x, [0, 1, 2, 3, 4, 0.5]), "row 5 is 0.5"),
        (InputError, lambda x, y: evaluate(x, np.arange(6)), "nothing to retrieve"),
        (
            InputError,
            lambda x, y: evaluate(x, y, gallery_vectors=x),
            "gallery_vectors and gallery_labels together",
        ),
        (InputError, lambda x, y: evaluate(x, y, self_index=np.arange(6)), "no gallery is given"),
        (
            InputError,
            lambda x, y: evaluate(x, y, gallery_vectors=x, gallery_labels=list("aabbcc")),
            "both be text or both be whole numbers",
        ),
        (InputError, lambda x, y: map_at_r(HITS[:, :2], RELEVANT), "with fewer the numbers would be wrong"),
        (InputError, lambda x, y: recall_at_k(HITS, RELEVANT, 6), "k=6 needs k neighbours"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(error: type[Exception], call, sentence: str) -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 3))
    with pytest.raises(error) as caught:
        call(vectors, np.array([0, 0, 1, 1, 2, 2]))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("hits", "relevant", "sentence"),
    [
        ([[0, 2]], [1], "hits must be true or false"),
        ([[0.0, 0.5]], [1], "hits must be true or false"),
        ([[True, False], [True, True]], [1.0, 1.5], "relevant must hold whole numbers"),
        (
            [[True, False]],
            [1, 1],
            r"hits must be \(Q, k\) and relevant \(Q,\), but they are \(1, 2\) and \(2,\)",
        ),
    ],
)
def test_one_wrong_entry_is_enough_to_refuse(hits: list, relevant: list, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        recall_at_k(hits, relevant, 1)
    assert recall_at_k([[0, 1]], [1.0], 2).tolist() == [1.0]
