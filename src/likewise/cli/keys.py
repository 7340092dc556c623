"""``likewise keys``: keys of the API."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli.console import print_json, print_table, print_text, say
from likewise.cli.options import AsJson

if TYPE_CHECKING:
    from likewise.serve.keys import KeyRing

keys_app = typer.Typer(
    name="keys", help="Make, list and revoke keys of `likewise serve`.", no_args_is_help=True,
    rich_markup_mode="markdown",
)  # fmt: skip

KeysFile = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="FILE",
        help="File of keys. Default: the file that LIKEWISE_KEYS names, else likewise/keys.json in the user's "
        "configuration folder.",
    ),
]
KeyName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the key, shown in the audit log.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(keys_app, name="keys")


@keys_app.command("new")
def new_key(
    name: KeyName,
    *,
    role: Annotated[
        str,
        typer.Option(
            metavar="read|write|admin",
            help="Role of the key: read searches, write also changes images and marks, admin also handles snapshots.",
        ),
    ] = "read",
    keys: KeysFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. It is stored as a hash and cannot be shown again.

    Example: `likewise keys new shop --role read`
    """
    ring = _ring(keys)
    key = ring.new(name, role)
    if as_json:
        print_json({"name": name, "role": role, "key": key, "file": str(ring.file)})
        return
    print_text(key)
    say(f"Keep it now: {ring.file} holds only its hash. Send it as  Authorization: Bearer KEY")


@keys_app.command("list")
def list_keys(*, keys: KeysFile = None, as_json: AsJson = False) -> None:
    """List the keys with their roles.

    Example: `likewise keys list`
    """
    stored = _ring(keys).keys()
    if as_json:
        print_json([{"name": key.name, "role": key.role, "created": key.created} for key in stored])
    else:
        print_table(["name", "role", "created"], [(key.name, key.role, key.created) for key in stored])


@keys_app.command("revoke")
def revoke_key(name: KeyName, *, keys: KeysFile = None) -> None:
    """Remove a key. Running servers refuse it from then on.

    Example: `likewise keys revoke shop`
    """
    ring = _ring(keys)
    ring.revoke(name)
    say(f"Removed {name} from {ring.file}.")


def _ring(keys: Path | None) -> "KeyRing":
    from likewise.serve.keys import KeyRing, keys_file

    return KeyRing(keys or keys_file())
