"""``likewise help``: the same as ``--help``, for those who type it first."""

from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("help")(show_help)


def show_help(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command to explain, for instance index build."),
    ] = None,
) -> None:
    """Show the help of likewise, or of one command.

    Example: `likewise help index build`
    """
    root = context.find_root()
    group: Any = root.command
    group.main(args=[*(command or []), "--help"], prog_name=root.info_name, standalone_mode=False)
