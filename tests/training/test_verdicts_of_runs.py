"""What a run came to, from records written by hand: verdict, table, and the line of an epoch."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from likewise.results import Verdict
from likewise.results.cells import Measured
from likewise.training import epoch_records
from likewise.training.epoch_records import EpochRecords, _training_row
from likewise.training.run_verdict import compared_table, verdict_of_epochs, verdict_of_result


def score(classes_are: str, metric: str, backbone: float, trained: float) -> dict[str, Any]:
    low, high = trained - backbone - 0.01, trained - backbone + 0.02
    return {"classes_are": classes_are, "metric": metric, "backbone": backbone, "trained": trained, "low": low,
            "high": high, "classes": 7, "images": 70}  # fmt: skip


SCORES = [
    score("validation", "map@r", 0.5, 0.6),
    score("unseen", "map@r", 0.4, 0.7),
    score("unseen", "recall@1", 0.1, 0.2),
]
RESULT = {
    "scores": SCORES,
    "kept": "trained",
    "helped": True,
    "headline": "it rose",
    "advice": "do more",
    "notes": ["a"],
}


@pytest.mark.parametrize(
    ("changes", "headline", "level", "model", "number"),
    [
        ({}, "Training helped.", "good", "trained model", "40.0 % → 70.0 %"),
        ({"helped": False}, "Training did not help.", "bad", "trained model", "40.0 % → 70.0 %"),
        ({"helped": False, "kept": "backbone"}, "Training did not help.", "warning", "untrained backbone",
         "40.0 % → 70.0 %"),
        ({"helped": None, "scores": SCORES[:1]}, "It is not certain that training helped.", "unsure",
         "trained model", "50.0 % → 60.0 %"),
        ({"helped": "yes"}, "It is not certain that training helped.", "unsure", "trained model", "40.0 % → 70.0 %"),
    ],
)  # fmt: skip
def test_the_verdict_of_a_result(
    changes: dict[str, Any], headline: str, level: str, model: str, number: str
) -> None:
    expected = Verdict(
        headline, level, [f"The model of this run is the {model}.", "A."], "Do more.", "It rose.", number
    )  # type: ignore[arg-type]
    assert verdict_of_result(RESULT | changes) == expected


def test_a_run_without_scores_has_no_verdict_and_no_table() -> None:
    for result in ({"scores": []}, {}):
        assert verdict_of_result(result) is None and compared_table(result) is None


def test_the_table_has_both_models_and_their_difference() -> None:
    table = compared_table(RESULT)
    assert table is not None
    names = [column if isinstance(column, str) else column.name for column in table.columns]
    assert names == ["classes are", "metric", "untrained backbone", "trained model, kept", "difference", "classes",
                     "images"]  # fmt: skip
    assert len(table.rows) == 3
    row = list(table.rows[1])
    difference = row.pop(4)
    assert row == ["unseen", "MAP@R", 0.4, 0.7, 7, 70] and isinstance(difference, Measured)
    assert (difference.mean, difference.low, difference.high) == pytest.approx((0.3, 0.29, 0.32))


@pytest.mark.parametrize(
    ("scores", "best", "level", "sentence", "advice", "number"),
    [
        ([float("nan"), 0.2, 0.3], 2, "info", "M on the validation classes reached 30.0 %.", "", "30.0 %"),
        ([0.4, 0.2, 0.4], 2, "bad", "No epoch beats the untrained model's M of 40.0 % on the validation classes.",
         "Train on more classes", "40.0 % → 40.0 %"),
        ([0.2, 0.5, 0.3], 1, "good", "M on the validation classes rose from 20.0 % to 50.0 %.", "", "20.0 % → 50.0 %"),
        ([0.2, 0.3, 0.5], 2, "good", "M on the validation classes rose from 20.0 % to 50.0 %.", "train longer",
         "20.0 % → 50.0 %"),
    ],
)  # fmt: skip
def test_the_verdict_of_epochs(
    scores: list[float], best: int, level: str, sentence: str, advice: str, number: str
) -> None:
    table = pd.DataFrame({"epoch": range(3), "original/map@r": scores})
    for last in (2, 5):
        settings: Any = SimpleNamespace(trainer=SimpleNamespace(max_epochs=last))
        found = verdict_of_epochs(table, "original/map@r", "M", best, settings)
        assert (found.level, found.sentence, found.number) == (level, sentence, number)
        # Only an epoch that is the last of the whole training may still rise.
        expected = advice if level == "bad" or last == 2 else ""
        assert expected in found.advice and bool(found.advice) == bool(expected)
        assert f"epoch {best} was selected by M" in found.evidence[0]


@pytest.mark.parametrize(
    ("row", "select_on", "baseline", "best", "line"),
    [
        ({"epoch": 3, "loss": 0.21, "original/map@r": 0.742}, "original", 0.69, False,
         "epoch 3/8: loss 0.21, validation MAP@R 74.2 % (backbone 69.0 %)"),
        ({"epoch": 0, "replaced/map@r": 0.5}, "replaced", None, True,
         "start: validation MAP@R 50.0 % on replaced backgrounds, best so far"),
        ({"epoch": 8, "loss": 1.0, "images_per_s": 1234.5}, "original", None, False,
         "epoch 8/8: loss 1, 1.23e+03 images/s"),
    ],
)  # fmt: skip
def test_the_line_of_an_epoch(
    row: dict[str, float], select_on: str, baseline: float | None, best: bool, line: str
) -> None:
    records: Any = SimpleNamespace(
        selecting=f"{select_on}/map@r", _spec=SimpleNamespace(metric="map@r", select_on=select_on),
        _baseline=baseline, _is_best=lambda row: best, max_epochs=8,
    )  # fmt: skip
    assert EpochRecords._line(records, row) == line


def test_the_row_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of all processes, over the seconds; the mean loss; each group's rate."""
    monkeypatch.setattr(epoch_records, "gather_objects", lambda value: [value, value])
    module: Any = SimpleNamespace(
        step_losses=[torch.tensor(1.0), torch.tensor(4.0)], images=30, failures={"a": None}
    )
    groups = [{"name": "head", "lr": 0.3}, {"name": "loss", "lr": 0.1}]
    optimizer: Any = SimpleNamespace(param_groups=groups)
    row = _training_row(module, optimizer, 4.0)
    assert row == {"loss": 2.5, "lr/head": 0.3, "lr/loss": 0.1, "images_per_s": 15.0, "skipped_images": 1.0}
