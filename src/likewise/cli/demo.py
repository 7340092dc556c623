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
            help="Folder of photos, one folder per class or flat, or a catalog. [default: rendered samples]"
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Local weights of EfficientNet-Lite0 to search with. [default: see the first line it prints]"
        ),
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Also train on your photos.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of each training.")] = None,
    as_json: AsJson = False,
) -> None:
    """Search, explain and audit in two minutes, on rendered samples or your own photos; ends with an HTML page.

    Example: `likewise demo --data photos/ --out demo`
    """
    check_folder("--out", out)
    from likewise.demo import EPOCHS, run_demo

    result = run_demo(data, out, weights=weights, train=train, epochs=epochs or EPOCHS, say=say)
    if as_json:
        print_json(result.to_dict())
        return
    print_table(
        ["", "", ""],
        [(verdict.number, verdict.headline, verdict.sentence) for verdict in result.report.verdicts],
    )
    steps = "\n".join(f"  {step}" for step in result.next_steps)
    say(f"\nOpen {result.page.resolve()} in a browser. Next, with your own photos:\n{steps}")
