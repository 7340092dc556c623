"""The Report: verdicts first, then the sections they rest on, written as a page or as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from likewise.errors import InputError
from likewise.files import write_text
from likewise.report.page import page
from likewise.report.plain import markdown, plain_text
from likewise.report.sections import HasSections, Section, Verdict


@dataclass(frozen=True)
class Report:
    """A page of results.

    Attributes:
        title: What was looked at.
        lead: One paragraph (Markdown) that says what this page answers.
        sections: What was found.
        verdicts: The answers, shown first.
        facts: How it was made (model, catalog, date, version, command), shown at the end.
    """

    title: str
    lead: str = ""
    sections: Sequence[Section] = ()
    verdicts: Sequence[Verdict] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, title: str, *results: HasSections, lead: str = "", facts: Mapping[str, str] | None = None
    ) -> "Report":
        """A report of one or more results: all verdicts, then all sections."""
        sections = [section for result in results for section in result.sections()]
        return cls(title, lead, sections, [result.verdict() for result in results], dict(facts or {}))

    @classmethod
    def joined(cls, title: str, reports: Sequence["Report"], lead: str = "") -> "Report":
        """Several reports as chapters of one; facts that differ are named after their report."""
        sections: list[Section] = []
        facts: dict[str, str] = {}
        for report in reports:
            sections += [Section(report.title, report.lead, chapter=True), *report.sections]
            for name, value in report.facts.items():
                facts[name if facts.get(name, value) == value else f"{name} ({report.title})"] = value
        return cls(
            title, lead, sections, [verdict for report in reports for verdict in report.verdicts], facts
        )

    def to_html(self) -> str:
        """The page as one HTML document with everything in it."""
        return page(self)

    def to_text(self) -> str:
        """Verdicts, words and tables for a terminal."""
        return plain_text(self)

    def to_markdown(self) -> str:
        """Verdicts, words and tables as Markdown, without pictures."""
        return markdown(self)

    def save(self, path: Path | str) -> None:
        """Write the report, whole or not at all: .html (with its pictures), .md or .txt (without).

        Raises:
            InputError: Another ending.
        """
        suffix = Path(path).suffix
        if suffix not in _FORMS:
            raise InputError(f"Cannot tell the form of the report {path}: end it in {', '.join(_FORMS)}.")
        write_text(path, _FORMS[suffix](self))


_FORMS = {".html": page, ".md": markdown, ".txt": plain_text}
