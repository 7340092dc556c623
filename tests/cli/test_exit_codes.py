"""Which exit code a command has where several things are wrong: 3 for images that failed, before 1 for thresholds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from likewise.checks.definition import Status
from likewise.checks.result import CheckResult, CheckRun
from likewise.cli.app import app
from likewise.cli.check import _end
from likewise.data import Failure
from likewise.errors import InputError
from likewise.report import Verdict

FAILED = [Failure("7-0.png", "It is no image.")]
ENDINGS = [(FAILED, True, 3), (FAILED, False, 3), ([], True, 1), ([], False, 0)]


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(trained_on=None, prefix_sizes=None, dim=8, name="M", fingerprint="0" * 16)

    monkeypatch.setattr("likewise.models.load", load)


def code_of(*words: object) -> int:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


@pytest.mark.parametrize(("failures", "crossed", "code"), ENDINGS)
def test_images_that_failed_decide_before_scores(
    failures: list[Failure], crossed: bool, code: int, stripes_catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = SimpleNamespace(result=SimpleNamespace(summary=lambda *_, **__: {}), failures=failures)
    monkeypatch.setattr("likewise.retrieval.evaluate_model", lambda *_, **__: evaluation)
    monkeypatch.setattr(
        "likewise.cli.evaluate.finish_scores", lambda *_, **__: ["too low"] if crossed else []
    )
    assert code_of("eval", "M", stripes_catalog) == code


@pytest.mark.parametrize(("failures", "crossed", "code"), ENDINGS)
def test_so_they_do_on_other_backgrounds(
    failures: list[Failure], crossed: bool, code: int, stripes_catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"original": {"map@r": {"mean": 0.5, "std": 0.0}}}
    evaluation = SimpleNamespace(
        scores=lambda _: scores, failures=failures, metrics=["map@r"], gallery_size=72
    )
    monkeypatch.setattr("likewise.audit.evaluate_conditions", lambda *_, **__: evaluation)
    words = ("eval", "M", stripes_catalog, "--backgrounds", stripes_catalog.parent, "--metric", "map@r")
    assert code_of(*words, "--fail-under", f"map@r={0.51 if crossed else 0.5}") == code


def run_of(*statuses: Status, failures: int = 0) -> CheckRun:
    results = [CheckResult("retrieval.scores", "retrieval", "?", status, "S.") for status in statuses]
    return CheckRun("M", "0" * 16, 100, results, FAILED * failures, tolerate=0.01)


@pytest.mark.parametrize(
    ("statuses", "fail_on", "code"),
    [
        (("pass", "not_applicable"), None, 0),
        (("pass", "not_applicable"), "unsure", 0),
        (("pass", "warn"), None, 0),
        (("pass", "warn"), "bad", 0),
        (("pass", "warn"), "warning", 1),
        (("pass", "warn"), "unsure", 1),
        (("warn", "fail"), None, 1),
        (("warn", "fail"), "bad", 1),
        (("fail", "could_not_run"), "bad", 3),
        (("warn", "could_not_run"), "warning", 3),
    ],
)
def test_a_check_ends_by_its_worst_status(
    statuses: tuple[Status, ...], fail_on: str | None, code: int
) -> None:
    try:
        _end(run_of(*statuses), fail_on)
    except typer.Exit as stop:
        assert stop.exit_code == code
    else:
        assert code == 0


def test_a_check_of_nothing_is_wrong_input_and_too_few_images_are_unfinished() -> None:
    with pytest.raises(InputError, match="None of the 2 checks applies: S"):
        _end(run_of("not_applicable", "not_applicable"), "unsure")
    _end(run_of("pass", failures=1), "unsure")  # 1 % is tolerated
    for statuses in (("pass",), ("fail",), ("not_applicable",)):
        with pytest.raises(typer.Exit) as stop:
            _end(run_of(*statuses, failures=2), None)  # type: ignore[arg-type]
        assert stop.value.exit_code == 3


@pytest.mark.parametrize(("status", "resumable"), [("could_not_run", True), ("fail", False), ("pass", False)])
def test_a_check_that_could_not_run_can_be_resumed(
    status: Status, resumable: bool, stripes_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(*_: Any, parts: Path, **__: Any) -> CheckRun:
        parts.mkdir()
        return run_of("pass", status)

    monkeypatch.setattr("likewise.checks.check", check)
    monkeypatch.setattr("likewise.cli.check.facts_of", lambda *_: {})
    code_of("check", "M", stripes_catalog, "--summary", tmp_path / "s.md")
    assert (tmp_path / "s.md").is_file() and (tmp_path / "s.md.parts").exists() == resumable


@pytest.mark.parametrize(
    ("levels", "fail_on", "code"),
    [
        (("info", "good", "bad"), "bad", 1),  # one of several models is bad, though the comparison is not
        (("info", "good", "warning"), "bad", 0),
        (("info", "good", "warning"), "warning", 1),
        (("bad", "good", "good"), "bad", 1),
        (("info", "good", "bad"), None, 0),
        (("bad",), "bad", 1),
        (("warning",), "bad", 0),
    ],
)
def test_each_of_several_models_may_fail_an_audit(
    levels: tuple[str, ...],
    fail_on: str | None,
    code: int,
    stripes_catalog: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judged(level: str) -> Any:
        verdict: Any = Verdict(f"It is {level}.", level)  # type: ignore[arg-type]
        return SimpleNamespace(verdict=lambda: verdict, attention=None, failures=[])

    audits = iter(map(judged, levels[1:] or levels))
    monkeypatch.setattr("likewise.cli.audit_options.facts_of", lambda *_: {})
    monkeypatch.setattr("likewise.audit.background_bias.audit.require_attention", lambda *_: None)
    monkeypatch.setattr("likewise.audit.background", lambda *_, **__: next(audits))
    monkeypatch.setattr("likewise.audit.BackgroundComparison", lambda *_: judged(levels[0]))
    monkeypatch.setattr("likewise.cli.audit_options.show", lambda result, *_: [result.verdict()])
    models = [f"M{number}" for number in range(max(1, len(levels) - 1))]
    words = ["audit", "background", *models, stripes_catalog, "--backgrounds", stripes_catalog.parent]
    assert code_of(*words, *(["--fail-on", fail_on] if fail_on else [])) == code
