"""The results of checks: one per check, and the run of all with its verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from likewise.checks.definition import GROUPS, Limit, Measure, Status
from likewise.data import Failure
from likewise.errors import CROSSED, DONE, UNFINISHED, WRONG_INPUT
from likewise.printable import counted
from likewise.readable import readable
from likewise.report.sections import Section
from likewise.report.storage import table_to_json
from likewise.results import Verdict
from likewise.results.verdict import Level

SEVERITY: tuple[Status, ...] = ("fail", "could_not_run", "warn", "pass", "not_applicable")
"""Statuses, worst first."""
_WORDS: dict[Status, str] = {
    "fail": "failed", "warn": "warning", "pass": "passed", "not_applicable": "not applicable",
    "could_not_run": "could not run",
}  # fmt: skip
LEVELS: dict[Status, Level] = {
    "fail": "bad", "warn": "warning", "pass": "good", "not_applicable": "info", "could_not_run": "unsure",
}  # fmt: skip
_ACTIONS = 3


def status_words(status: Status) -> str:
    """A status for readers.

    >>> status_words("could_not_run")
    'could not run'
    """
    return _WORDS[status]


@readable
@dataclass(frozen=True)
class CheckResult:
    """Result of one check.

    Attributes:
        id: Id of the check.
        group: Group of the check.
        question: Question of the check.
        status: Worst status of its measures.
        sentence: The result, or the reason why there is none: plain text, in which only commands stand in backticks.
        measures: Values by name.
        limits: Limits of the measures that have one.
        advice: Next step; empty unless it warns, fails or cannot tell.
        evidence: Tables, figures and pictures.
        seconds: Duration.
    """

    id: str
    group: str
    question: str
    status: Status
    sentence: str
    measures: Mapping[str, Measure] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    advice: str = ""
    evidence: Sequence[Section] = ()
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The result for JSON; pictures are left out."""
        return {
            "id": self.id, "group": self.group, "question": self.question, "status": self.status,
            "sentence": self.sentence, "advice": self.advice,
            "measures": {
                name: {**measure.to_dict(), "limit": self.limits[name].to_dict() if name in self.limits else None}
                for name, measure in self.measures.items()
            },
            "evidence": [_evidence(section) for section in self.evidence if section.words or section.table],
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


def _evidence(section: Section) -> dict[str, Any]:
    table = None if section.table is None else table_to_json(section.table)
    return {"title": section.title, "words": section.words, "table": table}


@readable
@dataclass(frozen=True)
class CheckRun:
    """Result of :func:`likewise.check`.

    Attributes:
        model: Name of the model.
        fingerprint: Fingerprint of the model.
        images: Images of the catalog.
        catalog: Digest of the ids of its images, whatever their order.
        results: One per check, in the order of the groups.
        failures: Images that could not be used.
        tolerate: Share of unusable images that is tolerated.
        seed: Seed of all random choices.
        seconds: Duration of the run.
        notes: Sentences on how the run was limited, such as a sample or a budget.
    """

    model: str
    fingerprint: str
    images: int
    results: Sequence[CheckResult]
    failures: Sequence[Failure] = ()
    tolerate: float = 0.01
    seed: int = 0
    seconds: float = 0.0
    notes: Sequence[str] = ()
    catalog: str = ""

    def __getitem__(self, name: str) -> CheckResult:
        return next(result for result in self.results if result.id == name)

    def of_group(self, group: str) -> list[CheckResult]:
        """Results of one group."""
        return [result for result in self.results if result.group == group]

    @property
    def groups(self) -> dict[str, Status]:
        """Measured groups with their grade: the worst status of their checks."""
        statuses = {group: {result.status for result in self.of_group(group)} for group in GROUPS}
        return {group: _worst(graded) for group, graded in statuses.items() if graded}

    @property
    def status(self) -> Status:
        """Worst status of all checks."""
        return _worst({result.status for result in self.results})

    @property
    def judged(self) -> bool:
        """Whether any check applied."""
        return any(result.status in ("pass", "warn", "fail") for result in self.results)

    @property
    def too_many_failures(self) -> bool:
        """Whether more images were unusable than tolerated."""
        return len(self.failures) > self.tolerate * self.images

    @property
    def exit_code(self) -> int:
        """Exit code: 3 if a check could not run or too many images failed, 2 if none applies, else 1 or 0."""
        if self.too_many_failures or any(result.status == "could_not_run" for result in self.results):
            return UNFINISHED
        if not self.judged:
            return WRONG_INPUT
        return CROSSED if self.status == "fail" else DONE

    @property
    def actions(self) -> list[CheckResult]:
        """The three most valuable things to do: failures before warnings, one per group before a second one."""
        ordered = sorted(
            (result for result in self.results if result.advice and result.status in ("fail", "warn")),
            key=lambda result: (SEVERITY.index(result.status), list(GROUPS).index(result.group)),
        )
        first = list({(result.status, result.group): result for result in reversed(ordered)}.values())[::-1]
        return [*first, *(result for result in ordered if result not in first)][:_ACTIONS]

    def count(self, status: Status) -> int:
        """Number of checks with a status."""
        return sum(result.status == status for result in self.results)

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        if not self.judged and self.status == "not_applicable":
            return "Nothing could be judged."
        if self.status == "fail":
            return f"Do not trust this similarity yet: {counted(self.count('fail'), 'check')} failed."
        if self.status == "could_not_run":
            return f"Incomplete: {counted(self.count('could_not_run'), 'check')} could not run."
        if self.status == "warn":
            return f"Usable with care: {counted(self.count('warn'), 'warning')}."
        left_out = self.count("not_applicable")
        more = f", but {left_out} of {len(self.results)} do not apply" if left_out else ""
        return f"No check found a reason for doubt{more}."

    def verdict(self) -> Verdict:
        """The whole run in one verdict."""
        counts = ", ".join(
            counted(self.count(status), "warning")
            if status == "warn"
            else f"{self.count(status)} {status_words(status)}"
            for status in SEVERITY
            if self.count(status)
        )
        worst = [result for result in self.results if result.status in ("fail", "could_not_run", "warn")]
        worst.sort(key=lambda result: SEVERITY.index(result.status))
        return Verdict(
            self.headline, LEVELS[self.status], [result.sentence for result in worst[:6]],
            self.actions[0].advice if self.actions else "",
            f"{len(self.results)} checks of {self.model} on {self.images:,} images: {counts}.",
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, for JSON."""
        return {
            "status": self.status, "exit_code": self.exit_code, "verdict": self.verdict().to_dict(),
            "model": self.model, "fingerprint": self.fingerprint, "images": self.images, "catalog": self.catalog,
            "seed": self.seed, "groups": self.groups,
            "actions": [{"check": result.id, "advice": result.advice} for result in self.actions],
            "checks": [result.to_dict() for result in self.results],
            "failures": [{"id": failure.id, "reason": failure.reason} for failure in self.failures],
            "tolerate": self.tolerate, "notes": list(self.notes), "seconds": round(self.seconds, 3),
        }  # fmt: skip

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)


def _worst(statuses: set[Status]) -> Status:
    return next((status for status in SEVERITY if status in statuses), "not_applicable")
