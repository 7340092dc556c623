"""A report as text for a terminal or as Markdown for a document, without its pictures."""

from typing import TYPE_CHECKING

from likewise.report.sections import Section, Verdict

if TYPE_CHECKING:
    from likewise.report.report import Report

_WORDS = {"good": "GOOD", "warning": "WARNING", "bad": "BAD", "unsure": "CANNOT TELL", "info": "NOTE"}


def plain_text(report: "Report") -> str:
    """Verdicts, words and tables; headings underlined."""
    parts = [_underlined(report.title, "="), report.lead]
    for verdict in report.verdicts:
        parts += [f"{_WORDS[verdict.level]}: {verdict.words}", _evidence(verdict), verdict.advice]
    for section in _with_words(report):
        parts += [_underlined(section.title, "=" if section.chapter else "-"), section.words]
        parts.append(section.table.to("text") if section.table else "")
    parts.append("\n".join(f"{name}: {value}" for name, value in report.facts.items()))
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def markdown(report: "Report") -> str:
    """Verdicts, words and tables under Markdown headings."""
    parts = [f"# {report.title}", report.lead]
    for verdict in report.verdicts:
        parts += [f"**{_WORDS[verdict.level]}: {verdict.words}**", _evidence(verdict), verdict.advice]
    for section in _with_words(report):
        parts += [f"{'##' if section.chapter else '###'} {section.title}", section.words]
        parts.append(section.table.to("markdown") if section.table else "")
    parts.append("\n".join(f"- {name}: {value}" for name, value in report.facts.items()))
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _with_words(report: "Report") -> list[Section]:
    """The sections that say something without their pictures."""
    return [section for section in report.sections if section.words or section.table or section.chapter]


def _underlined(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}"


def _evidence(verdict: Verdict) -> str:
    return "\n".join(f"- {fact}" for fact in verdict.evidence)
