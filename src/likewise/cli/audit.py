"""``likewise audit``: what a model really looks at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.console import print_json, say
from likewise.cli.models import ModelName, Prepared, Weights
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from likewise.audit import Training
    from likewise.explain import SaliencyStore
    from likewise.models import SimilarityModel
    from likewise.report import HasSections, Table

audit_app = typer.Typer(
    name="audit",
    help="Measure what a model looks at: background, properties, agreement with other models.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

CatalogFile = Annotated[Path, typer.Argument(metavar="CATALOG", help="A .parquet or .csv catalog.")]
Split = Annotated[str | None, typer.Option(help="Only this split.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1... [default: the first GPU]")]
Page = Annotated[
    Path | None,
    typer.Option(help="Report to write: .html, .md, .txt, or a folder to keep it for `likewise report`."),
]
Tables = Annotated[
    Path | None, typer.Option(help="Folder for the tables as .txt, .md, .csv and .tex.", metavar="FOLDER")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


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
    compare: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help="Another model, side by side; repeat for more.")
    ] = None,
    split: Split = None,
    repeats: Annotated[int, typer.Option(min=1, help="Draws of backgrounds.")] = 5,
    compositing: Annotated[
        str, typer.Option(help="published, or clean: old colours taken out of soft edges.")
    ] = "published",
    attention: Annotated[
        int | None,
        typer.Option(min=0, help="Images with an attention score. [default: all on a GPU, else 60]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images in one forward pass.")] = 64,
    out: Page = None,
    tables: Tables = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Does the background decide what the model finds similar? Needs object masks (`likewise masks`).

    Example: `likewise audit background runs/birds birds-masked.parquet --split test --backgrounds photos --out bg.html`
    """
    from likewise.audit import BackgroundComparison, saliency_figure
    from likewise.audit import background as audit_background
    from likewise.data import Catalog
    from likewise.explain import SaliencySettings

    check_out(out)
    chosen = Catalog.read(catalog).select(split=split)
    models = named_models([model, *(compare or [])], weights, device, preprocessing)
    audits = [
        audit_background(
            one, chosen, backgrounds, repeats, compositing=cast("Any", compositing), attention_images=attention,
            seed=seed, batch_size=batch_size, progress=True,
        )
        for one in models
    ]  # fmt: skip
    if len(audits) == 1:
        show(audits[0], "Does the background decide?", [models[0].name, str(catalog)], out, tables, as_json)
        return
    figure = None
    if attention != 0 and all(one.differentiable for one in models):
        shown = audits[0].evaluation.catalog
        rows = [number * len(shown) // 4 for number in range(4)]
        figure = saliency_figure(models, shown, rows, SaliencySettings())
    names = [one.name for one in models]
    show(
        BackgroundComparison(audits, figure),
        "Which model depends on the background?",
        [*names, str(catalog)],
        out,
        tables,
        as_json,
    )


@audit_app.command("agreement")
def agreement(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Two or more models, or saliency stores, or one sweep (`likewise train --sweep`).",
        ),
    ],
    *,
    catalog: Annotated[
        Path | None, typer.Option(help="Images; with stores alone only the pictures need it.")
    ] = None,
    stores: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where saliency stores of models are kept. [default for a sweep: its saliency/]",
        ),
    ] = None,
    training_of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Name of each model, in order; those of one name are trainings of one model."
        ),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Group of each model, in order; groups are tested.")
    ] = None,
    random_weights: Annotated[
        bool, typer.Option(help="Compare with the first model's network without its weights, too.")
    ] = True,
    other_noise: Annotated[
        bool, typer.Option(help="Compare the first model with itself under other noise, too.")
    ] = True,
    split: Split = None,
    images: Annotated[int | None, typer.Option(min=1, help="Only so many images, drawn by --seed.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Noisy copies of each image (published: 50).")] = 50,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows (images x copies) in one pass.")] = 32,
    amp: Annotated[bool, typer.Option("--amp", help="bfloat16: faster on a GPU.")] = False,
    seed: Annotated[int, typer.Option(help="Of the noise and of --images.")] = 0,
    out: Page = None,
    tables: Tables = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Do models look at the same places? Compares their saliency maps, image by image.

    Examples: `likewise audit agreement runs/a runs/b --catalog birds.parquet --stores maps --out agreement.html` ;
    `likewise audit agreement sweeps/birds --catalog birds.parquet --split test --images 60 --out agreement.html`
    """
    from likewise.audit import agreement as audit_agreement
    from likewise.audit import agreement_of_stores, agreement_of_sweep
    from likewise.data import Catalog, draw_rows
    from likewise.explain import SaliencySettings, SaliencyStore
    from likewise.training import is_sweep

    check_out(out)
    chosen = None if catalog is None else Catalog.read(catalog).select(split=split)
    if chosen is not None and images is not None:
        chosen = draw_rows(chosen, images, seed)
    settings = SaliencySettings(samples=samples, seed=seed)
    made: dict[str, Any] = {
        "settings": settings,
        "other_noise": other_noise,
        "batch_size": batch_size,
        "amp": amp,
        "progress": True,
    }
    kept = [(Path(name) / "saliency.json").is_file() for name in models]
    if all(kept):
        opened = [SaliencyStore.open(name) for name in models]
        names = _short_names(opened)
        found = agreement_of_stores(
            dict(zip(names, opened, strict=True)), chosen, progress=True,
            trainings=_trainings(names, training_of), groups=_groups(training_of or names, group),
        )  # fmt: skip
    elif chosen is not None and len(models) == 1 and is_sweep(models[0]):
        if group or training_of:
            raise ConfigError(
                "A sweep knows its losses and their kinds: leave --group and --training-of out."
            )
        folder = stores or Path(models[0]) / "saliency"
        found = agreement_of_sweep(models[0], chosen, folder, random_weights=random_weights, **made)
    elif any(kept) or chosen is None or stores is None:
        raise ConfigError(
            "Give saliency stores alone, or models with --catalog and a folder for their maps (--stores)."
        )
    else:
        loaded = named_models(models, weights, device, preprocessing)
        names = [model.name for model in loaded]
        found = audit_agreement(
            loaded, chosen, stores, trainings=_trainings(names, training_of),
            groups=_groups(training_of or names, group),
            random_weights=random_weights and loaded[0].spec is not None, **made,
        )  # fmt: skip
    show(found, "Do the models look at the same places?", [*models, str(catalog)], out, tables, as_json)


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


def check_out(out: Path | None) -> None:
    """Refuse a report's name before the hours of work, not behind them."""
    if out is not None and out.suffix not in ("", ".html", ".md", ".txt"):
        raise ConfigError(f"--out writes .html, .md, .txt or a folder, not {out.name!r}: change the ending.")


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
        typer.echo(report.to_text())


