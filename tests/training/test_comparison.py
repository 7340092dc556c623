"""The backbone beside the trained model: scores, intervals and the choice, from results written by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from likewise.data import Preprocessing
from likewise.models import ModelSpec
from likewise.retrieval import RetrievalResult
from likewise.training import comparison
from likewise.training.comparison import Comparison, _scores
from likewise.training.conclusion import _decision, _start_words
from likewise.training.decision import ComparedScores
from likewise.training.experiment import Experiment, InitSpec, ValidationSpec


def result(values: list[float], labels: str) -> RetrievalResult:
    scores = np.array(values)
    return RetrievalResult(
        np.array(list(labels)), (~np.isnan(scores)).astype(np.int64), {"map@r": scores}, len(values)
    )


def scored(before: list[float], after: list[float], labels: str) -> ComparedScores:
    return _scores("validation", "map@r", result(before, labels), result(after, labels), 0)


def test_means_and_classes_count_what_has_something_to_find() -> None:
    nan = float("nan")
    found = scored([0.2, 0.4, nan, 0.6, 0.6], [0.4, 0.6, nan, 0.8, 0.8], "aabcc")
    assert (found.classes, found.images) == (2, 4)
    assert (found.backbone, found.trained) == pytest.approx((0.45, 0.65))
    assert (found.low, found.high) == pytest.approx((0.2, 0.2)), "the same gain in every class"


def test_the_sign_is_trained_less_backbone() -> None:
    found = scored([0.8] * 12, [0.5, 0.6] * 6, "aabbccddeeff")
    assert found.difference == pytest.approx(-0.25) and found.low <= found.high < 0


def test_classes_are_resampled_and_images_only_where_there_is_one_class() -> None:
    gains = [0.0] * 10 + [0.4] * 10
    many = scored([0.5] * 20, [0.5 + gain for gain in gains], "a" * 10 + "b" * 10)
    assert (many.low, many.high) == pytest.approx((0.0, 0.4)), "one of the two classes may be drawn twice"
    one = scored([0.5] * 20, [0.5 + gain for gain in gains], "a" * 20)
    assert one.classes == 1 and 0.05 < one.low < 0.2 < one.high < 0.35


def test_one_query_leaves_everything_open() -> None:
    found = scored([0.5, float("nan")], [0.9, float("nan")], "ab")
    assert (found.low, found.high) == (-1.0, 1.0)


def row(where: str, metric: str, low: float) -> ComparedScores:
    return ComparedScores(where, metric, 6, 60, 0.5, 0.6, low, low + 0.1)  # type: ignore[arg-type]


def test_the_deciding_metric_on_the_asked_classes() -> None:
    scores = (
        row("validation", "recall@1", 0.1),
        row("validation", "map@r", 0.2),
        row("unseen", "map@r", 0.3),
    )
    found = Comparison(scores, "map@r")
    assert found.of("validation") is scores[1] and found.of("unseen") is scores[2]
    assert Comparison(scores, "r_precision").of("validation") is None
    assert [one["low"] for one in found.to_dict()] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(("validation", "kept"), [
    ({}, "backbone"), ({"keep": "trained"}, "trained"), ({"select_on": "replaced", "backgrounds": "photos"}, "trained"),
])  # fmt: skip
def test_the_trained_model_stays_where_it_is_wanted_for_more_than_its_score(
    small: Experiment, validation: dict[str, str], kept: str
) -> None:
    settings = small.model_copy(update={"validation": ValidationSpec.model_validate(validation)})
    lost = Comparison((row("validation", "map@r", -0.2),), "map@r")
    assert _decision(settings, lost, 10).kept == kept


@pytest.mark.parametrize(("head", "dim", "words"), [
    ("random", 16, "random head"), ("random", None, "backbone alone"), ("pca", 16, "principal components"),
    ("whitened", 16, "whitened"),
])  # fmt: skip
def test_the_start_is_named(small: Experiment, head: str, dim: int | None, words: str) -> None:
    model = small.model.model_copy(update={"dim": dim})
    settings = small.model_copy(update={"start": InitSpec(head=head), "model": model})  # type: ignore[arg-type]
    assert words in _start_words(settings)


@pytest.mark.parametrize(("head", "pooling"), [("avsl", "avg"), ("linear", "gem")])
def test_the_untrained_backbone_has_no_head(head: str, pooling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def build(spec: ModelSpec, **options: Any) -> Any:
        asked.update(options, spec=spec)
        return SimpleNamespace(name="")

    monkeypatch.setattr(comparison, "build", build)
    spec = ModelSpec.model_validate({"backbone": "resnet18", "dim": 8, "head": head, "pooling": "gem"})
    prepared = Preprocessing(resize_px=40, crop_px=32)
    model: Any = SimpleNamespace(preprocessing=prepared)
    made = comparison.untrained_backbone(spec, model, 7)
    assert made.name == "resnet18, untrained" and asked["seed"] == 7
    bare = asked["spec"]
    assert (bare.backbone, bare.head, bare.avsl, bare.dim, bare.pooling, bare.preprocessing) == (
        "resnet18", "linear", None, None, pooling, prepared,
    )  # fmt: skip
