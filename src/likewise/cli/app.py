"""The Typer application: gathers the command files and turns errors into one sentence and an exit code."""

import errno
import importlib
import sys
import traceback
import warnings
from typing import Annotated

import typer

from likewise import __version__, starting
from likewise.cli.command_order import OrderedCommands, set_panels
from likewise.cli.console import ReaderGone, discard_output, prepare_streams
from likewise.cli.interrupts import interrupts_reach_main
from likewise.cli.option_checks import check_values, inputs_first, require_inputs, spare_inputs
from likewise.errors import INTERRUPTED, UNFINISHED, WRONG_INPUT, LikewiseError
from likewise.extensions import trust
from likewise.printable import inert

# Each of these modules has `register(app)`, which adds its commands; none imports torch at its top.
COMMAND_FILES = (
    "demo",
    "doctor",
    "help",
    "data",
    "data_curation",
    "data_map",
    "render",
    "masks",
    "index",
    "search",
    "models",
    "model_info",
    "evaluate",
    "explain",
    "check",
    "audit",
    "audit_agreement",
    "audit_properties",
    "audit_faithfulness",
    "audit_robustness",
    "audit_run",
    "train",
    "fit",
    "report",
    "serve",
    "keys",
)

_INTERRUPTED = "Interrupted; all written files are complete."

app = typer.Typer(
    name="likewise",
    cls=OrderedCommands,
    help="Train, search, explain and audit image similarity models.",
    epilog="Start with `likewise index build timm:tf_efficientnet_lite0.in1k photos --out photos.index`, then "
    "`likewise search photos.index query.jpg`. Exit codes: 0 done, 1 a threshold was crossed, 2 wrong input, "
    "3 not finished (or not for every image), 130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"likewise {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001 - its callback shows it
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    code: Annotated[
        list[str] | None,
        typer.Option(
            "--trust",
            metavar="MODULE:NAME",
            help="Code of your own that a Run or a file may name and run, for instance my_losses:MyLoss. Repeatable.",
        ),
    ] = None,
) -> None:
    for reference in code or ():
        trust(reference)


for _name in COMMAND_FILES:
    importlib.import_module(f"likewise.cli.{_name}").register(app)
set_panels(app)
check_values(app)
spare_inputs(app)
require_inputs(app)


def main() -> None:
    """Run the command line and exit with one of the codes of :mod:`likewise.errors`."""
    prepare_streams()
    starting.enable()
    try:
        with interrupts_reach_main(), inputs_first():
            code = _run()
        starting.finished()
        discard_output()
    except KeyboardInterrupt:  # another one, while the first ends the command
        code = INTERRUPTED
    sys.exit(code)


def _run() -> int:  # noqa: PLR0911 - one return per kind of end
    """The exit code of the command; an error is printed as one sentence on stderr."""
    # What Pillow finds in the metadata of a photo (a damaged EXIF block) does not concern its pixels.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        app(standalone_mode=True)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # before the command began, or after it ended
            return _stop(_INTERRUPTED, INTERRUPTED)
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else WRONG_INPUT
    except ReaderGone as gone:
        return gone.exit_code
    except LikewiseError as error:
        # Notes hold what another process said, such as a worker of Ray.
        return _stop("\n".join([str(error), *getattr(error, "__notes__", [])]), error.exit_code)
    except KeyboardInterrupt:
        return _stop(_INTERRUPTED, INTERRUPTED)
    except UnicodeEncodeError as error:
        return _stop(
            f"The locale's encoding {error.encoding} has no character for {error.object!r}: set PYTHONUTF8=1, or "
            "LANG to a UTF-8 locale.",
            WRONG_INPUT,
        )
    except OSError as error:
        if error.errno is None:
            return _unexpected(error)
        if error.errno == errno.ENAMETOOLONG:
            name = str(error.filename or "")
            return _stop(
                f"The name {name[:40]!r}... is longer than a file name may be: shorten it.", WRONG_INPUT
            )
        place = f": {error.filename}" if error.filename else ""
        return _stop(f"{error.strerror}{place}. Files written before are complete.", UNFINISHED)
    except Exception as error:
        return _out_of_memory(error) or _unexpected(error)
    return 0


def _out_of_memory(error: Exception) -> int | None:
    """The exit code where memory ran out, on the GPU or in the machine."""
    if not isinstance(error, MemoryError) and type(error).__name__ != "OutOfMemoryError":
        return None
    return _stop(
        "Memory ran out: lower --batch-size, or choose another --device where the command has one.",
        UNFINISHED,
    )


def _unexpected(error: Exception) -> int:
    starting.finished()
    sys.stderr.write(inert("".join(traceback.format_exception(error))))
    return _stop("This is a fault of likewise: please report it with the text above.", UNFINISHED)


def _stop(message: str, code: int) -> int:
    starting.finished()
    sys.stderr.write(inert(f"likewise: {message}") + "\n")
    return code
