"""Output of commands: results (tables, text or JSON) on stdout, everything else on stderr.

Printed text is escaped: labels, file names and messages may contain markup, control characters or characters that the
terminal's encoding lacks; none of them takes effect or ends the command.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from likewise import starting
from likewise.errors import UNFINISHED, WorkError
from likewise.json_text import json_text
from likewise.printable import inert, one_line, shortened

if TYPE_CHECKING:
    from likewise.data import Failure

_UNLIMITED = 100_000  # columns of an output that is not a terminal


class ReaderGone(WorkError):  # noqa: N818 - a wish of the reader, not an error
    """The reader of the output has closed it (``| head``)."""


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    text = json_text(value)
    _write(text if _can_hold(text) else json_text(value, ascii_only=True))


def print_text(text: str) -> None:
    """Print finished text (a report, YAML) on stdout, ending with a newline."""
    _write(inert(text).rstrip("\n") + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """Print a table on stdout; numbers are aligned to the right."""
    terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(columns):
        numeric = all(isinstance(row[position], Real) for row in rows) and bool(rows)
        table.add_column(
            Text(one_line(str(name))), justify="right" if numeric else "left", overflow="fold",
            no_wrap=not terminal,
        )  # fmt: skip
    for row in rows:
        table.add_row(*[Text(one_line(shortened(_cell(value)))) for value in row])
    drawn = io.StringIO()
    Console(
        file=drawn, force_terminal=terminal, width=None if terminal else _UNLIMITED, highlight=False
    ).print(table)
    text = drawn.getvalue()
    if title is not None:
        text = f"{one_line(title)}\n{text}"
    _write(text if terminal else "".join(f"{line.rstrip()}\n" for line in text.splitlines()))


@contextmanager
def written_after(write: Callable[[], object]) -> Iterator[None]:
    """Print a result in the block; ``write`` its files afterwards.

    The printed result survives a full disk, and the files are written although the reader of the output is gone.
    """
    try:
        yield
    except WorkError:  # the result could not be printed, or its reader has seen enough
        write()
        raise
    write()


def print_pairs(pairs: Mapping[str, Any], title: str | None = None) -> None:
    """Print names and values, one per line, on stdout."""
    print_table(["", ""], [(name, value) for name, value in pairs.items()], title)


def failures_json(failures: "Sequence[Failure]") -> list[dict[str, str]]:
    """Failed items, for :func:`print_json`."""
    return [{"id": failure.id, "reason": failure.reason} for failure in failures]


class Repeatable(Protocol):
    """Counts of a resumable command."""

    @property
    def new(self) -> int:
        """Results that no earlier run had."""

    @property
    def renewed(self) -> int:
        """Results made again, because the image has changed since."""

    @property
    def reused(self) -> int:
        """Results of an earlier run."""


def repeated_json(result: Repeatable) -> dict[str, int]:
    """Counts of new, renewed and reused results, for :func:`print_json`."""
    return {"new": result.new, "renewed": result.renewed, "kept": result.reused}


def say_repeated(result: Repeatable) -> None:
    """Print to stderr how many results are new, unless all are."""
    if result.renewed or result.reused:
        say(f"{result.new} new, {result.renewed} renewed (image changed since), {result.reused} kept.")


def end_with(failures: "Sequence[Failure]") -> None:
    """List what failed on stderr and end the command with exit code 3; do nothing where nothing failed."""
    if not failures:
        return
    from likewise.jobs import failures_table

    columns, rows = failures_table(failures)
    for row in [columns, *rows]:
        say("  ".join(row))
    raise typer.Exit(UNFINISHED)


def say(message: str) -> None:
    """Print a message to stderr, apart from the result."""
    starting.finished()
    sys.stderr.write(inert(message) + "\n")
    sys.stderr.flush()


def prepare_streams() -> None:
    """Make stdout and stderr safe to write to, before the command starts.

    A character that the encoding lacks is written as its code. A closed stream is replaced by the null device, so that
    no file opened later gets its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until the end
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Discard what is left in stdout's buffer, so that Python's last flush cannot fail."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(text: str) -> None:
    starting.finished()
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone("The reader of the output has closed it.") from error
    except OSError as error:
        raise WorkError(
            f"Writing the result to standard output failed ({error.strerror or error}): print it elsewhere."
        ) from error


def _can_hold(text: str) -> bool:
    """Whether stdout can encode all characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _cell(value: Any) -> str:
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value):z.4f}"
    return "" if value is None else str(value)
