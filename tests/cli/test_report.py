"""``likewise report``: kept results to pages and text."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from likewise.cli.app import app
from likewise.errors import ConfigError, InputError
from likewise.report import Report, Section, Table, Verdict, save_report

runner = CliRunner()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    report = Report(
        "One", sections=[Section("Scores", table=Table(["a"], [[1]]))], verdicts=[Verdict("Yes.", "good")]
    )
    save_report(report, tmp_path / "kept")
    return tmp_path / "kept"


def test_one_page_from_two_results(kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    result = runner.invoke(app, ["report", str(kept), str(kept), "--out", str(out), "--title", "Both"])
    assert result.exit_code == 0 and result.stdout == "" and "Wrote" in result.stderr
    assert "<h1>Both</h1>" in out.read_text() and out.read_text().count('class="headline">Yes.<') == 2


def test_text_goes_to_stdout(kept: Path) -> None:
    result = runner.invoke(app, ["report", str(kept)])
    assert result.exit_code == 0 and "GOOD: Yes." in result.stdout and result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["nowhere"], InputError, "There is no report at nowhere"),
        (
            ["{kept}", "--out", "page.pdf"],
            ConfigError,
            r"--out writes \.html, \.md or \.txt, not 'page\.pdf'",
        ),
    ],
)
def test_bad_input_is_a_sentence(
    kept: Path, arguments: list[str], error: type[Exception], words: str
) -> None:
    filled = [argument.format(kept=kept) for argument in arguments]
    result = runner.invoke(app, ["report", *filled])
    assert isinstance(result.exception, error) and result.exception.exit_code == 2  # type: ignore[attr-defined]
    with pytest.raises(error, match=words):
        raise result.exception
