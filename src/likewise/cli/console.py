"""How commands print: results (tables or JSON) on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from likewise.data import Failure


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """Print a table on stdout; numbers are aligned to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(columns):
        numeric = all(isinstance(row[position], int | float) for row in rows) and bool(rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    Console(file=sys.stdout, soft_wrap=not sys.stdout.isatty()).print(table)


def print_pairs(pairs: Mapping[str, Any], title: str | None = None) -> None:
    """Print names and values, one a line, on stdout."""
    print_table(["", ""], [(name, value) for name, value in pairs.items()], title)


def failures_json(failures: "Sequence[Failure]") -> list[dict[str, str]]:
    """What failed, for :func:`print_json`."""
    return [{"id": failure.id, "reason": failure.reason} for failure in failures]


def end_with(failures: "Sequence[Failure]", as_json: bool) -> None:
    """End the command: with exit code 1 and, unless JSON told it, a table where something failed."""
    if not failures:
        return
    if not as_json:
        from likewise.jobs import failures_table

        print_table(*failures_table(failures))
    raise typer.Exit(1)


def say(message: str) -> None:
    """Tell the user something that is not the result: on stderr."""
    sys.stderr.write(message + "\n")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)
