"""Doubtful labels: planted ones are found, clean ones are not, and the form of the labels changes nothing."""

import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.neighbors import NearestNeighbors
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.curation import suspects
from likewise.curation.suspects import _votes
from likewise.data import Catalog
from likewise.errors import InputError
from likewise.models import Embeddings


def planted(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of 10 classes, labels, and which of these are wrong."""
    random = np.random.default_rng(seed)
    true = np.repeat(np.arange(10), 30)
    vectors = (random.normal(size=(10, 32))[true] * 2 + random.normal(size=(300, 32))).astype(np.float32)
    wrong = random.random(300) < noise
    labels = np.where(wrong, (true + random.integers(1, 10, 300)) % 10, true)
    return vectors, labels, wrong


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.25])
def test_planted_errors_are_found(noise: float) -> None:
    vectors, labels, wrong = planted(noise)
    found = suspects(vectors, labels)
    rows, planted_rows = {each.row for each in found.found}, set(np.flatnonzero(wrong).tolist())
    assert len(rows & planted_rows) >= 0.95 * len(planted_rows) and len(rows - planted_rows) <= 0.05 * len(
        rows
    )
    assert all(each.label == str(labels[each.row]) for each in found.found)
    assert found.rate == pytest.approx(len(rows) / 300) and found.interval is not None
    assert found.interval.low < wrong.mean() < found.interval.high
    assert [each.score for each in found.found] == sorted(each.score for each in found.found)


def test_clean_labels_have_no_suspects() -> None:
    vectors, labels, _ = planted(0)
    assert suspects(vectors, labels).found == []


def test_the_suggestion_is_the_true_label() -> None:
    vectors, labels, wrong = planted(0.1)
    true = np.repeat(np.arange(10), 30)
    found = suspects(vectors, labels).found
    assert [each.suggested for each in found] == [str(true[each.row]) for each in found] and wrong.any()


def test_votes_agree_with_a_loop_over_neighbours_of_scikit_learn() -> None:
    vectors, labels, _ = planted(0.1)
    search = NearestNeighbors(n_neighbors=8, metric="cosine").fit(vectors)
    distances, indices = search.kneighbors()
    own, rival, chance = _votes(indices, distances.astype(np.float32), labels)
    sizes = np.bincount(labels)
    for row in range(300):
        scale, expected = np.median(distances[row]), np.zeros(10)
        for distance, other in zip(distances[row], indices[row], strict=True):
            expected[labels[other]] += np.exp(-4 * distance / scale) / sizes[labels[other]]
        expected /= expected.sum()
        assert own[row] == pytest.approx(expected[labels[row]], abs=1e-5)
        others = np.where(np.arange(10) == labels[row], 0, expected)
        assert chance[row] == pytest.approx(others.max(), abs=1e-5)
        assert rival[row] == (others.argmax() if others.any() else labels[row])


def test_thousands_of_classes_take_memory_for_the_neighbours_only() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat(np.arange(5000), 2)
    indices, distances = (
        random.integers(0, 10_000, (10_000, 4)),
        random.random((10_000, 4)).astype(np.float32),
    )
    tracemalloc.start()
    _votes(indices, distances, codes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000  # all classes: 400 MB


def test_lone_and_unlabelled_images_are_not_judged() -> None:
    vectors, labels, _ = planted(0.1)
    names = [f"class {label}" for label in labels]
    names[5], names[9] = "alone", ""
    found = suspects(vectors, names)
    assert found.single == ["alone"] and found.unlabelled == 1
    assert np.flatnonzero(np.isnan(found.probabilities)).tolist() == [5, 9]
    assert not {5, 9} & {each.row for each in found.found}


VECTORS, LABELS, _ = planted(0.1)


@pytest.mark.parametrize("labels", [
    LABELS, LABELS.tolist(), pd.Series(LABELS, index=range(7, 307)), torch.from_numpy(LABELS), pd.Categorical(LABELS),
], ids=["array", "list", "series", "tensor", "categorical"])  # fmt: skip
@pytest.mark.parametrize("vectors", [VECTORS, VECTORS.tolist(), torch.from_numpy(VECTORS), pd.DataFrame(VECTORS)],
                         ids=["array", "list", "tensor", "frame"])  # fmt: skip
def test_the_form_of_the_input_changes_nothing(vectors: Any, labels: Any) -> None:
    assert suspects(vectors, labels).found == suspects(VECTORS, LABELS).found


def test_embeddings_bring_ids_and_labels() -> None:
    embedded = Embeddings(VECTORS, [f"{row}.jpg" for row in range(300)], [str(each) for each in LABELS], "m")
    found = suspects(embedded)
    assert found.found == suspects(VECTORS, LABELS).found
    assert found.to_dict()["suspects"][0]["image"] == found.table.rows[0][0] == f"{found.found[0].row}.jpg"


@pytest.mark.parametrize(("labels", "words"), [
    (None, "needs labels: give one per image"),
    ([1, 2], "There are 2 labels for 300 embeddings"),
    ([1] * 300, "at least two classes of two or more images"),
    (list(range(300)), "at least two classes of two or more images"),
    ([""] * 300, "at least two classes of two or more images"),
])  # fmt: skip
def test_labels_that_cannot_be_judged(labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        suspects(VECTORS, labels)


@pytest.mark.parametrize(("mixed", "confused"), [(0, 0), (3, 3), (6, 6)])
def test_classes_that_the_model_confuses_are_left_out_of_the_rate(mixed: int, confused: int) -> None:
    """The classes 0 to ``mixed`` share one place; three labels of other classes are wrong."""
    random = np.random.default_rng(0)
    centers = np.eye(6, 16) * 5
    centers[:mixed] = centers[0]
    labels = np.repeat(np.arange(6), 20)
    vectors = centers[labels] + random.normal(size=(120, 16))
    if mixed < 6:
        labels[[65, 85, 105]] = [4, 5, 3]
    found = suspects(vectors.astype(np.float32), [f"class {label}" for label in labels])
    assert found.confused == [f"class {label}" for label in range(confused)]
    if mixed == 6:
        assert found.recognized is None
    else:
        assert found.recognized is not None
        assert found.recognized.suspects == found.recognized.classes == 3
        assert found.recognized.images == 120 - 20 * mixed


def test_the_page_shows_neighbours_of_both_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{number:02}.png" for number in range(20)]
    for name in names:
        Image.new("RGB", (20, 20)).save(name)
    labels = ["wren"] * 9 + ["robin"] * 11  # 09.png is a wren, which lies among wrens
    vectors = np.eye(2)[[0] * 10 + [1] * 10] + 0.01 * np.random.default_rng(0).normal(size=(20, 2))
    catalog = Catalog.from_table(pd.DataFrame({"path": names, "label": labels}), tmp_path)
    catalog.write("birds.csv")
    Embeddings(vectors, catalog.ids, catalog.labels, "0" * 16).save("birds.npz")
    words = ["data", "suspects", "birds.csv", "vectors:birds.npz", "--sheet", "page.html"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "robin? Its neighbours say wren" in page and "1 doubtful label." in page
    assert page.count("09.png: labelled robin") >= 1
    shown = set(re.findall(r"(\d\d)\.png: (wren|robin)<", page))
    assert {label for _, label in shown} == {"wren", "robin"} and len(shown) == 6
    assert all((label == "wren") == (int(number) < 9) for number, label in shown)
