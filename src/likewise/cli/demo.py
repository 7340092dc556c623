"""``likewise demo``."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.console import print_json, print_table, say
from likewise.cli.option_checks import input_file
from likewise.cli.options import AsJson
from likewise.cli.output_checks import check_folder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    photos: Annotated[
        Path | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Folder of photos (flat, or with one folder per class) or catalog. Default: rendered samples.",
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for everything the demo makes.")] = Path(
        "demo"
    ),
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=input_file("weights file"),
            help="Local weights of EfficientNet-Lite0 to search with. Default: those on this machine, else the "
            "network likewise:small.",
        ),
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Also train on your photos.")] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Number of epochs per training. Default: chosen by the demo.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search, explain and audit in two minutes, on rendered samples or your own photos, and write an HTML page.

    Example: `likewise demo photos/ --out demo`
    """
    check_folder("--out", out)
    from likewise.demo import EPOCHS, run_demo

    result = run_demo(photos, out, weights=weights, train=train, epochs=epochs or EPOCHS, say=say)
    if as_json:
        print_json(result.to_dict())
        return
    print_table(
        ["", "", ""],
        [(verdict.number, verdict.headline, verdict.sentence) for verdict in result.report.verdicts],
    )
    steps = "\n".join(f"  {step}" for step in result.next_steps)
    say(f"\nOpen {result.page.resolve()} in a browser. Next steps with your own photos:\n{steps}")
    say(f"Search page and API over this index:  likewise serve {shlex.quote(str(out / 'index'))}")
