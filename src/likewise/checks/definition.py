"""The words of a check: what it asks and needs, what it measured, and the limits that judge it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from likewise.arguments import checked
from likewise.errors import ConfigError, choices
from likewise.readable import readable
from likewise.report.sections import Section

if TYPE_CHECKING:
    from likewise.checks.context import CheckContext

Status = Literal["pass", "warn", "fail", "not_applicable", "could_not_run"]
Cost = Literal["seconds", "minutes", "hours"]
Need = Literal[
    "pixels", "files", "gradients", "labels", "masks", "backgrounds", "columns", "reference", "vectors"
]
Unit = Literal["share", "points", "number", "count", "ms", "MB", "GB"]
Better = Literal["higher", "lower", "neither"]

GROUPS: dict[str, str] = {
    "data": "Data",
    "retrieval": "Retrieval",
    "threshold": "Threshold",
    "geometry": "Geometry",
    "robustness": "Robustness",
    "background": "Background",
    "properties": "Properties",
    "explanations": "Explanations",
    "change": "Change",
    "cost": "Cost",
}
"""Groups of checks and their titles, in the order of the page."""
NEEDS: dict[str, str] = {
    "pixels": "a model that embeds images",
    "files": "readable image files",
    "gradients": "a model with gradients",
    "labels": "labels",
    "masks": "object masks",
    "backgrounds": "background photos",
    "columns": "columns that describe the images",
    "reference": "a reference",
    "vectors": "plain vectors",
}


@dataclass(frozen=True)
class Measure:
    """A measured value.

    Attributes:
        value: The value.
        low: Lower end of its 95 % interval; None if it has no sampling error.
        high: Upper end.
        unit: "share" is 0 to 1, "points" a difference of shares.
        better: Direction in which the value is better; limits apply to the other end.
        words: Name for readers.
    """

    value: float
    low: float | None = None
    high: float | None = None
    unit: Unit = "number"
    better: Better = "neither"
    words: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The measure for JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "better": self.better,
        }


def higher(
    value: float, words: str, unit: Unit = "share", interval: tuple[float, float] | None = None
) -> Measure:
    """A measure that is better where it is higher."""
    low, high = interval or (None, None)
    return Measure(value, low, high, unit, "higher", words)


def lower(
    value: float, words: str, unit: Unit = "share", interval: tuple[float, float] | None = None
) -> Measure:
    """A measure that is better where it is lower."""
    low, high = interval or (None, None)
    return Measure(value, low, high, unit, "lower", words)


@dataclass(frozen=True)
class Limit:
    """The values from which on a measure warns or fails; which side is bad follows from the measure.

    Attributes:
        warn: None never warns.
        fail: None never fails.
        shown: The whole interval must be on the good side of ``fail``, else the check warns.
        source: Origin of the numbers, for readers.
    """

    warn: float | None = None
    fail: float | None = None
    shown: bool = False
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The limit for JSON."""
        return {"warn": self.warn, "fail": self.fail, "source": self.source}


@readable
@dataclass(frozen=True)
class Finding:
    """What a check measured, before it is judged.

    Attributes:
        sentence: The result in one sentence: plain text, in which only commands stand in backticks.
        measures: Values by name.
        limits: Limits that follow from the question itself (chance, no difference). Reference levels and profiles
            are added by the runner.
        evidence: Tables, figures and pictures.
        advice: Next step if the check warns, fails or cannot tell: one sentence with a command in backticks.
        status: Overrides the limits where a test decides; None leaves the decision to the limits.
    """

    sentence: str
    measures: Mapping[str, Measure] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    evidence: Sequence[Section] = ()
    advice: str = ""
    status: Status | None = None


@checked
@dataclass(frozen=True)
class Check:
    """One question about a model and its images.

    Attributes:
        id: ``group.name``, or any name for a check of your own.
        question: For readers, ending with a question mark.
        measure: Called with the context of the run.
        group: One of :data:`GROUPS`.
        needs: Requirements of the check; if one is missing, the check does not apply.
        cost: Class of its duration for a few thousand images on a CPU.
        passes: Rough duration beyond the shared embedding, for ``--budget`` and the remaining time: embeddings of the
            whole catalog, or a function of the context that returns a number of embedded images.
        shares: Id of the check whose measurement it reads; the first of both that runs takes the time for it.
        options: Names of the options that change the result.
    """

    id: str
    question: str
    measure: "Callable[[CheckContext], Finding]"
    group: str = "properties"
    needs: Sequence[Need] = ()
    cost: Cost = "seconds"
    passes: "float | Callable[[CheckContext], float]" = 0.0
    shares: str = ""
    options: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise ConfigError(
                f"The check '{self.id}' has no group {self.group!r}: {choices(self.group, GROUPS)}"
            )


def judged(measure: Measure, limit: Limit) -> Status:
    """The status of a measure under a limit.

    It fails if even the better end of its interval is beyond ``fail``, and warns if its value is beyond ``warn``.

    >>> judged(Measure(0.3, 0.2, 0.4, better="higher"), Limit(warn=0.5, fail=0.25))
    'warn'
    """
    sign = 1.0 if measure.better == "higher" else -1.0
    if measure.better == "neither":
        return "pass"
    value = sign * measure.value
    ends = [sign * end for end in (measure.low, measure.high) if end is not None] or [value]
    fail = -float("inf") if limit.fail is None else sign * limit.fail
    warn = -float("inf") if limit.warn is None else sign * limit.warn
    if math.isnan(value):  # nothing can be said
        return "warn"
    if max(ends) < fail or (limit.shown and value <= fail):
        return "fail"
    if value < warn or (limit.shown and min(ends) <= fail):
        return "warn"
    return "pass"
