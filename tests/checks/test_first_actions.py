"""What to do first: failures before warnings, and each group once before one of them is named again."""

import pytest

from likewise.checks import CheckResult
from likewise.checks.definition import GROUPS, Status
from likewise.checks.result import CheckRun

FIRST, SECOND, THIRD, FOURTH = list(GROUPS)[:4]


def actions(*rows: tuple[str, str, Status]) -> list[str]:
    results = [
        CheckResult(name, group, "?", status, "S.", advice=f"Do {name}.") for name, group, status in rows
    ]
    return [result.id for result in CheckRun("M", "f", 9, results).actions]


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        ([], []),
        ([("a", FIRST, "pass"), ("b", SECOND, "not_applicable"), ("c", THIRD, "could_not_run")], []),
        ([("a", FIRST, "warn"), ("b", SECOND, "fail")], ["b", "a"]),
        # One action per group before a second one of the same.
        ([("a", FIRST, "fail"), ("b", FIRST, "fail"), ("c", SECOND, "fail")], ["a", "c", "b"]),
        ([("a", FIRST, "fail"), ("b", FIRST, "fail"), ("c", FIRST, "fail"), ("d", FIRST, "fail")], ["a", "b", "c"]),
        ([("a", FIRST, "fail"), ("b", FIRST, "fail"), ("c", SECOND, "warn")], ["a", "c", "b"]),
        ([("d", FOURTH, "warn"), ("c", THIRD, "warn"), ("b", SECOND, "warn"), ("a", FIRST, "warn")], ["a", "b", "c"]),
    ],
)  # fmt: skip
def test_the_first_actions(rows: list[tuple[str, str, Status]], first: list[str]) -> None:
    assert actions(*rows) == first


def test_a_result_without_advice_is_no_action() -> None:
    results = [
        CheckResult("a", FIRST, "?", "fail", "S."),
        CheckResult("b", SECOND, "?", "warn", "S.", advice="Do b."),
    ]
    run = CheckRun("M", "f", 9, results)
    assert [result.id for result in run.actions] == ["b"] and run.verdict().advice == "Do b."
