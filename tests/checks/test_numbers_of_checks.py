"""Single checks on made-up results: each number in its sentence and its measure is the one that is meant."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from likewise.audit.significance import fewest_units
from likewise.checks import CheckContext, Finding, Profile, change
from likewise.checks.embedding_cache import EmbeddingCache, _keys
from likewise.checks.geometry import shorter
from likewise.checks.registry import get
from likewise.checks.run import judge
from likewise.checks.threshold import _fewer_misses, _fewest_errors
from likewise.data import Catalog
from likewise.models.external.vectors_file import StoredVectors
from likewise.results import Table


def context_of(embeddings: Any, catalog: Any, **more: Any) -> CheckContext:
    return CheckContext(StoredVectors(embeddings, "vectors", catalog.root), catalog, **more)


def values(finding: Finding) -> dict[str, float]:
    return {name: measure.value for name, measure in finding.measures.items()}


@pytest.mark.parametrize("classes", [3, fewest_units() - 1, fewest_units(), 12])
def test_a_gain_over_chance_that_few_classes_cannot_show_warns(vectors: Any, classes: int) -> None:
    finding = get("retrieval.scores").measure(context_of(*vectors(noise=0.1, classes=classes)))
    few = classes < fewest_units()
    result = judge(get("retrieval.scores"), finding, Profile())
    assert result.status == ("warn" if few else "pass")
    assert (f"with {classes} classes, the difference may be chance." in result.sentence) == few
    assert (f"at least {fewest_units()}" in result.advice) == few


def test_copies_in_two_splits_are_not_copies_with_two_labels(vectors: Any, monkeypatch: Any) -> None:
    embeddings, catalog = vectors()
    copies = SimpleNamespace(
        redundant=[1, 2, 3], across_splits=[(0, 1)] * 4, other_label=[(0, 1)] * 2, pairs=[(0, 1)] * 9,
        table=Table(["a"], [["b"]]),
    )  # fmt: skip
    monkeypatch.setattr("likewise.checks.data.duplicates", lambda *_, **__: copies)
    finding = get("data.duplicates").measure(context_of(embeddings, catalog))
    assert values(finding) == {"redundant": 3 / len(catalog), "across_splits": 4, "other_label": 2}
    assert "3 (2.5 %). Pairs of copies: 4 in two splits, 2 with different labels." in finding.sentence
    assert set(finding.limits) == {"across_splits", "other_label"} and len(finding.evidence) == 1
    copies.pairs, copies.across_splits, copies.other_label, copies.redundant = [], [], [], []
    finding = get("data.duplicates").measure(context_of(embeddings, catalog))
    assert judge(get("data.duplicates"), finding, Profile()).status == "pass" and not finding.evidence


def test_classes_of_one_image_and_images_without_a_label(vectors: Any) -> None:
    embeddings, catalog = vectors(classes=3)
    table = catalog.table
    table["label"] = ["alone", "lonely", "", "", "", *["pair"] * 2, *["many"] * (len(table) - 7)]
    finding = get("data.classes").measure(context_of(embeddings, Catalog.from_table(table, catalog.root)))
    assert "2 of 4. Images without a label: 3." in finding.sentence
    assert values(finding) == {"lone": 0.5, "images_per_class": 1.5}
    assert [row[0] for row in finding.evidence[0].table.rows] == ["alone", "lonely"]  # type: ignore[union-attr]
    assert judge(get("data.classes"), finding, Profile()).status == "pass"  # half is not more than half


@pytest.mark.parametrize("target", [0.0001, 0.001, 0.1, 0.19, 0.3, 0.9, 0.999])
def test_the_advised_rate_is_larger_and_below_one(target: float) -> None:
    advised = float(re.search(r"--false-match-rate ([\d.e-]+)", _fewer_misses(target))[1])  # type: ignore[index]
    assert target < advised <= min(5 * target * 1.05, 1.0)


@pytest.mark.parametrize(
    ("same", "different", "between"),
    [
        ([0.1, 0.2, 0.3], [0.6, 0.7, 0.8], (0.3, 0.6)),
        ([0.1, 0.2, 0.7], [0.6, 0.8, 0.9, 0.9], (0.7, 0.8)),
        ([0.6, 0.7, 0.8], [0.1, 0.2, 0.3], (0.0, 0.9)),
    ],
)
def test_the_best_threshold_lies_between_the_pairs(
    same: list[float], different: list[float], between: tuple[float, float]
) -> None:
    found = _fewest_errors(np.array(same, np.float32), np.array(different, np.float32))
    assert between[0] - 1e-6 <= found <= between[1]


@pytest.fixture
def masked(tmp_path: Path) -> Catalog:
    rows = []
    for number in range(2):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
        Image.new("L", (8, 8), 255 * number).save(tmp_path / f"m{number}.png")
        rows.append({"path": f"{number}.png", "label": "x", "mask": f"m{number}.png"})
    return Catalog.from_table(pd.DataFrame(rows), tmp_path)


def test_a_vector_belongs_to_the_content_of_an_image_and_of_its_mask(masked: Catalog) -> None:
    plain, with_masks = _keys(masked, False), _keys(masked, True)
    assert len({*plain, *with_masks}) == 4
    Image.new("L", (8, 8), 100).save(masked.root / "m0.png")
    assert _keys(masked, False) == plain
    assert _keys(masked, True)[0] != with_masks[0] and _keys(masked, True)[1] == with_masks[1]
    Image.new("RGB", (8, 8), (9, 9, 9)).save(masked.root / "1.png")
    assert _keys(masked, False)[0] == plain[0] and _keys(masked, False)[1] != plain[1]
    assert len({*_keys(masked, True), *with_masks}) == 4


def test_vectors_of_a_condition_are_not_those_of_another(masked: Catalog, tiny: Any, tmp_path: Path) -> None:
    for folder in (None, tmp_path / "embeddings"):
        cache = EmbeddingCache(folder)
        for condition, embedded in (("original", 2), ("blurred", 4), ("original", 4), ("blurred", 4)):
            cache.embed(tiny, masked, condition)
            assert cache.embedded == embedded


def test_the_interval_of_a_change_is_that_of_two_independent_scores(vectors: Any) -> None:
    embeddings, catalog = vectors()
    stored = {"value": 0.5, "low": 0.4, "high": 0.6}
    reference = {"model": "old", "checks": [{"id": "retrieval.scores", "measures": {"map@r": stored}}]}
    context = context_of(embeddings, catalog)
    now = context.evaluation.summary(seed=0)["metrics"]["map@r"]
    finding = change._stored(context, reference)
    measure = finding.measures["map@r"]
    half = np.hypot((now["high"] - now["low"]) / 2, 0.1)
    assert measure.value == pytest.approx(now["value"] - 0.5)
    assert (measure.low, measure.high) == pytest.approx((measure.value - half, measure.value + half))
    assert (
        list(finding.measures) == ["map@r"] and "was 50.0 % in the stored check of old." in finding.sentence
    )
    assert change._stored(context, {"checks": []}).status == "not_applicable"


@pytest.mark.parametrize(("dim", "length"), [(768, 128), (129, 128), (128, 64), (24, 16), (2, 1)])
def test_a_shorter_embedding_is_shorter(dim: int, length: int) -> None:
    assert f"model.dim={length}`" in shorter(dim)
