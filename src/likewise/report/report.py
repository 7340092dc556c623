"""The Report: verdicts first, then the sections they rest on, written as a page or as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from likewise.arguments import checked
from likewise.errors import InputError
from likewise.files import write_text
from likewise.readable import readable
from likewise.report.page import page
from likewise.report.plain import markdown, plain_text
from likewise.report.sections import HasSections, Section
from likewise.results import Result, Verdict
from likewise.results.provenance import run_facts


@checked
def sections_of(result: Result | HasSections) -> list[Section]:
    """The sections of the page of a result.

    Args:
        result: Result of likewise (its page is in the module of this package named after it), or an object of
            yours with ``sections()``.

    Raises:
        InputError: It is neither.
    """
    if isinstance(result, HasSections):
        return result.sections()
    from likewise.report.pages import page_sections  # reads the pages of all results, and so the results

    return page_sections(result)


@readable
@checked
@dataclass(frozen=True)
class Report:
    """A page of results.

    Attributes:
        title: Title of the page.
        lead: One paragraph (Markdown) that says what this page answers.
        sections: The results.
        verdicts: The answers, at the top of the page.
        facts: Provenance (model, images, seed), at the end of the page.
        made: When, with which versions and by which command the report was made, shown behind the facts; gathered by
            itself, and kept where a report is stored.
    """

    title: str
    lead: str = ""
    sections: Sequence[Section] = ()
    verdicts: Sequence[Verdict] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=run_facts)

    @property
    def all_facts(self) -> dict[str, str]:
        """Facts of the result, then of the process that made it."""
        return {**self.facts, **{name: value for name, value in self.made.items() if name not in self.facts}}

    @classmethod
    def of(
        cls,
        title: str,
        *results: object,
        lead: str = "",
        facts: Mapping[str, str] | None = None,
    ) -> "Report":
        """A report of results: all verdicts, then all sections, in one chapter for each of several models.

        Args:
            title: Title of the page.
            results: Results of likewise with a verdict, retrieval results, or objects of yours with ``sections()`` and
                ``verdict()``.
            lead: One paragraph (Markdown) that says what this page answers.
            facts: Provenance, at the end of the page.

        Raises:
            InputError: Something else.
        """
        judged = [_judged(result) for result in results]
        return cls._of(title, judged, lead, dict(facts or {}))

    @classmethod
    def _of(
        cls, title: str, results: Sequence[Result | HasSections], lead: str, facts: dict[str, str]
    ) -> "Report":
        names = [getattr(result, "model", None) for result in results]
        several = sum(isinstance(name, str) for name in names) > 1
        sections: list[Section] = []
        for name, result in zip(names, results, strict=True):
            if several and isinstance(name, str):
                sections.append(Section(name, chapter=True))
            sections += sections_of(result)
        return cls(title, lead, sections, [result.verdict() for result in results], facts)

    @classmethod
    def joined(cls, title: str, reports: Sequence["Report"], lead: str = "") -> "Report":
        """Several reports as chapters of one; facts that differ are named after their report."""
        sections: list[Section] = []
        facts: dict[str, str] = {}
        for report in reports:
            sections += [Section(report.title, report.lead, chapter=True), *report.sections]
            for name, value in report.all_facts.items():
                facts[name if facts.get(name, value) == value else f"{name} ({report.title})"] = value
        verdicts = [verdict for report in reports for verdict in report.verdicts]
        return cls(title, lead, sections, verdicts, facts, {} if reports else run_facts())

    def to_html(self) -> str:
        """The page as one HTML document with everything in it."""
        return page(self)

    def to_text(self) -> str:
        """Verdicts, words and tables for a terminal."""
        return plain_text(self)

    def to_markdown(self) -> str:
        """Verdicts, text and tables as Markdown, without images."""
        return markdown(self)

    def save(self, path: Path | str) -> None:
        """Write the report atomically: .html (with images), .md or .txt (without).

        Raises:
            InputError: Another ending.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in _FORMS:
            raise InputError(f"Cannot tell the form of the report {path}: end it in {', '.join(_FORMS)}.")
        write_text(path, _FORMS[suffix](self))


_FORMS = {".html": page, ".md": markdown, ".txt": plain_text}


def _judged(result: object) -> Result | HasSections:
    """A result with a verdict."""
    if isinstance(result, Result | HasSections):
        return result
    from likewise.audit.evaluation import EvaluationSummary  # these load torch
    from likewise.retrieval import ModelEvaluation, RetrievalResult

    scores = result.result if isinstance(result, ModelEvaluation) else result
    if isinstance(scores, RetrievalResult):
        return EvaluationSummary("", scores.summary(), scores.per_class, {})
    raise InputError(
        f"The type {type(result).__name__} has no verdict and makes no page: give what an audit, evaluate_queries or "
        "evaluate_model returned, or an object with the methods sections() and verdict()."
    )
