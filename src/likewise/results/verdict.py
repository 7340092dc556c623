"""Verdict of a result, as plain data, and the protocol of results."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from likewise.arguments import checked
from likewise.errors import InputError, choices

Level = Literal["good", "warning", "bad", "unsure", "info"]
_LEVELS: tuple[Level, ...] = ("good", "warning", "bad", "unsure", "info")
HEADLINE_WORDS = 10
"""How long a headline may be. Every verdict of likewise is tested against it."""


@checked
@dataclass(frozen=True)
class Verdict:
    """The answer to the question of a result, as plain data: pages, terminals and JSON show the same one.

    Attributes:
        headline: The answer in at most ten words: "Yes, the background decides a lot."
        level: "good", "warning" or "bad"; "unsure" if the data are not sufficient (too few images, doubtful masks);
            "info" where there is nothing to judge.
        evidence: The measured facts behind the answer, one sentence each.
        advice: Next step; empty if there is none.
        sentence: One or two sentences that explain the headline and its number.
        number: The one figure to show large, as text: "94 % -> 68 %"; empty if no single figure says it.
        measures: Values that decided the answer, by name: a number, an interval {"low": ..., "high": ...} or a p-value.
        thresholds: Values the measures were compared with, by name.
    """

    headline: str
    level: Level = "info"
    evidence: Sequence[str] = ()
    advice: str = ""
    sentence: str = ""
    number: str = ""
    measures: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.level not in _LEVELS:
            raise InputError(f"A verdict has no level {self.level!r}: {choices(self.level, _LEVELS)}")

    @property
    def words(self) -> str:
        """Headline and sentence, as running text."""
        return " ".join(part for part in (self.headline, self.sentence) if part)

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**asdict(self), "evidence": list(self.evidence)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Verdict":
        """From :meth:`to_dict`; "words", as 0.1 stored the headline, is accepted as well."""
        values = dict(stored)
        if "words" in values:
            values["headline"] = values.pop("words")
        return cls(**values)


@runtime_checkable
class Result(Protocol):
    """Something measured: every audit, comparison, sweep and evaluation."""

    def verdict(self) -> Verdict:
        """The answer."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """All numbers for JSON, the verdict among them under "verdict"."""
        ...
