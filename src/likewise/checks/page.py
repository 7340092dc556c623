"""The page of a run: the answer, what to do first, one grade per group, then every check with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from likewise.checks.definition import GROUPS, Limit, Measure, Status, judged
from likewise.checks.result import LEVELS, CheckResult, CheckRun, status_words
from likewise.inert import markdown_line, one_line
from likewise.jobs import failures_table
from likewise.report import Report
from likewise.report.sections import Section
from likewise.results import Cell, Column, Table, Verdict, percent, points

_MARKS: dict[Status, str] = {
    "pass": "✓", "warn": "!", "fail": "✕", "not_applicable": "–", "could_not_run": "?",
}  # fmt: skip


def report_of(run: CheckRun, facts: Mapping[str, str] | None = None) -> Report:
    """The run as a report.

    Args:
        run: The results.
        facts: Origin of the results, for the end of the page.
    """
    sections = [_overview(run)]
    for group in run.groups:
        sections.append(Section(GROUPS[group], chapter=True))
        sections += [_section(result) for result in run.of_group(group)]
    if run.failures:
        title = f"Images left out: {len(run.failures):,}"
        sections.append(Section(title, table=Table(*failures_table(run.failures)), folded=True))
    verdicts = [replace(run.verdict(), evidence=[], advice=""), *(_grade(run, group) for group in run.groups)]
    return Report("Can this similarity be trusted?", _lead(run), sections, verdicts, facts or {})


def _lead(run: CheckRun) -> str:
    """The answer in one sentence, the three most valuable things to do, and what was left out."""
    lines = [f"**{markdown_line(run.headline)}**"]
    if run.actions:
        lines.append("**What to do first**")
        lines.append(
            "\n".join(
                f"{place}. {markdown_line(action.advice)}" for place, action in enumerate(run.actions, 1)
            )
        )
    lines += [markdown_line(note) for note in run.notes]
    return "\n\n".join(lines)


def _grade(run: CheckRun, group: str) -> Verdict:
    """The grade of a group, with the sentence of its worst check."""
    results = run.of_group(group)
    grade = run.groups[group]
    worst = next(result for result in results if result.status == grade)
    counted = [result for result in results if result.status != "not_applicable"]
    number = f"{sum(result.status == 'pass' for result in counted)} of {len(counted)}" if counted else ""
    words = worst.sentence
    if counted and len(counted) < len(results):
        words += f" Not judged: {', '.join(result.id for result in results if result not in counted)}."
    return Verdict(
        f"{GROUPS[group]}: {grade_words(run, group)}",
        LEVELS[grade],
        [],
        worst.advice,
        words,
        number,
    )


def grade_words(run: CheckRun, group: str) -> str:
    """The grade of a group, with the number of its checks that judged nothing."""
    results, words = run.of_group(group), status_words(run.groups[group])
    silent = sum(result.status == "not_applicable" for result in results)
    return f"{words}, {silent} not judged" if 0 < silent < len(results) else words


def _overview(run: CheckRun) -> Section:
    rows: list[list[Cell]] = [
        [f"{_MARKS[result.status]} {result.id}", status_words(result.status), plain(result.sentence)]
        for result in run.results
    ]
    return Section("All checks", table=Table(["check", "status", "result"], rows), folded=True)


def _section(result: CheckResult) -> Section:
    words = [markdown_line(result.sentence)]
    if result.advice:
        words.append(f"**What to do:** {markdown_line(result.advice)}")
    table = measures_table(result)
    parts = [replace(section, folded=True) for section in result.evidence]
    title = f"{_MARKS[result.status]} {result.question}"
    return Section(
        title, "\n\n".join([*words, f"`{result.id}`, {status_words(result.status)}"]), table, parts=parts,
        folded=result.status == "not_applicable",
    )  # fmt: skip


def measures_table(result: CheckResult) -> Table | None:
    """Values with intervals and limits, those beyond a limit marked; None if nothing was measured."""
    if not result.measures:
        return None
    rows: list[list[Cell]] = [
        [
            _marked(result, name, measure),
            measure_text(measure),
            _limits_text(measure, result.limits.get(name)),
        ]
        for name, measure in result.measures.items()
    ]
    return Table([Column("measure"), Column("value"), Column("limits")], rows)


def crossed_limits(result: CheckResult) -> list[str]:
    """The measures that made a check warn or fail, each with its value and its limits."""
    return [
        f"{measure.words or name}: {measure_text(measure)}; {_limits_text(measure, result.limits[name])}."
        for name, measure in result.measures.items()
        if _status_of(result, name, measure) != "pass"
    ]


def _marked(result: CheckResult, name: str, measure: Measure) -> str:
    """The name of a measure, with the mark of its status if it made the check warn or fail."""
    words, status = measure.words or name, _status_of(result, name, measure)
    return words if status == "pass" else f"{_MARKS[status]} {words}"


def _status_of(result: CheckResult, name: str, measure: Measure) -> Status:
    limit = result.limits.get(name)
    return "pass" if limit is None or result.status not in ("warn", "fail") else judged(measure, limit)


def measure_text(measure: Measure) -> str:
    """A value with its interval, in its unit.

    >>> measure_text(Measure(0.25, 0.2, 0.3, "share"))
    '25.0 % [20.0 %, 30.0 %]'
    """
    text = _number(measure.value, measure)
    if measure.low is None or measure.high is None:
        return text
    ends = [_number(end, measure).removesuffix(" points") for end in (measure.low, measure.high)]
    return f"{text} [{ends[0]}, {ends[1]}]"


def _limits_text(measure: Measure, limit: Limit | None) -> str:
    if limit is None:
        return "no limit"
    side = "below" if measure.better == "higher" else "above"
    ends = [
        f"{word} {side} {_number(value, measure)}"
        for word, value in (("warns", limit.warn), ("fails", limit.fail)) if value is not None
    ]  # fmt: skip
    return f"{', '.join(ends)} ({limit.source})" if limit.source else ", ".join(ends)


def _number(value: float, measure: Measure) -> str:
    if measure.unit == "share":
        return percent(value)
    if measure.unit == "points":
        return points(value)
    if measure.unit == "count":
        return f"{value:z,.0f}"
    unit = f" {measure.unit}" if measure.unit in ("ms", "MB", "GB") else ""
    return f"{value:,.3g}{unit}" if abs(value) < 1000 else f"{value:z,.0f}{unit}"


def text_rows(results: Sequence[CheckResult]) -> list[tuple[str, str, str]]:
    """Id, status and sentence of each result, for a terminal."""
    return [(result.id, status_words(result.status), plain(result.sentence)) for result in results]


def plain(text: str) -> str:
    """A sentence on one line, without the marks of code and without control characters."""
    return one_line(text).replace("`", "")
