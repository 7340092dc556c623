"""The Typer application: gathers the command files and turns errors into one sentence and an exit code."""

import importlib
import sys
from typing import Annotated

import typer

from likewise import __version__
from likewise.errors import InterruptedWork, LikewiseError

# Each of these modules has `register(app)`, which adds its commands; none imports torch at its top.
COMMAND_FILES = (
    "demo",
    "data",
    "render",
    "masks",
    "train",
    "evaluate",
    "models",
    "search",
    "explain",
    "audit",
    "audit_agreement",
    "audit_properties",
    "audit_faithfulness",
    "report",
)

app = typer.Typer(
    name="likewise",
    help="Train, search, explain and audit image similarity models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"likewise {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
) -> None:
    pass


for _name in COMMAND_FILES:
    importlib.import_module(f"likewise.cli.{_name}").register(app)


def main() -> None:
    """Run the command line: exit 0 done, 1 failed while working, 2 wrong input, 130 interrupted."""
    try:
        app(standalone_mode=True)
    except InterruptedWork as stop:
        _stop(str(stop), stop.exit_code)
    except LikewiseError as error:
        _stop(str(error), error.exit_code)
    except KeyboardInterrupt:
        _stop("Interrupted; what was written is whole.", InterruptedWork.exit_code)


def _stop(message: str, code: int) -> None:
    sys.stderr.write(f"likewise: {message}\n")
    sys.exit(code)
