"""What a page of scores says: every branch, from scores written by hand."""

import pandas as pd
import pytest

from likewise.audit.evaluation import EvaluationSummary


def page(
    low: float | None = 0.6, metrics: tuple[str, ...] = ("recall@1", "map@r"), **wanted: float
) -> EvaluationSummary:
    values = {"recall@1": 0.9, "map@r": 0.7, "precision@1": 0.5}
    entries = {
        name: {"value": values[name], "low": low, "high": None if low is None else 0.8} for name in metrics
    }
    summary = {"metrics": entries, "queries": 40, "classes": 8, "gallery_size": 50, "level": 0.9}
    asked = {
        name.replace("map_r", "map@r").replace("recall_1", "recall@1"): value
        for name, value in wanted.items()
    }
    return EvaluationSummary("birds", summary, pd.DataFrame(), asked)


@pytest.mark.parametrize(("wanted", "level", "headline", "start"), [
    ({}, "info", "MAP@R of 8 classes.", "40 images of 8 classes were searched in a gallery of 50."),
    ({"map_r": 0.7}, "good", "The search reaches the required score.", "MAP@R 70.0 % of 70.0 %."),
    ({"map_r": 0.71}, "bad", "The search is below the required score.", "MAP@R 70.0 % < 71.0 %."),
    ({"map_r": 0.6, "recall_1": 0.95}, "bad", "The search is below", "recall@1 90.0 % < 95.0 %. 40"),
    ({"map_r": 0.6, "recall_1": 0.9}, "good", "The search reaches", "MAP@R 70.0 % of 60.0 %, recall@1 90.0 % of"),
])  # fmt: skip
def test_every_branch(wanted: dict[str, float], level: str, headline: str, start: str) -> None:
    verdict = page(**wanted).verdict()
    assert (verdict.level, verdict.headline[: len(headline)]) == (level, headline)
    assert verdict.sentence.startswith(start) and verdict.number == "70.0 %"
    assert bool(verdict.advice) == (level == "bad")


def test_a_score_that_is_no_number_is_below_what_was_asked_for() -> None:
    found = page(map_r=0.1)
    found.summary["metrics"]["map@r"]["value"] = float("nan")
    assert found.verdict().level == "bad"


@pytest.mark.parametrize(("metrics", "number"), [
    (("recall@1", "map@r"), "70.0 %"), (("precision@1", "recall@1"), "90.0 %"), (("precision@1",), "50.0 %"),
])  # fmt: skip
def test_the_large_number_is_map_at_r_where_it_is_measured(metrics: tuple[str, ...], number: str) -> None:
    assert page(metrics=metrics).verdict().number == number


def test_intervals_are_in_the_evidence_and_one_class_has_none() -> None:
    assert page().verdict().evidence[1] == "MAP@R 70.0 % (90 % interval over classes 60.0 % to 80.0 %)."
    assert page(low=None).verdict().evidence[1] == "MAP@R 70.0 %; no interval for a single class."


def test_the_numbers_for_programs_are_those_of_the_summary() -> None:
    verdict = page(map_r=0.6).verdict()
    assert verdict.thresholds == {"map@r": 0.6}
    assert verdict.measures == {
        "recall@1": {"value": 0.9, "interval": {"low": 0.6, "high": 0.8}},
        "map@r": {"value": 0.7, "interval": {"low": 0.6, "high": 0.8}},
    }
