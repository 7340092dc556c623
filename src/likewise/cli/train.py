"""``likewise train`` and ``likewise presets``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.completion import complete_preset
from likewise.cli.console import print_json, print_pairs, print_table, print_text, say, written_after
from likewise.cli.options import AsJson
from likewise.errors import UNFINISHED, ConfigError
from likewise.extensions import resume_command
from likewise.printable import counted

if TYPE_CHECKING:
    from likewise.training import Sweep

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        "-o",
        metavar="KEY=VALUE",
        help="Setting to change, for instance optimizer.lr_head=1e-3. Repeatable.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(train)
    app.command()(presets)


def train(
    experiment: Annotated[
        str | None,
        typer.Argument(
            help="Preset (see `likewise presets`) or YAML file.",
            metavar="PRESET|FILE",
            autocompletion=complete_preset,
        ),
    ] = None,
    *,
    override: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run. Default: runs/NAME-seedSEED, or sweeps/NAME."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of an interrupted run or sweep to resume.")
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="losses",
            help="Sweep to train: all losses of the study and the untrained reference, on every fold. PRESET is then a "
            "data set (protocol of Reality Check), or a pattern with * for the loss, such as 'catalog/*'.",
        ),
    ] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Loss to train in a sweep, or one of your own as package.module:Name. Repeatable. Default: all.",
        ),
    ] = None,
    fold: Annotated[
        list[int] | None,
        typer.Option(metavar="NUMBER", help="Fold to train in a sweep, from 0. Repeatable. Default: all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a similarity model, and print its best validation scores and where it is saved.

    The presets catalog/* choose batch size, dimension, folds and epochs from the number of classes and images, unless
    set with -o. At the end, the trained model is compared with the untrained backbone. The run keeps the better one.

    Example:  likewise train catalog/proxy_anchor -o data.catalog=birds.parquet --out runs/birds

    A loss of your own:  likewise train catalog/my_losses:MyLoss -o data.catalog=birds.parquet

    Every loss:  likewise train 'catalog/*' --sweep losses -o data.catalog=birds.parquet --out sweeps/birds
    """
    from likewise.report import write_pages
    from likewise.training import compared_table, is_sweep
    from likewise.training import train as run_training

    if sweep is not None or (resume is not None and is_sweep(resume)):
        _sweep(experiment, override or [], out, resume, (sweep, loss, fold), as_json)
        return
    if loss or fold:
        raise ConfigError("--loss and --fold belong to a sweep: add  --sweep losses.")
    run = run_training(experiment, override or [], out=out, resume=resume)
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return  # one of several processes: only the first prints
    page, _ = write_pages(run)
    result, comparison = {"run": str(run.folder), **run.best()}, run.result
    if as_json:
        outcome = {key: comparison.get(key) for key in ("kept", "helped", "headline", "advice", "scores")}
        print_json({**result, **outcome})
    else:
        which = "the untrained backbone" if comparison.get("kept") == "backbone" else "the trained model"
        compared = compared_table(comparison)
        if compared is None:
            print_pairs({**_for_readers(result), "model of the run": which}, "Trained")
        else:
            print_text(compared.to("text"))
            print_pairs({"run": str(run.folder), "epochs": result["epochs"], "model of the run": which})
        say(f"Curves and settings: {page}")
    if run.skipped.is_file():
        say(f"Some images could not be read and were skipped: {run.skipped}")


def _sweep(  # noqa: PLR0917 - arguments of the command
    presets: str | None,
    override: list[str],
    out: Path | None,
    resume: Path | None,
    chosen: tuple[str | None, list[str] | None, list[int] | None],
    as_json: bool,
) -> None:
    from likewise.training import resume_sweep
    from likewise.training import sweep as run_sweep

    sweep, losses, folds = chosen
    if resume is not None:
        if presets is not None or override or any(chosen):
            raise ConfigError(f"--resume takes everything from {resume}: leave the rest out.")
        done = resume_sweep(resume)
    else:
        if sweep != "losses":
            raise ConfigError(f"There is no sweep over {sweep!r}: write  --sweep losses.")
        if presets is None:
            raise ConfigError(
                "Name what the sweep trains: a data set such as cub200, or presets such as 'catalog/*'."
            )
        folder = out or Path("sweeps") / presets.replace("*", "losses").replace("/", "-")
        done = run_sweep(presets, override, out=folder, losses=losses or None, folds=folds or None)
    _show_sweep(done, as_json)


def _show_sweep(done: "Sweep", as_json: bool) -> None:
    folder = done.plan.folder
    if done.finished:
        results = done.results()

        def write() -> None:
            paths = results.save(folder)
            if not as_json:
                say(f"Report: {paths[-1]}; tables: {folder}/results.*")

        with written_after(write):
            if as_json:
                print_json({"sweep": str(folder), **results.to_dict(), "failed": done.failed})
            else:
                print_text(results.table().to("text"))
    if done.elsewhere:
        say(f"Another process is working on: {'; '.join(done.elsewhere)}.")
    if done.failed:
        for run, reason in done.failed.items():
            say(f"{run}: {reason}")
        say(f"{counted(len(done.failed), 'run')} failed; try again with:  {resume_command(folder)}")
        raise typer.Exit(UNFINISHED)


def presets(
    show: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET",
            help="Preset to show, or a pattern such as 'cub200/*'.",
            autocompletion=complete_preset,
        ),
    ] = None,
    override: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """List the presets, or show all settings of one as YAML that `likewise train` reads.

    Example:  likewise presets cub200/arcface/bgaugment > mine.yaml
    """
    from likewise.training import preset_description, preset_groups, preset_names, resolve
    from likewise.training.overrides import trust_references

    trust_references([*(override or []), *([show] if show else [])])
    names = preset_names(show or "*")
    if show is not None and (not names or names == [show]):
        experiment = resolve(show, override or [])
        if as_json:
            print_json(experiment.model_dump(mode="json"))
        else:
            print_text(experiment.to_yaml())
        return
    if override:
        raise ConfigError("-o changes the values of one preset: name one, without *.")
    if as_json:
        print_json([{"name": name, "description": preset_description(name)} for name in names])
    elif show is None:
        groups = [
            (f"{data}/LOSS", count, words, f"likewise presets '{data}/*'")
            for data, count, words in preset_groups()
        ]
        print_table(["presets", "number", "for", "list them with"], groups)
        say("All values of one:  likewise presets catalog/multi_similarity")
    else:
        print_table(["preset", "what it is"], [(name, preset_description(name)) for name in names])


def _for_readers(result: dict[str, Any]) -> dict[str, Any]:
    """The result with metrics as people read them: ``original/map@r`` of 0.31 is MAP@R 31.0 %."""
    from likewise.results import condition_metric_name, percent

    return {
        condition_metric_name(name) if "/" in name else name.replace("_", " "):
        percent(value) if "/" in name and isinstance(value, float) else value
        for name, value in result.items()
    }  # fmt: skip
