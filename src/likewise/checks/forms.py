"""A run in the forms of pipelines: JUnit, a Markdown summary, GitHub annotations, a badge."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping

from likewise.checks.definition import GROUPS, Status
from likewise.checks.page import crossed_limits, grade_words, measure_text, plain
from likewise.checks.result import CheckResult, CheckRun, status_words
from likewise.inert import markdown_line
from likewise.results import Table

_ICONS: dict[Status, str] = {
    "pass": "✅", "warn": "⚠️", "fail": "❌", "not_applicable": "➖", "could_not_run": "❓",
}  # fmt: skip
_COLORS: dict[Status, str] = {
    "pass": "#2f7d32", "warn": "#9a6700", "fail": "#b3261e", "not_applicable": "#5f6368", "could_not_run": "#5f6368",
}  # fmt: skip
_CHARACTER_PX = 6.6
_PADDING_PX = 10


def junit(run: CheckRun) -> str:
    """JUnit XML: one test suite per group, one test case per check.

    A failed check is a ``failure``, one that could not run an ``error``, one that does not apply is ``skipped``. JUnit
    has no warning: a check that warns passes, and its sentence stands in ``system-out``. The limits that were crossed
    and the advice follow the sentence.
    """
    root = ET.Element("testsuites", _counts("likewise check", list(run.results)))
    for group in run.groups:
        results = run.of_group(group)
        suite = ET.SubElement(root, "testsuite", _counts(group, results))
        for result in results:
            _case(suite, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(name: str, results: list[CheckResult]) -> dict[str, str]:
    statuses = [result.status for result in results]
    return {
        "name": name, "tests": str(len(results)), "failures": str(statuses.count("fail")),
        "errors": str(statuses.count("could_not_run")), "skipped": str(statuses.count("not_applicable")),
        "time": f"{sum(result.seconds for result in results):z.3f}",
    }  # fmt: skip


def _case(suite: ET.Element, result: CheckResult) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        {"classname": f"likewise.{result.group}", "name": result.id, "time": f"{result.seconds:z.3f}"},
    )
    sentence = plain(result.sentence)
    kinds: Mapping[Status, str] = {"fail": "failure", "could_not_run": "error", "not_applicable": "skipped"}
    if result.status in kinds:
        problem = ET.SubElement(case, kinds[result.status], {"message": sentence})
        if result.status != "not_applicable":
            problem.set("type", result.status)
            problem.text = "\n".join(_lines_below(result)) or None
    else:
        words = ["warning: " + sentence, *_lines_below(result)] if result.status == "warn" else [sentence]
        ET.SubElement(case, "system-out").text = "\n".join(words)


def _lines_below(result: CheckResult) -> list[str]:
    """What follows the sentence of a check that did not pass: the limits that were crossed, and the advice."""
    return [*crossed_limits(result), *([plain(result.advice)] if result.advice else [])]


def markdown_summary(run: CheckRun) -> str:
    """Markdown for the summary of a pipeline's step."""
    icon = _ICONS[run.status]
    lines = [f"## {icon} {run.headline}", "", markdown_line(run.verdict().sentence), ""]
    if run.actions:
        lines += ["**What to do first**", ""]
        lines += [
            f"{place}. {markdown_line(action.advice)}" for place, action in enumerate(run.actions, 1)
        ] + [""]
    lines += ["| group | grade |", "| --- | --- |"]
    lines += [
        f"| {GROUPS[group]} | {_ICONS[grade]} {grade_words(run, group)} |"
        for group, grade in run.groups.items()
    ]
    rows = [
        [result.id, f"{_ICONS[result.status]} {status_words(result.status)}", plain(result.sentence),
         "; ".join(f"{measure.words or name} {measure_text(measure)}" for name, measure in result.measures.items())]
        for result in run.results
    ]  # fmt: skip
    table = Table(["check", "status", "result", "measures"], rows).to("markdown")
    lines += ["", "<details><summary>All checks</summary>", "", table.strip(), "", "</details>", ""]
    lines += [f"- {markdown_line(note)}" for note in run.notes]
    return "\n".join(lines).rstrip() + "\n"


def github_annotations(run: CheckRun) -> str:
    """Workflow commands of GitHub Actions: one line per check that did not pass.

    Source: GitHub, Workflow commands for GitHub Actions; % and line breaks are escaped.
    """
    kinds: Mapping[Status, str] = {"fail": "error", "could_not_run": "error", "warn": "warning"}
    lines = [
        f"::{kinds[result.status]} title={_property(result.id)}::"
        + _data(" ".join([plain(result.sentence), *_lines_below(result)]))
        for result in run.results if result.status in kinds
    ]  # fmt: skip
    lines.append(f"::notice title=likewise check::{_data(run.headline)}")
    return "\n".join(lines) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def badge(run: CheckRun) -> str:
    """A badge as SVG: the worst status, without fonts or addresses from elsewhere."""
    passed, counted = run.count("pass"), len(run.results) - run.count("not_applicable")
    left = "likewise check"
    right = f"{status_words(run.status)} {passed}/{counted}"
    widths = [round(_CHARACTER_PX * len(text) + 2 * _PADDING_PX) for text in (left, right)]
    total = sum(widths)
    size = f'width="{total}" height="20"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{left}: {right}">
<title>{left}: {right}</title>
<rect {size} rx="3" fill="#3c4043"/>
<path d="M{widths[0]} 0h{widths[1] - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{widths[0]}z" fill="{_COLORS[run.status]}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{widths[0] / 2}" y="14">{left}</text>
<text x="{widths[0] + widths[1] / 2}" y="14">{right}</text>
</g>
</svg>
"""


FORMS: dict[str, Callable[[CheckRun], str]] = {
    "junit": junit, "summary": markdown_summary, "annotations": github_annotations, "badge": badge,
}  # fmt: skip
"""Writers by the name of their option."""
