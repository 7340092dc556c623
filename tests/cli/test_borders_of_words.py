"""Values at the border of what an option takes, and models that take weights."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.cli.evaluate_results import minimum_scores
from likewise.cli.named_models import _takes_weights
from likewise.cli.output_checks import check_report
from likewise.errors import InputError


def test_the_folder_of_a_report_is_empty_or_holds_one(tmp_path: Path) -> None:
    check_report(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and contains no report"):
        check_report(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    check_report(tmp_path)


def test_a_timm_name_takes_weights_and_a_file_has_its_own() -> None:
    assert _takes_weights("timm:resnet50") and _takes_weights("resnet50")
    assert not _takes_weights("onnx:model.onnx")


def test_scores_may_be_required_up_to_1() -> None:
    assert minimum_scores(["map@r=1", "recall@1=0"], ["map@r", "recall@1"]) == {"map@r": 1.0, "recall@1": 0.0}


def test_a_negative_shrinkage_is_refused_as_an_option(tmp_path: Path) -> None:
    table, out = tmp_path / "c.csv", tmp_path / "whitened"
    table.write_text("path\n")
    done = CliRunner().invoke(
        app, ["fit", "whitening", "m", str(table), "--out", str(out), "--shrinkage", "-0.5"]
    )
    words = " ".join(done.output.replace("\u2502", "").split())
    assert done.exit_code == 2 and "'--shrinkage': Input should be greater than or equal to 0" in words
