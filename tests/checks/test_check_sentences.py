"""Sentences and statuses of checks say what their numbers say."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import likewise
from likewise.checks import CheckContext, CheckResult, Limit, Measure, geometry
from likewise.checks.levels import reference_limit
from likewise.checks.page import measures_table
from likewise.checks.registry import get
from likewise.models.external.vectors_file import StoredVectors


def context_of(embeddings: Any, catalog: Any) -> CheckContext:
    return CheckContext(StoredVectors(embeddings, "vectors", catalog.root), catalog)


@pytest.mark.parametrize("check", ["geometry.int8", "geometry.truncated"])
def test_a_loss_that_may_be_chance_does_not_warn(vectors: Any, check: str) -> None:
    """One query of 120 is 0.8 points, beyond every level."""
    embeddings, catalog = vectors(noise=1.2)
    context = context_of(embeddings, catalog)
    calls = {"geometry.int8": "_int8", "geometry.truncated": "_truncated"}
    one_lost = np.zeros(len(embeddings))
    one_lost[0] = -1.0
    found = {}
    for name, lost in (("one", one_lost), ("many", np.where(np.arange(len(embeddings)) % 3, 0.0, -1.0))):
        loss = likewise.retrieval.paired_difference(
            lost, np.zeros(len(lost)), context.labelled.labels, seed=0
        )
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(geometry, "_loss", lambda *_, loss=loss: loss)
            patched.setattr(geometry, "_LENGTHS", (16,))
            found[name] = getattr(geometry, calls[check])(context)
    assert found["one"].status == "pass" and "chance" in found["one"].sentence
    assert found["many"].status is None and "chance" not in found["many"].sentence


def test_suspects_of_two_classes_are_said_to_be_confusions(vectors: Any, monkeypatch: Any) -> None:
    embeddings, catalog = vectors()
    judged = SimpleNamespace(suspects=2, images=120, rate=0.0167, interval=(0.0, 0.05), classes=2)
    doubts = SimpleNamespace(recognized=judged, confused=[], found=[], table=None)
    monkeypatch.setattr("likewise.checks.data.suspects", lambda *_, **__: doubts)
    finding = get("data.labels").measure(context_of(embeddings, catalog))
    assert finding.status == "pass" and "doubtful (1.7 %), but of 2 classes only" in finding.sentence
    judged.classes = 3
    finding = get("data.labels").measure(context_of(embeddings, catalog))
    assert finding.status is None and "probably wrong (1.7 %)." in finding.sentence


def test_a_cutoff_that_turns_right_hits_away_says_so(vectors: Any) -> None:
    embeddings, catalog = vectors(noise=1.2)
    finding = get("threshold.per_query").measure(context_of(embeddings, catalog))
    assert f"({100 * finding.measures['found'].value:.1f} % of the right ones)" in finding.sentence


def test_a_level_of_zero_has_no_sign() -> None:
    measure = Measure(0.0, 0.0, 0.0, unit="share", better="higher")
    limit = reference_limit("threshold.per_query", "accepted", measure)
    assert limit is not None and not np.signbit(limit.warn)


@pytest.mark.parametrize(("status", "name"), [("warn", "! MAP@R"), ("pass", "MAP@R")])
def test_the_page_marks_what_made_a_check_warn(status: Any, name: str) -> None:
    """A test that decides against a limit leaves no mark."""
    measures = {"recall@1": Measure(0.9, unit="share", better="higher", words="recall@1"),
                "map@r": Measure(0.2, unit="share", better="higher", words="MAP@R")}  # fmt: skip
    limits = {"recall@1": Limit(warn=0.5), "map@r": Limit(warn=0.5)}
    result = CheckResult("retrieval.scores", "retrieval", "Found?", status, "Some.", measures, limits)
    table = measures_table(result)
    assert table is not None and [row[0] for row in table.rows] == ["recall@1", name]
