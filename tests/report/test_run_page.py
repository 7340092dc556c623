"""The page of a training: what it says follows from the numbers."""

import re

import numpy as np
import pandas as pd
import pytest

from html_page import HtmlPage
from likewise.data import Failure
from likewise.errors import ConfigError, InputError
from likewise.report import kept_report, run_report, training_curves, write_pages
from likewise.report.page import chart_style
from likewise.training import Experiment, Run
from likewise.training.run_record import write_result


def rows(scores: list[float], start: bool = True) -> list[dict[str, float]]:
    """Epochs with the given MAP@R; the first is the untrained model's."""
    table: list[dict[str, float]] = []
    for epoch, score in enumerate(scores):
        row = {
            "epoch": epoch,
            "original/recall@1": score * 2,
            "original/map@r": score,
            "replaced/map@r": score / 2,
        }
        if epoch:
            row |= {"loss": 5.0 - epoch, "lr/backbone": 1e-4, "lr/head": 1e-3, "images_per_s": 50.0}
        table.append(row)
    return table if start else table[1:]


@pytest.fixture
def make_run(tmp_path):  # type: ignore[no-untyped-def]
    def make(table: list[dict[str, float]], **validation: object) -> Run:
        experiment = Experiment.model_validate(
            {
                "name": "birds",
                "data": {"catalog": "birds.csv"},
                "model": {"backbone": "resnet18", "dim": 16},
                "loss": {"name": "proxy_anchor"},
                "validation": validation,
                "trainer": {"max_epochs": 3},
            }
        )
        run = Run.create(tmp_path / "run", experiment)
        run.write_metrics(table)
        return run

    return make


def test_a_training_that_helped(make_run) -> None:  # type: ignore[no-untyped-def]
    run = make_run(rows([0.2, 0.25, 0.31, 0.30]))
    run.write_skipped([Failure("a/b.jpg", "truncated")])
    report = run_report(run.folder)
    (verdict,) = report.verdicts
    assert verdict.level == "good" and verdict.words.endswith("from 20.0 % to 31.0 %.") and not verdict.advice
    assert "epoch 2" in verdict.evidence[0] and "This is a single training" in verdict.evidence[1]
    scores = next(section.table for section in report.sections if section.title.startswith("Scores"))
    assert scores is not None
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in scores.shown()}
    assert shown == {
        "recall@1": ["40.0", "62.0", "60.0"],
        "MAP@R": ["20.0", "31.0", "30.0"],
        "MAP@R, replaced": ["10.0", "15.5", "15.0"],
    }
    assert "a/b.jpg" in report.to_text() and "optimizer.lr_head" in report.to_text()
    assert report.facts["speed"].startswith("50 images/s")
    assert kept_report(run.folder).to_html() == report.to_html()


def test_one_that_is_still_rising(make_run) -> None:  # type: ignore[no-untyped-def]
    (verdict,) = run_report(make_run(rows([0.2, 0.25, 0.3, 0.35]))).verdicts
    assert verdict.level == "good" and "train longer" in verdict.advice


def test_one_that_did_harm(make_run) -> None:  # type: ignore[no-untyped-def]
    (verdict,) = run_report(make_run(rows([0.4, 0.35, 0.3, 0.2]))).verdicts
    assert verdict.level == "bad" and "did not help" in verdict.words and "40.0 %" in verdict.words


def test_another_condition_may_choose(make_run) -> None:  # type: ignore[no-untyped-def]
    run = make_run(rows([0.2, 0.25, 0.31, 0.30]), select_on="replaced", backgrounds="photos")
    assert run_report(run).verdicts[0].sentence.startswith("MAP@R, replaced on the validation")


def test_without_the_untrained_model_nothing_is_judged(make_run) -> None:  # type: ignore[no-untyped-def]
    (verdict,) = run_report(make_run(rows([0.2, 0.25, 0.31], start=False))).verdicts
    assert verdict.level == "info" and verdict.sentence == "MAP@R on the validation classes reached 31.0 %."


def test_without_validation_only_the_loss_is_shown(make_run) -> None:  # type: ignore[no-untyped-def]
    report = run_report(make_run([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]))
    assert not report.verdicts and len(report.sections[0].charts) == 1


