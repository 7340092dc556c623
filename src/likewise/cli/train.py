"""``likewise train`` and ``likewise presets``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.console import print_json, print_pairs, print_table, say

Overrides = Annotated[
    list[str] | None,
    typer.Option("--override", "-o", help="key=value, e.g. optimizer.lr_head=1e-3; repeatable."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(train)
    app.command()(presets)


def train(
    experiment: Annotated[
        str | None,
        typer.Argument(help="Preset (see `likewise presets`) or YAML file.", metavar="PRESET|FILE"),
    ] = None,
    override: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; default runs/NAME-seedSEED.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with an interrupted run.", metavar="RUN")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a similarity model; prints the best validation and where the model is.

    Example:  likewise train catalog/proxy_anchor -o data.catalog=birds.parquet --out runs/birds
    """
    from likewise.training import train as run_training
    from likewise.training import write_pages

    run = run_training(experiment, override or [], out=out, resume=resume)
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return  # one of several processes: the first speaks
    page, _ = write_pages(run)
    result = {"run": str(run.folder), **run.best()}
    if as_json:
        print_json(result)
    else:
        print_pairs(result, "Trained")
        say(f"Curves and settings: {page}")
    if run.skipped.is_file():
        say(f"Some images could not be read and were skipped: {run.skipped}")


def presets(
    show: Annotated[
        str | None, typer.Argument(help="A preset to show, or a pattern such as 'cub200/*'.")
    ] = None,
    override: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the presets, or show all values of one as YAML that `likewise train` takes.

    Example:  likewise presets cub200/arcface/bgaugment > mine.yaml
    """
    from likewise.training import about, preset_names, resolve

    names = preset_names(show or "*")
    if show is not None and (not names or names == [show]):
        experiment = resolve(show, override or [])
        if as_json:
            print_json(experiment.model_dump(mode="json"))
        else:
            typer.echo(experiment.to_yaml(), nl=False)
        return
    rows = [(name, about(name)) for name in names]
    if as_json:
        print_json([{"name": name, "about": words} for name, words in rows])
    else:
        print_table(["preset", "what it is"], rows)
