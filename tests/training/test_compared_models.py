"""The comparison of two models on a training's images, with models whose vectors are written by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from likewise.data import Catalog
from likewise.models import Embeddings
from likewise.retrieval import evaluate_queries
from likewise.training import conclusion, validation
from likewise.training.comparison import compare
from likewise.training.experiment import Experiment, ValidationSpec
from likewise.training.images import TrainingImages


class _Model:
    """Embeds image ``a0.png`` as its number in ``vectors``; images that are not there cannot be read."""

    name, distance, device, dim = "m", "cosine", "cpu", 3

    def __init__(self, vectors: dict[str, np.ndarray], labelled: bool = True) -> None:
        self.vectors, self.labelled, self.options = vectors, labelled, list[dict[str, Any]]()

    def embed(self, images: Catalog, **options: Any) -> Embeddings:
        self.options.append(options)
        rows = [row for row, name in enumerate(images.ids) if name in self.vectors]
        vectors = np.array([self.vectors[images.ids[row]] for row in rows]).reshape(-1, 3)
        labels = images.labels[rows] if self.labelled else None
        return Embeddings(vectors, [images.ids[row] for row in rows], labels, "f")

    def to(self, device: str | None) -> "_Model":
        return self


def catalog(letters: str) -> Catalog:
    table = pd.DataFrame(
        {"path": [f"{letter}{row}.png" for row, letter in enumerate(letters)], "label": list(letters)}
    )
    return Catalog.from_table(table.assign(split=""), ".")


@pytest.fixture(autouse=True)
def _distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "search_distance", lambda model: model.distance)


TRAIN, VAL, UNSEEN = catalog("tttuuu"), catalog("aaaabbbb"), catalog("xxxxyyyyzz")


def vectors(seed: int, *catalogs: Catalog) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.normal(size=3) for part in catalogs for name in part.ids}


def expected(model: _Model, metric: str, queries: Catalog, others: Catalog | None = None) -> float:
    """The mean of the metric of queries among all images, by a search of its own."""
    names = [
        name for part in (queries, others) if part is not None for name in part.ids if name in model.vectors
    ]
    rows, labels = np.array([model.vectors[name] for name in names]), np.array([name[0] for name in names])
    count = sum(name in model.vectors for name in queries.ids)
    result = evaluate_queries(
        rows[:count], labels[:count], gallery_vectors=rows, gallery_labels=labels, self_index=np.arange(count),
        distance="cosine", metrics=[metric],
    )  # fmt: skip
    return result.scores()[metric]


MODELS = [_Model(vectors(seed, TRAIN, VAL, UNSEEN)) for seed in (0, 1)]


def test_every_metric_on_both_sets_of_classes() -> None:
    before, after = MODELS
    images = TrainingImages(TRAIN, VAL, UNSEEN)
    result = compare(before, after, images, metric="r_precision", seed=5, embedding={"num_workers": 3})  # type: ignore[arg-type]
    assert result.metric == "r_precision" and before.options[-1] == after.options[-1] == {"num_workers": 3}
    assert [(row.classes_are, row.metric, row.classes, row.images) for row in result.scores] == [
        (where, metric, classes, count)
        for where, classes, count in (("validation", 2, 8), ("unseen", 3, 10))
        for metric in ("r_precision", "map@r", "recall@1")
    ]
    for row in result.scores:
        queries = VAL if row.classes_are == "validation" else UNSEEN
        assert row.backbone == pytest.approx(expected(before, row.metric, queries))
        assert row.trained == pytest.approx(expected(after, row.metric, queries))
        assert row.low <= row.difference <= row.high
    again, other = (
        compare(before, after, images, metric="map@r", seed=seed)  # type: ignore[arg-type]
        for seed in (5, 6)
    )
    assert [row.metric for row in again.scores] == ["map@r", "recall@1"] * 2
    intervals = [
        [(row.low, row.high) for row in found.scores if row.metric == "map@r"]
        for found in (result, again, other)
    ]
    assert intervals[0] == intervals[1] and len(again.scores) == 4


def test_distractors_are_in_the_gallery_of_the_validation_alone() -> None:
    before, after = MODELS
    val = catalog("aaaa")
    images = TrainingImages(TRAIN, val, UNSEEN, distractors=TRAIN)
    of_validation, *_, unseen = compare(before, after, images, metric="map@r").scores  # type: ignore[arg-type]
    assert (of_validation.images, of_validation.classes) == (4, 1)
    assert of_validation.backbone == pytest.approx(expected(before, "map@r", val, TRAIN))
    assert of_validation.trained == pytest.approx(expected(after, "map@r", val, TRAIN))
    assert unseen.trained == pytest.approx(expected(after, "recall@1", UNSEEN))


def test_images_that_cannot_be_read_are_no_queries() -> None:
    gone = {VAL.ids[0], VAL.ids[5]}
    before, after = (
        _Model({name: row for name, row in model.vectors.items() if name not in gone}) for model in MODELS
    )
    images = TrainingImages(TRAIN, VAL, None, distractors=TRAIN)
    row = compare(before, after, images, metric="map@r").of("validation")  # type: ignore[arg-type]
    assert row is not None and row.images == 6
    assert row.trained == pytest.approx(expected(after, "map@r", VAL, TRAIN))


@pytest.mark.parametrize(
    "model",
    [_Model({}), _Model(MODELS[0].vectors, labelled=False), _Model({VAL.ids[0]: np.ones(3), VAL.ids[4]: np.ones(3)}),
     _Model({name: np.ones(3) for name in TRAIN.ids})],
)  # fmt: skip
def test_nothing_to_find_is_no_score(model: _Model) -> None:
    images = TrainingImages(TRAIN, VAL, None, distractors=TRAIN)
    assert compare(model, MODELS[1], images, metric="map@r").scores == ()  # type: ignore[arg-type]
    assert compare(MODELS[1], model, images, metric="map@r").scores == ()  # type: ignore[arg-type]
    assert compare(MODELS[0], MODELS[1], TrainingImages(TRAIN, None, None), metric="map@r").scores == ()  # type: ignore[arg-type]


def baseline(
    small: Experiment,
    model: _Model | None,
    images: TrainingImages,
    monkeypatch: pytest.MonkeyPatch,
    **changes: Any,
) -> float | None:
    monkeypatch.setattr(conclusion, "_backbone", lambda prepared, run: model)
    settings = small.model_copy(update={"validation": ValidationSpec(metric="r_precision", **changes)})
    run: Any = None
    prepared: Any = SimpleNamespace(experiment=settings, images=images)
    return conclusion.validation_baseline(prepared, run)


def test_the_baseline_beside_the_epochs_is_the_backbones_score(
    small: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    images, model = TrainingImages(TRAIN, VAL, UNSEEN), MODELS[0]
    score = baseline(small, model, images, monkeypatch)
    assert score == pytest.approx(expected(model, "r_precision", VAL)) and model.options[-1] == {
        "num_workers": 0
    }
    for found, other in (
        (None, images), (model, TrainingImages(TRAIN, None, UNSEEN)), (_Model(model.vectors, labelled=False), images),
        (model, TrainingImages(TRAIN, VAL, None, distractors=TRAIN)), (_Model({VAL.ids[0]: np.ones(3)}), images),
    ):  # fmt: skip
        assert baseline(small, found, other, monkeypatch) is None
    replaced = {"select_on": "replaced", "backgrounds": tmp_path}
    assert baseline(small, model, images, monkeypatch, **replaced) is None
