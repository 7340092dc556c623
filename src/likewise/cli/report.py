"""``likewise report``: renders saved results as one page."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.console import print_text, say
from likewise.cli.output_checks import REPORTS, check_file


def register(app: typer.Typer) -> None:
    """Add ``report`` to ``app``."""
    app.command("report")(report_page)


def report_page(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT",
            help="Folders of runs or sweeps, or folders that an --out without an ending wrote.",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write: .html (one page with its images), .md or .txt. Default: print as text.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page if there are several results.")] = "Results",
) -> None:
    """Make one page of several results, which can be sent by mail and opened anywhere.

    Example: `likewise report runs/birds audits/background --out birds.html`
    """
    check_file("--out", out, REPORTS)
    from likewise.report import Report, kept_report

    reports = [kept_report(path) for path in results]
    report = reports[0] if len(reports) == 1 else Report.joined(title, reports)
    if out is None:
        print_text(report.to_text())
        return
    report.save(out)
    say(f"Wrote {out}.")
