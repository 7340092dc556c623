"""End of audit commands: print the result, write page and tables, set the exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from likewise.cli.console import end_with, print_json, print_text, say, written_after
from likewise.cli.option_checks import known_word
from likewise.cli.trained_on import trained_on_json
from likewise.errors import CROSSED

if TYPE_CHECKING:
    from collections.abc import Container

    from likewise.data import Catalog, Failure
    from likewise.models import SimilarityModel
    from likewise.report import HasSections, Report, Section
    from likewise.results import Result, Table, Verdict

FAILING: dict[str, tuple[str, ...]] = {
    "bad": ("bad",), "warning": ("bad", "warning"), "unsure": ("bad", "warning", "unsure"),
}  # fmt: skip

_LONGEST_NAME = 120  # bytes; file systems allow 255, and temporary names are longer


@dataclass(frozen=True)
class Output:
    """Output of a result.

    Attributes:
        out: Page, text file or folder.
        tables: Folder for the tables.
        as_json: Print JSON instead of text.
    """

    out: Path | None
    tables: Path | None
    as_json: bool


def check_fail_on(level: str | None) -> None:
    """Refuse an unknown level, before the work.

    Raises:
        ConfigError: It is another word.
    """
    if level is not None:
        known_word("--fail-on", level, FAILING)


def facts_of(
    models: "Sequence[SimilarityModel]", catalog: "Catalog | None", seed: int | None
) -> dict[str, str]:
    """Provenance of a result, for the end of its page."""
    from likewise.results import provenance

    device = str(models[0].device) if models else None
    return provenance(
        models=[(model.name, model.fingerprint) for model in models],
        catalog=catalog,
        seed=seed,
        device=device,
    )


def show(
    result: "Result | HasSections",
    title: str,
    facts: Mapping[str, str],
    output: Output,
    more: "Sequence[Result | HasSections]" = (),
) -> "list[Verdict]":
    """Print a result, and write its page and tables; returns the verdicts on the page.

    Images that ``result.failures`` names are listed on the page.
    """
    from likewise.report import Report

    report = Report.of(title, result, *more, facts=facts)
    report = replace(report, sections=[*report.sections, *_left_out(getattr(result, "failures", ()))])
    with written_after(lambda: _write(report, result, output)):
        if output.as_json:
            print_json({**cast("Any", result).to_dict(), **trained_on_json(facts)})
        else:
            print_text(report.to_text())
    return list(report.verdicts)


def end_on(
    verdicts: "Sequence[Verdict]", level: str | None, failures: "Sequence[Failure]", crossed: str = ""
) -> None:
    """End the command: exit code 3 where images failed, else 1 where a threshold was crossed.

    Args:
        verdicts: Verdicts of the result.
        level: The least bad level that fails (``--fail-on``).
        failures: Images that could not be used; they are listed.
        crossed: Sentence about other crossed thresholds.
    """
    bad = [verdict for verdict in verdicts if level is not None and verdict.level in FAILING[level]]
    if crossed:
        say(crossed)
    if bad:
        say(f"Failed (--fail-on {level}): {bad[0].headline}")
    end_with(failures)
    if crossed or bad:
        raise typer.Exit(CROSSED)


def _left_out(failures: "Sequence[Failure]") -> "list[Section]":
    from likewise.jobs import failures_table
    from likewise.report import Section
    from likewise.results import Table

    if not failures:
        return []
    return [
        Section(f"Images left out: {len(failures):,}", table=Table(*failures_table(failures)), folded=True)
    ]


def _write(report: "Report", result: "Result | HasSections", output: Output) -> None:
    from likewise.report import save_report

    if output.out is not None:
        if output.out.suffix:
            report.save(output.out)
        else:
            save_report(report, output.out)
        say(f"Report: {output.out}")
    if output.tables is not None:
        _write_tables(result, output.tables)


def _write_tables(result: "Result | HasSections", folder: Path) -> None:
    from likewise.report import sections_of

    chapter = ""
    tables: dict[str, Table] = {}
    for section in sections_of(result):
        if section.chapter:
            chapter = f"{section.title} "
        if section.table is not None:
            tables[_free_name(f"{chapter}{section.title}", tables)] = section.table
    for name, table in tables.items():
        for suffix in (".txt", ".md", ".csv", ".tex"):
            table.save(folder / f"{name}{suffix}")
    say(f"Tables: {folder}")


def _free_name(title: str, used: "Container[str]") -> str:
    """A short file name from a title, different from the used ones."""
    words = "".join(letter if letter.isalnum() else " " for letter in title.lower()).split()
    name = "-".join(words).encode()[:_LONGEST_NAME].decode(errors="ignore").rstrip("-") or "table"
    return next(
        each for number in count(1) if (each := name if number == 1 else f"{name}-{number}") not in used
    )
