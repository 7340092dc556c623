"""Explanations of right and wrong first hits."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import likewise
from likewise import Catalog
from likewise.checks import CheckContext, CheckOptions, Profile, matches
from likewise.checks.matches import _judged, separation, share_on
from likewise.checks.registry import get
from likewise.checks.run import judge


def arrays(right: float, wrong: float, count: int = 15) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    hiding = np.concatenate([right + random.normal(size=count), wrong + random.normal(size=count)])
    return {"hiding": hiding, "on object": np.full(2 * count, np.nan)}


@pytest.mark.parametrize(
    ("right", "wrong", "status", "words"),
    [
        (3.0, 0.0, "pass", "0.50 is chance"),
        (0.2, 0.0, "not_applicable", "may be chance"),
        (0.0, 0.1, "not_applicable", "may be chance"),
        (0.0, 3.0, "warn", "less than chance"),
    ],
)
def test_explanations_are_judged_by_what_they_separate(
    right: float, wrong: float, status: str, words: str
) -> None:
    found = _judged(arrays(right, wrong), np.arange(30.0), 15, 0)
    result = judge(get("explanations.matches"), found, Profile())
    assert result.status == status and words in result.sentence
    assert set(found.measures) == {"hiding", "distance"}  # without masks, nothing is on an object
    assert found.measures["distance"].value == 0.0  # wrong hits lie closer here


def test_separation_is_the_area_under_the_roc_curve() -> None:
    from scipy.stats import mannwhitneyu

    random = np.random.default_rng(0)
    right, wrong = random.integers(0, 9, 20).astype(float), random.integers(0, 6, 30).astype(float)
    assert separation(right, wrong) == pytest.approx(mannwhitneyu(right, wrong).statistic / 600)


def test_the_share_on_an_object_counts_what_is_positive() -> None:
    mask = np.zeros((8, 8))
    mask[:, :4] = 1
    assert share_on(np.array([[3.0, 1.0], [-5.0, 0.0]]), mask) == pytest.approx(0.75)
    assert np.isnan(share_on(np.full((2, 2), -1.0), mask))


def test_right_and_wrong_hits_of_a_model_are_explained(tiny: Any, stripes: Catalog) -> None:
    table = stripes.table
    mixed = np.random.default_rng(0).random(len(table)) < 0.4
    table.loc[mixed, "label"] = np.random.default_rng(1).permutation(table.loc[mixed, "label"])
    context = CheckContext(tiny, Catalog.from_table(table, stripes.root), CheckOptions(pairs=16))
    found = get("explanations.matches").measure(context)
    assert {"hiding", "on_object", "distance"} == set(found.measures), found.sentence
    assert 0 <= found.measures["on_object"].low <= found.measures["on_object"].high <= 1


def test_too_few_wrong_hits_are_not_judged(vectors: Any) -> None:
    embeddings, catalog = vectors(noise=0.1)
    from likewise.models.external.vectors_file import StoredVectors

    context = CheckContext(StoredVectors(embeddings, "vectors", catalog.root), catalog)
    found = get("explanations.matches").measure(context)
    assert found.status == "not_applicable" and "0 wrong first hits" in found.sentence


class _FirstHits:
    """A context of images in pairs, of which each image is the first hit of the other."""

    def __init__(self, right: int, wrong: int, pairs: int) -> None:
        labels = ["a"] * right + ["b", "c"] * (wrong // 2)
        places = np.arange(right + wrong)
        self.labelled = SimpleNamespace(labels=np.array(labels), ids=[f"{place}.png" for place in places])
        self.neighbors = SimpleNamespace(indices=(places ^ 1)[:, None], distances=np.ones((len(places), 1)))
        self.options = CheckOptions(pairs=pairs)


@pytest.mark.parametrize(
    ("right", "wrong", "pairs", "words"),
    [
        (6, 8, 30, "There are 6 right and 8 wrong first hits; 8 of each are needed."),
        (8, 6, 30, "There are 8 right and 6 wrong first hits; 8 of each are needed."),
        (8, 8, 14, "14 pairs are too few to tell right first hits from wrong ones: explain 16 or more."),
    ],
)
def test_eight_hits_of_each_kind_are_needed(right: int, wrong: int, pairs: int, words: str) -> None:
    context: Any = _FirstHits(right, wrong, pairs)
    found = get("explanations.matches").measure(context)
    assert (found.status, found.sentence) == ("not_applicable", words)


def test_eight_hits_of_each_kind_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    context: Any = _FirstHits(8, 8, 16)
    context.catalog = SimpleNamespace(ids=[], paths=[])
    context.audit_parts, context.progress, context.seed = lambda _: None, False, 0
    measured = {"hiding": np.r_[np.arange(1.0, 9), -np.arange(1.0, 9)], "on object": np.full(16, np.nan)}
    monkeypatch.setattr(matches.ResumableMeasurement, "run", lambda *_: (measured, []))
    found = get("explanations.matches").measure(context)
    assert found.measures["hiding"].value == 1 and found.measures["distance"].value == 0.5


def test_saliency_is_compared_with_that_of_the_reference(tiny: Any, stripes: Catalog) -> None:
    from likewise.models import ModelSpec, build

    other = build(ModelSpec(backbone="test_resnet", dim=16, preprocessing=tiny.preprocessing), seed=7)
    other.name = tiny.name  # the same name is not the same model
    found = likewise.check(tiny, stripes, only=["change.saliency"], reference=other)["change.saliency"]
    same = likewise.check(tiny, stripes, only=["change.saliency"], reference=tiny)["change.saliency"]
    assert found.status in ("pass", "not_applicable"), found.sentence
    assert same.measures["correlation"].value > found.measures["correlation"].value


@pytest.mark.parametrize("kind", ["stored check", "vectors"])
def test_a_reference_without_saliency_is_named(tiny: Any, stripes: Catalog, kind: str) -> None:
    from likewise.models.external.vectors_file import StoredVectors

    embedded = tiny.embed(stripes)
    reference: Any = StoredVectors(replace(embedded), "rows", stripes.root)
    if kind == "stored check":
        reference = likewise.check(embedded, stripes, only=["retrieval.scores"]).to_dict()
    result = likewise.check(tiny, stripes, only=["change.saliency"], reference=reference)["change.saliency"]
    assert result.status == "not_applicable"
    assert ("rows" if kind == "vectors" else "stored check") in result.sentence


@pytest.mark.parametrize(("wrong_masks", "measured"), [(8, True), (7, False), (0, False)])
def test_a_separation_needs_enough_of_both_kinds(wrong_masks: int, measured: bool) -> None:
    values = arrays(3.0, 0.0)
    values["on object"][: 15 + wrong_masks] = np.linspace(0, 1, 15 + wrong_masks)
    assert ("on_object" in _judged(values, np.arange(30.0), 15, 0).measures) == measured
