"""A report as text for a terminal or as Markdown, without images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from likewise.inert import markdown_line, markdown_literal, one_line, visible, without_escapes
from likewise.report.sections import Section
from likewise.results import Verdict

if TYPE_CHECKING:
    from likewise.report.report import Report

_WORDS = {"good": "GOOD", "warning": "WARNING", "bad": "BAD", "unsure": "CANNOT TELL", "info": "NOTE"}


def plain_text(report: "Report") -> str:
    """Verdicts, words and tables; headings underlined."""
    parts = [_underlined(report.title, "="), _terminal(report.lead)]
    for verdict in report.verdicts:
        number = f" [{one_line(verdict.number)}]" if verdict.number else ""
        parts += [
            f"{_WORDS[verdict.level]}: {one_line(verdict.words)}{number}",
            _evidence(verdict),
            one_line(verdict.advice),
        ]
    for section in _with_words(report.sections):
        parts += [_underlined(section.title, "=" if section.chapter else "-"), _terminal(section.words)]
        parts.append(section.table.to("text") if section.table else "")
    parts.append(
        "\n".join(f"{one_line(name)}: {one_line(value)}" for name, value in report.all_facts.items())
    )
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def markdown(report: "Report") -> str:
    """Verdicts, words and tables under Markdown headings."""
    parts = [f"# {markdown_line(report.title)}", _inert_words(report.lead)]
    for verdict in report.verdicts:
        number = f" ({markdown_line(verdict.number)})" if verdict.number else ""
        facts = "\n".join(f"- {markdown_line(fact)}" for fact in verdict.evidence)
        parts += [f"**{_WORDS[verdict.level]}: {markdown_line(verdict.words)}**{number}", facts,
                  markdown_line(verdict.advice)]  # fmt: skip
    for section in _with_words(report.sections):
        parts += [
            f"{'##' if section.chapter else '###'} {markdown_line(section.title)}",
            _inert_words(section.words),
        ]
        parts.append(section.table.to("markdown") if section.table else "")
    made = [
        f"- {markdown_literal(name)}: {markdown_literal(value)}" for name, value in report.all_facts.items()
    ]
    parts.append("\n".join(made))
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _with_words(sections: "Sequence[Section]") -> list[Section]:
    """The sections and subsections that have content without images."""
    with_words = []
    for section in sections:
        if section.words or section.table or section.chapter:
            with_words.append(section)
        with_words += _with_words(section.parts)
    return with_words


def _underlined(title: str, line: str) -> str:
    return f"{one_line(title)}\n{line * len(one_line(title))}"


def _evidence(verdict: Verdict) -> str:
    return "\n".join(f"- {one_line(fact)}" for fact in verdict.evidence)


def _terminal(words: str) -> str:
    return visible(without_escapes(words))


def _inert_words(words: str) -> str:
    """Our own Markdown without what could be a tag or a link, should a user's text have come into it unescaped."""
    return visible(words).replace("<", "&lt;").replace("](", "]\\(")
