"""Checks that call audits, curation and a reference: each finds a planted fault and stays quiet on its twin."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import likewise
from likewise import Catalog
from likewise.audit.robustness_to_changes.result import ChangeEffect, RobustnessAudit
from likewise.checks import CheckContext, CheckOptions, Finding, Profile, audits, run_checks
from likewise.checks.registry import select
from likewise.errors import CatalogError, ConfigError
from likewise.explain.sampled_hiding import PASSES
from likewise.models.external.vectors_file import StoredVectors
from likewise.retrieval import Interval


def test_wrong_labels_are_counted(vectors: Any) -> None:
    embeddings, catalog = vectors(noise=0.3)
    table = catalog.table
    clean = likewise.check(embeddings, catalog, only=["data.labels"])["data.labels"]
    table.loc[::15, "label"] = "class 3"
    wrong = likewise.check(embeddings, Catalog.from_table(table, catalog.root), only=["data.labels"])[
        "data.labels"
    ]
    assert clean.measures["rate"].value == 0 and clean.status == "pass"
    assert wrong.status == "warn" and "likewise data suspects" in wrong.advice
    assert wrong.measures["rate"].value == pytest.approx(7 / 120, abs=0.02)


def test_copies_in_two_splits_warn(tiny: Any, tmp_path: Path) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    rows = []
    for number in range(16):
        pixels = random.integers(0, 255, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize((64, 64)).save(tmp_path / f"{number}.png")
        rows.append(
            {"path": f"{number}.png", "label": "ab"[number % 2], "split": "train" if number < 8 else "test"}
        )
    catalog = Catalog.from_table(pd.DataFrame(rows), tmp_path)
    assert likewise.check(tiny, catalog, only=["data.duplicates"])["data.duplicates"].status == "pass"
    (tmp_path / "8.png").write_bytes((tmp_path / "0.png").read_bytes())
    found = likewise.check(tiny, catalog, only=["data.duplicates"])["data.duplicates"]
    assert found.status == "warn" and found.measures["across_splits"].value == 1


def test_a_column_that_should_not_matter_is_found(vectors: Any) -> None:
    embeddings, catalog = vectors()
    steered = embeddings.vectors.copy()
    steered[:, 0] += np.where(np.arange(len(steered)) % 2, 3.0, -3.0)
    quiet = likewise.check(embeddings, catalog, only=["properties"], should_not_matter=["light"])
    loud = likewise.check(
        replace(embeddings, vectors=steered), catalog, only=["properties"], should_not_matter=["light"]
    )
    assert quiet["properties.influence"].status in ("pass", "not_applicable")
    assert loud["properties.influence"].status == "fail"
    assert loud["properties.influence"].measures["light"].value > 0.5


def test_a_column_that_should_matter_must_be_shown(vectors: Any) -> None:
    run = likewise.check(*vectors(), only=["properties"], should_matter=["label", "light"])
    undecided = likewise.check(*vectors(), only=["properties"])["properties.influence"]
    assert undecided.status == "pass" and undecided.sentence.startswith("No property steers the embedding")
    result = run["properties.influence"]
    assert result.limits["label"].source.endswith("--should-matter")
    assert result.measures["label"].value > 0.5
    with pytest.raises(CatalogError, match="did you mean 'light'"):
        likewise.check(*vectors(), should_matter=["lihgt"])
    with pytest.raises(ConfigError, match="'light' should matter and should not matter"):
        likewise.check(*vectors(), should_matter=["light"], should_not_matter=["light"])


def test_a_worse_model_is_found_against_the_stored_check(vectors: Any) -> None:
    embeddings, catalog = vectors()
    earlier = likewise.check(embeddings, catalog, only=["retrieval.scores"]).to_dict()
    noise = np.random.default_rng(0).normal(size=embeddings.vectors.shape) * 0.5
    same = likewise.check(embeddings, catalog, only=["change"], reference=earlier)
    worse = likewise.check(replace(embeddings, vectors=embeddings.vectors + noise), catalog, only=["change"],
                           reference=earlier)  # fmt: skip
    assert same["change.scores"].status == "pass" and same["change.queries"].status == "not_applicable"
    assert worse["change.scores"].status == "fail" and worse.exit_code == 1


def test_a_worse_model_is_found_against_another_model(vectors: Any) -> None:
    embeddings, catalog = vectors()
    noise = np.random.default_rng(0).normal(size=embeddings.vectors.shape) * 0.5
    worse = replace(embeddings, vectors=embeddings.vectors + noise, fingerprint="1" * 16)
    models = [
        StoredVectors(each, name, catalog.root) for each, name in ((embeddings, "good"), (worse, "bad"))
    ]
    for model, reference, status in ((models[1], models[0], "fail"), (models[0], models[1], "pass")):
        context = CheckContext(model, catalog, reference=reference)
        run = run_checks(context, select(["change"]), Profile())
        assert run["change.scores"].status == status
        assert 0 < run["change.queries"].measures["lost" if status == "fail" else "won"].value < 1


def test_without_a_reference_nothing_is_compared(vectors: Any) -> None:
    run = likewise.check(*vectors(), only=["change"])
    assert {result.status for result in run} == {"not_applicable"}
    assert "--reference" in run["change.scores"].sentence


def test_the_background_audit_is_called(
    tiny: Any, stripes: Catalog, tmp_path: Path, monkeypatch: Any
) -> None:
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (40, 40), (80 * number, 40, 200)).save(tmp_path / "photos" / f"{number}.png")
    only = ["background.reliance"]
    missing = likewise.check(tiny, stripes, only=only)
    assert "--backgrounds" in missing["background.reliance"].sentence
    result = likewise.check(tiny, stripes, only=only, backgrounds=tmp_path / "photos")["background.reliance"]
    assert result.status != "could_not_run", result.sentence
    assert "replaced" in result.measures and result.evidence


@pytest.mark.parametrize(
    ("gallery", "advice"),
    [
        (3000, "Change more images: `likewise audit robustness tiny CATALOG --images 225`"),
        (100, "Use a catalog of more images and classes."),
    ],
)
def test_an_audit_that_cannot_tell_says_how_it_could(
    gallery: int, advice: str, tiny: Any, stripes: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = ChangeEffect("hue", 1.0, 0, 0.8, 0.1, Interval(-0.05, 0.25), 0.1, 0.5)
    audit = RobustnessAudit("tiny", "f", [effect], 0.9, 0.2, 100, 10, gallery)
    monkeypatch.setattr("likewise.checks.audits.robustness", lambda *_, **__: audit)
    context = CheckContext(tiny, stripes, words={"MODEL": "tiny"})
    (result,) = run_checks(context, select(["robustness"]), Profile()).results
    assert (result.status, result.advice) == ("not_applicable", advice)
    assert result.sentence.startswith("Too few images to tell.")


def test_the_robustness_audit_is_called(tiny: Any, stripes: Catalog) -> None:
    result = likewise.check(tiny, stripes, only=["robustness"])["robustness.changes"]
    assert result.status != "could_not_run", result.sentence
    assert len(result.measures) > 5 and result.evidence


def test_the_reference_network_is_not_compared_with_itself(stripes: Any) -> None:
    run = likewise.check(likewise.load("likewise:small", device="cpu"), stripes, only=["retrieval.reference"])
    assert run["retrieval.reference"].status == "not_applicable" and run.exit_code == 2  # nothing was judged
    assert "is the reference" in run["retrieval.reference"].sentence


@pytest.mark.parametrize(
    ("differentiable", "images", "pairs", "sentence"),
    [
        (True, 144, 30, "Yes."),
        (False, 144, 20, "Yes. 20 pairs were tested instead of 30: without gradients, each takes 264 forward passes. "
                         "More: `likewise audit faithfulness MODEL CATALOG --pairs 30`."),
        (False, 12, 12, "Yes."),  # all there are
    ],
)  # fmt: skip
def test_fewer_pairs_are_tested_without_gradients_and_said(
    differentiable: bool, images: int, pairs: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def audit(model: Any, catalog: Any, count: int, **_: Any) -> Any:
        asked.append(count)
        return SimpleNamespace(pairs=[("a", "b")] * min(count, len(catalog)), advantages={})

    monkeypatch.setattr(audits, "faithfulness", audit)
    monkeypatch.setattr(audits, "finding_of", lambda *_, **__: Finding("Yes."))
    context: Any = SimpleNamespace(
        model=SimpleNamespace(differentiable=differentiable), catalog=range(images), options=CheckOptions(),
        seed=0, batch_size=64, audit_parts=lambda _: None, progress=False, explanation_passes=2 + PASSES,
    )  # fmt: skip
    assert audits._faithfulness(context).sentence == sentence
    assert min(asked[0], images) == pairs