def _write_table(table: "Table", stem: Path) -> None:
    for suffix in (".txt", ".md", ".csv", ".tex"):
        table.save(stem.with_suffix(suffix))


def _short_names(stores: "Sequence[SaliencyStore]") -> list[str]:
    """What tells the stores apart: their models' names, or the folders' names, or the folders."""
    for names in ([Path(store.model_name).name for store in stores], [store.folder.name for store in stores]):
        if len(set(names)) == len(names):
            return names
    return [str(store.folder) for store in stores]


def _trainings(names: "Sequence[str]", models: "Sequence[str] | None") -> "dict[str, Training] | None":
    from likewise.audit import Training

    if not models:
        return None
    if len(models) != len(names):
        raise ConfigError(
            f"There are {len(models)} names (--training-of) for {len(names)} models: give one for each."
        )
    seen = [models[: row + 1].count(name) for row, name in enumerate(models)]
    pairs = zip(names, models, seen, strict=True)
    return {name: Training(model, f"training {number}") for name, model, number in pairs}


def _groups(models: "Sequence[str]", group: "Sequence[str] | None") -> dict[str, str] | None:
    if not group:
        return None
    if len(group) != len(models):
        raise ConfigError(
            f"There are {len(group)} groups for {len(models)} models: give one --group for each."
        )
    return dict(zip(models, group, strict=True))
