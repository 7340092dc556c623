"""``likewise audit``: what a model really looks at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import print_json, print_text, say
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Compared,
    Device,
    ModelName,
    Prepared,
    Root,
    Split,
    Weights,
)
from likewise.cli.targets import check_report, parts_beside
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from likewise.models import SimilarityModel
    from likewise.report import HasSections, Table

audit_app = typer.Typer(
    name="audit",
    help="Measure what a model looks at: background, properties, agreement with other models.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Page = Annotated[
    Path | None,
    typer.Option(help="Report to write: .html, .md, .txt, or a folder to keep it for `likewise report`."),
]
Tables = Annotated[
    Path | None, typer.Option(help="Folder for the tables as .txt, .md, .csv and .tex.", metavar="FOLDER")
]


def register(app: typer.Typer) -> None:
    """Add ``audit`` to ``app``."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("background")
def background(
    model: ModelName,
    catalog: CatalogFile,
    *,
    backgrounds: Annotated[
        Path, typer.Option(help="Folder of photos without an object, not those of the training.")
    ],
    compare: Compared = None,
    split: Split = None,
    root: Root = None,
    repeats: Annotated[int, typer.Option(min=1, help="Draws of backgrounds.")] = 5,
    compositing: Annotated[
        str, typer.Option(help="published, or clean: old colours taken out of soft edges.")
    ] = "published",
    attention: Annotated[
        int | None,
        typer.Option(min=0, help="Images with an attention score. [default: all on a GPU, else 60]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    batch_size: BatchSize = 64,
    out: Page = None,
    tables: Tables = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Does the background decide what the model finds similar? Needs object masks (`likewise masks`).

    Stopped, the same command goes on where it was (with --out).

    Example: `likewise audit background runs/birds birds-masked.parquet --split test --backgrounds photos --out bg.html`
    """
    from likewise.audit import BackgroundComparison, saliency_figure
    from likewise.audit import background as audit_background
    from likewise.explain import SaliencySettings

    check_report(out, tables)
    chosen = read_catalog(catalog, root, split=split)
    models = named_models([model, *(compare or [])], weights, device, preprocessing)
    names = [one.name for one in models]
    figure = None
    with parts_beside(out) as parts:
        audits = [
            audit_background(
                one, chosen, backgrounds, repeats, compositing=cast("Any", compositing), attention_images=attention,
                seed=seed, batch_size=batch_size, progress=True,
                parts=None if parts is None else parts / one.fingerprint[:16],
            )
            for one in models
        ]  # fmt: skip
        if len(audits) > 1 and attention != 0 and all(one.differentiable for one in models):
            shown = audits[0].evaluation.catalog
            rows = [number * len(shown) // 4 for number in range(4)]
            figure = saliency_figure(models, shown, rows, SaliencySettings())
        about = [*names, str(catalog)]
        if len(audits) == 1:
            show(audits[0], "Does the background decide?", about, out, tables, as_json)
        else:
            compared = BackgroundComparison(audits, figure)
            show(compared, "Which model depends on the background?", about, out, tables, as_json)


def named_models(
    names: "Sequence[str]", weights: Path | None, device: str | None, preprocessing: str | None
) -> "list[SimilarityModel]":
    """Load models; those that share a name are called what they were given as. Weights belong to the first."""
    from likewise.models import load

    loaded = [
        load(name, weights if number == 0 else None, device, preprocessing=preprocessing)
        for number, name in enumerate(names)
    ]
    if len({model.name for model in loaded}) < len(loaded):
        for model, name in zip(loaded, names, strict=True):
            model.name = name
    return loaded


def check_groups(groups: "Sequence[str] | None", models: "Sequence[object]") -> None:
    """Refuse groups that are not one for each model."""
    if groups and len(groups) != len(models):
        raise ConfigError(
            f"There are {len(groups)} groups for {len(models)} models: give one --group for each."
        )


def show(  # noqa: PLR0917 - called with all of them, in this order, by every audit
    result: "HasSections",
    title: str,
    about: list[str],
    out: Path | None,
    tables: Path | None,
    as_json: bool,
    more: "Any" = (),
) -> None:
    """Print a result, and write its page and tables."""
    from likewise.report import Report, save_report

    report = Report.of(title, result, *more, facts={"of": ", ".join(about)})
    if out is not None:
        if out.suffix:
            report.save(out)
        else:
            save_report(report, out)
        say(f"Report: {out}")
    if tables is not None:
        chapter = ""
        for section in result.sections():
            if section.chapter:
                chapter = f"{section.title} "
            if section.table is not None:
                words = f"{chapter}{section.title}".lower()
                name = "".join(letter if letter.isalnum() else " " for letter in words)
                _write_table(section.table, tables / "-".join(name.split()))
        say(f"Tables: {tables}")
    if as_json:
        print_json(cast("Any", result).to_dict())
    else:
        print_text(report.to_text())


def _write_table(table: "Table", stem: Path) -> None:
    for suffix in (".txt", ".md", ".csv", ".tex"):
        table.save(stem.with_suffix(suffix))
