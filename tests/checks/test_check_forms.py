"""Every form of a run says the same, and no label or sentence breaks out of it."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from html_page import HtmlPage
from likewise.checks import CheckResult, CheckRun, Limit, Measure, read_reference
from likewise.checks.forms import badge, github_annotations, junit, markdown_summary
from likewise.checks.page import crossed_limits, measure_text, report_of
from likewise.cli.app import app
from likewise.data import Failure
from likewise.errors import InputError
from likewise.json_text import json_text
from likewise.report import load_report, save_report
from likewise.report.sections import Section
from likewise.results import Table

CROSSED = "recall@1: 50.0 % [40.0 %, 60.0 %]; warns below 70.0 %, fails below 65.0 % (reference runs)."
HOSTILE = ']]><script>alert(1)</script> 100 %\n::error::x \x1b[31m & "q" `c` | cell'


def _result(name: str, group: str, status: Any, **more: Any) -> CheckResult:
    advice = "Run `likewise doctor` first." if status in ("warn", "fail") else ""
    return CheckResult(name, group, f"Is {name} well?", status, f"Sentence of {name}.", advice=advice, **more)


@pytest.fixture
def run() -> CheckRun:
    measures = {"recall@1": Measure(0.5, 0.4, 0.6, "share", "higher", "recall@1")}
    limits = {"recall@1": Limit(0.7, 0.65, source="reference runs")}
    table = Section("Classes", table=Table(["class", "n"], [[HOSTILE, 3]]))
    results = [
        _result("data.files", "data", "pass"),
        _result("data.labels", "data", "warn"),
        _result(
            "retrieval.scores",
            "retrieval",
            "fail",
            measures=measures,
            limits=limits,
            evidence=[table],
            seconds=1.5,
        ),
        CheckResult(
            "retrieval.hostile", "retrieval", HOSTILE, "warn", HOSTILE, advice="Read `likewise help check`."
        ),
        _result("threshold.held_out", "threshold", "not_applicable"),
        _result("geometry.rank", "geometry", "could_not_run"),
    ]
    return CheckRun(HOSTILE, "f" * 16, 100, results, [Failure(HOSTILE, HOSTILE)], 0.05, notes=["Left out."])


def test_the_run_answers_grades_and_advises(run: CheckRun) -> None:
    assert run.groups == {
        "data": "warn",
        "retrieval": "fail",
        "threshold": "not_applicable",
        "geometry": "could_not_run",
    }
    assert run.status == "fail" and run.exit_code == 3
    assert [action.id for action in run.actions] == ["retrieval.scores", "data.labels", "retrieval.hostile"]
    stored = json.loads(json_text(run.to_dict()))
    assert stored["checks"][2]["measures"]["recall@1"] == {
        "value": 0.5, "low": 0.4, "high": 0.6, "unit": "share", "better": "higher",
        "limit": {"warn": 0.7, "fail": 0.65, "source": "reference runs"},
    }  # fmt: skip
    assert stored["checks"][2]["evidence"][0]["table"]["rows"] == [[HOSTILE, 3]]
    assert stored["exit_code"] == 3 and stored["groups"]["retrieval"] == "fail"


@pytest.mark.parametrize(
    ("statuses", "code", "words"),
    [
        (["pass"], 0, "No check found a reason for doubt."),
        (["pass", "warn"], 0, "Usable with care: 1 warning."),
        (["warn", "fail", "fail"], 1, "Do not trust this similarity yet: 2 checks failed."),
        (["pass", "could_not_run"], 3, "Incomplete: 1 check could not run."),
        (["fail", "could_not_run"], 3, "Do not trust this similarity yet: 1 check failed."),
        (["pass", "not_applicable"], 0, "No check found a reason for doubt, but 1 of 2 do not apply."),
        (["not_applicable"], 2, "Nothing could be judged."),
    ],
)
def test_the_headline_and_the_exit_code_follow_from_the_statuses(
    statuses: Any, code: int, words: str
) -> None:
    results = [_result(f"c{number}", "data", status) for number, status in enumerate(statuses)]
    run = CheckRun("m", "f", 10, results)
    assert (run.exit_code, run.headline) == (code, words)


def test_the_numbers_of_the_statuses_in_words() -> None:
    statuses: list[Any] = ["warn", "warn", "fail", "pass", "not_applicable"]
    results = [_result(f"c{number}", "data", status) for number, status in enumerate(statuses)]
    evidence = CheckRun("m", "f", 10, results).verdict()
    assert "1 failed, 2 warnings, 1 passed, 1 not applicable." in str(evidence.to_dict())


def test_junit_is_read_by_a_standard_parser(run: CheckRun) -> None:
    root = ET.fromstring(junit(run))
    assert root.tag == "testsuites"
    assert {key: root.attrib[key] for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    assert [suite.attrib["name"] for suite in root] == list(run.groups)
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert set(cases) == {result.id for result in run}
    failure = cases["retrieval.scores"].find("failure")
    assert failure is not None and failure.attrib["message"] == "Sentence of retrieval.scores."
    assert str(failure.text).splitlines() == [CROSSED, "Run likewise doctor first."]
    assert cases["retrieval.scores"].attrib["time"] == "1.500"
    assert cases["geometry.rank"].find("error") is not None
    assert cases["threshold.held_out"].find("skipped") is not None
    assert "warning: " in (cases["data.labels"].findtext("system-out") or "")
    assert "<script>alert(1)" in (cases["retrieval.hostile"].findtext("system-out") or "")


def test_annotations_are_one_line_each(run: CheckRun) -> None:
    lines = github_annotations(run).splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        "::warning",
        "::error",
        "::warning",
        "::error",
        "::notice",
    ]
    assert lines[1] == (
        f"::error title=retrieval.scores::Sentence of retrieval.scores. {CROSSED} Run likewise doctor first."
    ).replace("%", "%25")
    assert "100 %25" in lines[2] and "\x1b" not in lines[2]


def test_the_summary_holds_grades_actions_and_every_check(run: CheckRun) -> None:
    text = markdown_summary(run)
    assert "1. Run `likewise doctor` first." in text
    assert "| Retrieval | ❌ failed |" in text
    rows = [line for line in text.splitlines() if re.match(r"\| [a-z]+\\?\.", line)]
    assert len(rows) == 6 and all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
    assert "<script>" not in text and "\x1b" not in text


def test_the_badge_is_svg_without_foreign_addresses(run: CheckRun) -> None:
    root = ET.fromstring(badge(run))
    assert root.attrib["aria-label"] == "likewise check: failed 1/5"
    assert "http" not in badge(run).replace("http://www.w3.org/2000/svg", "")


def test_the_page_shows_the_answer_first_and_stays_inert(run: CheckRun) -> None:
    html = report_of(run, {"model": "m"}).to_html()
    page = HtmlPage(html)
    text = " ".join(page.text)
    assert (
        text.index("Do not trust") < text.index("What to do first") < text.index("Is retrieval.scores well?")
    )
    assert "<script>alert" not in html and "\x1b" not in html
    assert "warns below 70.0 %, fails below 65.0 % (reference runs)" in text
    headlines = page.inside("headline")
    assert headlines[1:] == [
        "Data: warning",
        "Retrieval: failed",
        "Threshold: not applicable",
        "Geometry: could not run",
    ]


def test_a_grade_names_the_checks_that_judged_nothing(run: CheckRun) -> None:
    results = [_result("data.files", "data", "pass"), _result("data.masks", "data", "not_applicable")]
    text = " ".join(HtmlPage(report_of(replace(run, results=results)).to_html()).text)
    assert "1 of 1" in text and "Sentence of data.files. Not judged: data.masks." in text
    assert "Data: passed, 1 not judged" in text
    assert "✅ passed, 1 not judged |" in markdown_summary(replace(run, results=results))
    assert "Not judged" not in report_of(replace(run, results=results[:1])).to_html()
    assert "Not judged" not in report_of(replace(run, results=results[1:])).to_html()


def test_a_sentence_is_plain_text_and_looks_alike_in_every_form(run: CheckRun) -> None:
    sentence = "The worst class is Fish_*Crow*_[x] & co.: `likewise data check a_b.csv`."
    results = [CheckResult("data.files", "data", "Is it well?", "warn", sentence, advice=sentence)]
    result = replace(run, results=results, notes=[sentence])
    unmarked = sentence.replace("`", "")
    text = " ".join(" ".join(HtmlPage(report_of(result).to_html()).text).split())
    # The grade of the group, the row of all checks, the check itself; twice the advice, and the note.
    assert text.count("Fish_*Crow*_[x] & co.:") >= 6
    assert result.to_dict()["checks"][0]["sentence"] == sentence
    assert result.verdict().evidence == [sentence]
    assert unmarked in junit(result).replace("&amp;", "&") and unmarked in github_annotations(result)
    assert r"Fish\_\*Crow\*\_\[x\] &amp; co.: `likewise data check a_b.csv`" in markdown_summary(result)


def test_the_page_can_be_stored_and_drawn_again(run: CheckRun, tmp_path: Path) -> None:
    report = report_of(run)
    save_report(report, tmp_path / "report")
    assert load_report(tmp_path / "report").to_html() == report.to_html()


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (Measure(0.25, 0.2, 0.3, "share"), "25.0 % [20.0 %, 30.0 %]"),
        (Measure(-0.031, -0.05, 0.01, "points"), "-3.1 points [-5.0, +1.0]"),
        (Measure(1234.5, unit="ms"), "1,234 ms"),
        (Measure(3, unit="count"), "3"),
        (Measure(0.12345), "0.123"),
    ],
)
def test_a_measure_is_written_in_its_unit(measure: Measure, text: str) -> None:
    assert measure_text(measure) == text


def test_a_stored_result_can_be_a_reference(run: CheckRun, tmp_path: Path) -> None:
    file = tmp_path / "last.json"
    file.write_text(json_text(run.to_dict()))
    assert read_reference(file)["checks"][0]["id"] == "data.files"
    for text in ("{", "[]", "{}", '{"checks": [{"id": 1}]}'):
        file.write_text(text)
        with pytest.raises(InputError, match="is not the result of a check"):
            read_reference(file)
    with pytest.raises(InputError, match="There is no file"):
        read_reference(tmp_path / "gone.json")


def _commands() -> dict[str, Any]:
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, below in command.commands.items():
                walk(below, (*words, name))
        else:
            found[" ".join(words)] = command

    walk(typer.main.get_command(app), ())
    return found


def test_every_advice_is_a_command_that_exists() -> None:
    commands = _commands()
    sources = (Path(__file__).parents[2] / "src" / "likewise" / "checks").glob("*.py")
    joined = re.sub(r'"\s*\n\s*f?"', "", "\n".join(file.read_text() for file in sources))
    advice = [text.split() for text in re.findall(r"`likewise ([^`\n]+)`", joined)]
    assert len(advice) > 15
    for words in advice:
        name = next((name for name in commands if words[: len(name.split())] == name.split()), None)
        name = "masks make" if name is None and words[0] == "masks" else name
        assert name is not None, words
        known = {
            spelling for each in commands[name].params for spelling in (*each.opts, *each.secondary_opts)
        }
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, words
        # MODEL and CATALOG stand for the words of the command, with the options that belong to them.
        assert "MODEL" not in words or {"--weights", "--preprocessing"} <= known, words
        assert "CATALOG" not in words or {"--root", "--split"} <= known, words


@pytest.mark.parametrize(
    ("failed", "images", "tolerate", "code"),
    [(0, 10, 0.0, 0), (1, 10, 0.0, 3), (1, 10, 0.1, 0), (2, 10, 0.1, 3), (1, 100, 0.01, 0), (5, 5, 1.0, 0)],
)
def test_as_many_unusable_images_as_tolerated_are_no_failure(
    failed: int, images: int, tolerate: float, code: int
) -> None:
    passed = CheckResult("data.files", "data", "Can all be read?", "pass", "Yes.")
    failures = [Failure(f"{number}.jpg", "damaged") for number in range(failed)]
    run = CheckRun("m", "f", images, [passed], failures, tolerate)
    assert (run.too_many_failures, run.exit_code) == (code == 3, code)


@pytest.mark.parametrize(("status", "value", "crossed"), [
    ("fail", 0.5, ["a", "b"]), ("warn", 0.66, ["a", "b"]), ("warn", 0.8, ["b"]), ("pass", 0.5, []),
    ("not_applicable", 0.5, []),
])  # fmt: skip
def test_only_the_limits_that_decided_are_named(status: Any, value: float, crossed: list[str]) -> None:
    measures = {
        "a": Measure(value, value, value, "share", "higher"), "b": Measure(3, unit="count", better="lower"),
        "c": Measure(1.0, unit="share", better="higher"), "d": Measure(0.0, unit="share", better="higher"),
    }  # fmt: skip
    limits = {"a": Limit(0.7, 0.65), "b": Limit(2), "c": Limit(0.9, 0.8)}
    lines = crossed_limits(_result("x", "data", status, measures=measures, limits=limits))
    assert [line[0] for line in lines] == crossed


def test_a_warning_names_its_limit_in_the_output_of_its_case(run: CheckRun) -> None:
    warned = _result(
        "data.labels",
        "data",
        "warn",
        measures={"n": Measure(3, unit="count", better="lower")},
        limits={"n": Limit(2)},
    )
    output = ET.fromstring(junit(replace(run, results=[warned]))).find(".//system-out")
    assert output is not None and str(output.text).splitlines() == [
        "warning: Sentence of data.labels.", "n: 3; warns above 2.", "Run likewise doctor first.",
    ]  # fmt: skip
