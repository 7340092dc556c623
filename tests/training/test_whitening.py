"""``fit_whitening``: what the projection is fitted to, what the scores are measured on, against scikit-learn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from likewise.data import Catalog, Failure, Preprocessing
from likewise.errors import CatalogError, InputError
from likewise.models import Embeddings, ModelSpec, SimilarityModel, build
from likewise.retrieval import evaluate
from likewise.training import Whitened, fit_whitening

ROWS, TRAIN = 40, np.arange(40) < 24
LABELS = np.array([f"c{row % 5}" for row in range(ROWS)])


@pytest.fixture(scope="module")
def model() -> SimilarityModel:
    small = Preprocessing(resize_px=32, crop_px=32)
    return build(ModelSpec(backbone="test_resnet", dim=6, preprocessing=small))


def catalog(split: bool = True) -> Catalog:
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(ROWS)], "label": LABELS})
    if split:
        table["split"] = np.where(TRAIN, "train", "test")
    return Catalog.from_table(table, ".")


def embeddings(model: SimilarityModel, labels: np.ndarray | None = LABELS) -> Embeddings:
    """The images held out vary in other directions than those of the training."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(ROWS, 6)) * np.where(TRAIN[:, None], [3, 2, 1, 1, 1, 1], [1, 1, 1, 1, 2, 3])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    failures = [Failure("gone.png", "there is no such file")]
    return Embeddings(vectors, [f"{row}.png" for row in range(ROWS)], labels, model.fingerprint, failures)


def fit(
    model: SimilarityModel, *arguments: Any, labels: np.ndarray | None = LABELS, **options: Any
) -> Whitened:
    return fit_whitening(
        model,
        catalog(options.pop("with_split", True)),
        *arguments,
        embeddings=embeddings(model, labels),
        **options,
    )


def projection(fitted: Whitened) -> Any:
    return fitted.model.network.embedder.projection


@pytest.mark.parametrize(
    ("options", "inside"),
    [
        ({}, TRAIN),
        ({"split": "test"}, ~TRAIN),
        ({"with_split": False}, np.ones(ROWS, dtype=bool)),
    ],
)
@pytest.mark.parametrize("whiten", [True, False])
def test_fits_to_one_split_and_measures_on_the_others(
    model: SimilarityModel, options: dict[str, Any], inside: np.ndarray, whiten: bool
) -> None:
    fitted = fit(model, 3, whiten=whiten, shrinkage=0, **options)
    vectors = embeddings(model).vectors
    measured = ~inside if not inside.all() else inside
    components = PCA(3, whiten=whiten).fit(vectors[inside]).transform(vectors)
    components /= np.linalg.norm(components, axis=1, keepdims=True)
    rows = projection(fitted).of_rows(vectors)
    np.testing.assert_allclose(rows @ rows.T, components @ components.T, atol=1e-4)
    for scores, of in ((fitted.before, vectors), (fitted.after, rows)):
        expected = evaluate(of[measured], LABELS[measured], metrics=["recall@1", "map@r"])
        assert scores == {name: pytest.approx(expected[name]) for name in ("recall@1", "map@r")}
    assert fitted.before != fitted.after and fitted.images == inside.sum()
    assert fitted.measured_on == ("the images it was fitted to" if inside.all() else "held-out images")
    assert [failure.id for failure in fitted.failures] == ["gone.png"]


def test_shrinkage_arrives_and_is_one_unless_stated(model: SimilarityModel) -> None:
    plain, usual, same, strong = (
        projection(fit(model, **options)).digest()
        for options in ({"shrinkage": 0}, {}, {"shrinkage": 1}, {"shrinkage": 9})
    )
    assert usual == same and len({plain, usual, strong}) == 3
    assert projection(fit(model)).dim == 6


@pytest.mark.parametrize(
    "labels",
    [
        None,
        np.array([""] * ROWS),
        np.where(TRAIN, LABELS, np.arange(ROWS).astype(str)),
        np.where(TRAIN, "a", ""),
    ],
)
def test_scores_need_two_held_out_images_of_one_class(
    model: SimilarityModel, labels: np.ndarray | None
) -> None:
    fitted = fit(model, labels=labels)
    assert (fitted.before, fitted.after, fitted.measured_on) == (None, None, "") and fitted.images == 24


def test_images_without_a_label_are_not_measured(model: SimilarityModel) -> None:
    labels = np.where(np.arange(ROWS) % 7 == 0, "", LABELS)
    chosen = ~TRAIN & (labels != "")
    expected = evaluate(embeddings(model).vectors[chosen], labels[chosen], metrics=["recall@1", "map@r"])
    assert fit(model, labels=labels).before == {
        name: pytest.approx(value) for name, value in expected.items()
    }


def test_options_of_embedding_arrive(model: SimilarityModel, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []

    def embed(self: SimilarityModel, images: Catalog, **options: Any) -> Embeddings:
        given.append(options)
        return embeddings(self)

    monkeypatch.setattr(SimilarityModel, "embed", embed)
    fit_whitening(model, catalog(), embedding={"batch_size": 3})
    fit_whitening(model, catalog())
    assert given == [{"batch_size": 3}, {}]


def test_what_cannot_be_fitted_is_refused_before_embedding(model: SimilarityModel) -> None:
    few = catalog().take(range(20, 40))
    with pytest.raises(InputError, match="4 images are too few for 5"):
        fit_whitening(model, few, 5)
    with pytest.raises(CatalogError, match="val"):
        fit_whitening(model, few, split="val")