def test_curves_from_file_or_table(make_run) -> None:  # type: ignore[no-untyped-def]
    run = make_run(rows([0.2, 0.25, np.nan, 0.3]))
    from_file = training_curves(run.folder / "metrics.csv", best_epoch=3)
    assert from_file == training_curves(run.metrics, best_epoch=3)
    assert (
        from_file.alt == "Training loss and validation metrics over 3 epochs"
        and "epoch 3" in from_file.caption
    )


def test_a_run_gets_its_page_and_its_curves(make_run) -> None:  # type: ignore[no-untyped-def]
    run = make_run(rows([0.2, 0.25, 0.31, 0.30]))
    page, picture = write_pages(run)
    assert (
        page == run.folder / "report.html" and page.read_text(encoding="utf-8") == run_report(run).to_html()
    )
    drawn = training_curves(run.metrics, best_epoch=2)
    assert picture.name == "curves.svg" and drawn.to_svg(chart_style()) in picture.read_text(encoding="utf-8")


def test_what_is_no_run_says_so(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=r"is not a run: it has no experiment\.yaml"):
        run_report(tmp_path)
    with pytest.raises(InputError, match=r"give the metrics\.csv of a run"):
        training_curves(tmp_path / "metrics.csv")
    with pytest.raises(InputError, match="contains no epochs"):
        training_curves(pd.DataFrame({"loss": [1.0]}))


def scores(classes_are: str, backbone: float, trained: float) -> dict[str, object]:
    """One row of ``run.json``."""
    return {"classes_are": classes_are, "metric": "map@r", "classes": 6, "images": 48, "backbone": backbone,
            "trained": trained, "low": trained - backbone - 0.02, "high": trained - backbone + 0.02}  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "helped", "headline", "level"),
    [("trained", True, "Training helped.", "good"), ("backbone", False, "Training did not help.", "warning"),
     ("trained", False, "Training did not help.", "bad"),
     ("backbone", None, "It is not certain that training helped.", "unsure")],
)  # fmt: skip
def test_a_training_that_ended_stands_beside_its_backbone(  # type: ignore[no-untyped-def]
    make_run, kept: str, helped: bool | None, headline: str, level: str
) -> None:
    run = make_run(rows([0.2, 0.25, 0.31, 0.30]))
    found = [scores("validation", 0.25, 0.31), scores("unseen", 0.691, 0.58)]
    write_result(run.folder, {"kept": kept, "helped": helped, "headline": "what was found", "advice": "do this",
                              "scores": found, "notes": ["a note"]})  # fmt: skip
    report = run_report(run.folder)
    (verdict,) = report.verdicts
    assert (verdict.headline, verdict.level, verdict.number) == (headline, level, "69.1 % → 58.0 %")
    assert verdict.sentence == "What was found." and verdict.advice == "Do this."
    assert ("untrained backbone" in verdict.evidence[0]) == (
        kept == "backbone"
    ) and "A note." in verdict.evidence
    table = report.sections[0].table
    assert table is not None
    assert [cell.text for cell in table.shown()[1]] == [
        "unseen",
        "MAP@R",
        "69.1",
        "58.0",
        "-11.1 [-13.1, -9.1]",
        "6",
        "48",
    ]


def test_names_of_a_run_are_inert(make_run) -> None:  # type: ignore[no-untyped-def]
    run = make_run(rows([0.2, 0.25]))
    hostile = "<script>alert(1)</script> ![i](http://evil)"
    run.write_skipped([Failure(f"{hostile}.jpg", "\x1b[31m")])
    write_result(run.folder, {"kept": "trained", "helped": True, "headline": hostile, "advice": hostile,
                              "scores": [scores("unseen", 0.2, 0.3)], "notes": [hostile]})  # fmt: skip
    page = HtmlPage(run_report(run.folder).to_html())
    assert len(page.all("script")) == 1 and not page.all("img")
    assert not re.search("[\x1b]", page.html) and any(hostile in text for text in page.text)
    assert "![i](http" not in run_report(run.folder).to_markdown()
