"""``likewise demo``."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.console import print_json, print_table, say
from likewise.cli.options import AsJson
from likewise.cli.targets import check_folder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Your own catalog, or a folder with one folder of photos a class; default: rendered samples."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 14,
    as_json: AsJson = False,
) -> None:
    """Train, search, test the background and explain, on a small set of images; ends with an HTML page.

    Example:  likewise demo --data photos/ --out demo
    """
    check_folder("--out", out)
    from likewise.demo import run_demo

    result = run_demo(data, out, epochs=epochs, say=say)
    rows = [score.as_json() for score in result.scores]
    if as_json:
        print_json(rows)
        return
    table = [
        (row["model"], condition, values["recall@1"], values["map@r"], row["gallery_size"])
        for row in rows for condition, values in row.items() if isinstance(values, dict)
    ]  # fmt: skip
    print_table(["model", "images shown", "recall@1", "map@r", "gallery"], table)
    say(f"\nOpen {result.page.resolve()} in a browser. Look at")
    say("  - the search sheets: neighbours with a tick show the same thing, those with a cross another;")
    say("  - 'Does the background decide?': how much is lost when only the background changes;")
    say("  - 'Why are two images similar?': which places of both images add to their similarity.")
