"""How audits end: the result printed, its page and tables written, and an exit code a pipeline can use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.console import print_json, print_text, say
from likewise.cli.trained_on import trained_on_json
from likewise.errors import CROSSED, ConfigError, choices

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.models import SimilarityModel
    from likewise.report import HasSections, Table, Verdict

FAILING: dict[str, tuple[str, ...]] = {
    "bad": ("bad",), "warning": ("bad", "warning"), "unsure": ("bad", "warning", "unsure"),
}  # fmt: skip

Page = Annotated[
    Path | None,
    typer.Option(help="Report to write: .html, .md, .txt, or a folder to keep it for `likewise report`."),
]
Tables = Annotated[
    Path | None, typer.Option(help="Folder for the tables as .txt, .md, .csv and .tex.", metavar="FOLDER")
]
FailOn = Annotated[
    str | None,
    typer.Option(
        metavar="LEVEL",
        help="Exit with 1 where the verdict is this bad: bad; warning (or bad); unsure (or warning or bad).",
    ),
]


@dataclass(frozen=True)
class Output:
    """Where a result goes.

    Attributes:
        out: Page, text file or folder.
        tables: Folder for the tables.
        as_json: Print JSON instead of text.
    """

    out: Path | None
    tables: Path | None
    as_json: bool


def check_fail_on(level: str | None) -> None:
    """Refuse a level that verdicts do not have, before the work.

    Raises:
        ConfigError: It is another word.
    """
    if level is not None and level not in FAILING:
        raise ConfigError(f"--fail-on cannot be {level!r}: {choices(level, FAILING)}")


def facts_of(
    models: "Sequence[SimilarityModel]", catalog: "Catalog | None", seed: int | None
) -> dict[str, str]:
    """Where a result comes from, for the end of its page."""
    from likewise.report import provenance

    device = str(models[0].device) if models else None
    return provenance(
        models=[(model.name, model.fingerprint) for model in models],
        catalog=catalog,
        seed=seed,
        device=device,
    )


def show(
    result: "HasSections",
    title: str,
    facts: Mapping[str, str],
    output: Output,
    more: "Sequence[HasSections]" = (),
) -> "list[Verdict]":
    """Print a result, and write its page and tables; returns the verdicts on the page."""
    from likewise.report import Report, save_report

    report = Report.of(title, result, *more, facts=facts)
    if output.out is not None:
        if output.out.suffix:
            report.save(output.out)
        else:
            save_report(report, output.out)
        say(f"Report: {output.out}")
    if output.tables is not None:
        _write_tables(result, output.tables)
    if output.as_json:
        print_json({**cast("Any", result).to_dict(), **trained_on_json(facts)})
    else:
        print_text(report.to_text())
    return list(report.verdicts)


def end_on(verdicts: "Sequence[Verdict]", level: str | None) -> None:
    """End the command with exit code 1 where a verdict is as bad as ``level`` says."""
    crossed = [one for one in verdicts if level is not None and one.level in FAILING[level]]
    if crossed:
        say(f"Failed (--fail-on {level}): {crossed[0].headline}")
        raise typer.Exit(CROSSED)


def _write_tables(result: "HasSections", folder: Path) -> None:
    chapter = ""
    for section in result.sections():
        if section.chapter:
            chapter = f"{section.title} "
        if section.table is not None:
            words = f"{chapter}{section.title}".lower()
            name = "".join(letter if letter.isalnum() else " " for letter in words)
            _write_table(section.table, folder / "-".join(name.split()))
    say(f"Tables: {folder}")


def _write_table(table: "Table", stem: Path) -> None:
    for suffix in (".txt", ".md", ".csv", ".tex"):
        table.save(stem.with_suffix(suffix))
