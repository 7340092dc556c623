"""Order and panels of the commands in ``likewise --help``: the order of the work, from photos to a shared model."""

from typing import Any

import typer
import typer.core

from likewise import starting
from likewise.errors import InterruptedWork
from likewise.printable import shortened

PANELS: dict[str, tuple[str, ...]] = {
    "Start": ("demo", "doctor", "help", "models"),
    "Prepare": ("data", "masks"),
    "Search": ("index", "search", "embed", "calibrate"),
    "Evaluate": ("check", "eval"),
    "Explain and audit": ("explain", "saliency", "audit"),
    "Train": ("presets", "train", "fit"),
    "Share": ("serve", "keys", "report", "export", "import"),
}
_OTHERS = "More"
_UsageError: Any = typer.BadParameter.__base__  # Click's; recent Typer has a copy of its own
# Commands that load neither torch nor a model.
QUICK = ("doctor", "help", "presets", "data", "keys")
_ORDER = [name for names in PANELS.values() for name in names]


class OrderedCommands(typer.core.TyperGroup):
    """The command group of ``likewise``: lists commands in the order of the work."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, those of :data:`PANELS` first."""
        return sorted(super().list_commands(ctx), key=_position)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an interrupt becomes a sentence and exit code 130."""
        words = [*ctx._protected_args, *ctx.args]
        if words and words[0] not in QUICK and not {"--help", "-h"} & set(words):
            starting.announce("Loading libraries and the model ...")
        try:
            return super().invoke(ctx)
        except _UsageError as error:  # what Click says of an option
            error.message = shortened(error.message)
            raise
        except KeyboardInterrupt:
            raise InterruptedWork(
                "Interrupted. All written files are complete; run the same command again to resume."
            ) from None


def set_panels(app: typer.Typer) -> None:
    """Give every registered command its panel."""
    panel_of = {name: panel for panel, names in PANELS.items() for name in names}
    for command in app.registered_commands:
        command.rich_help_panel = panel_of.get(_command_name(command), _OTHERS)
    for group in app.registered_groups:
        group.rich_help_panel = panel_of.get(str(group.name), _OTHERS)


def _command_name(command: Any) -> str:
    return str(command.name or command.callback.__name__.replace("_", "-"))


def _position(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
