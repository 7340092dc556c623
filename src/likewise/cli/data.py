"""``likewise data``: from files to catalogs, what is wrong with one, cross-validation folds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.console import print_json, print_table, say
from likewise.cli.options import AsJson, CatalogFile
from likewise.errors import ConfigError

data_app = typer.Typer(
    name="data",
    help="Make, check and split catalogs of images.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add ``data`` to ``app``."""
    app.add_typer(data_app, name="data")


@data_app.command("prepare")
def prepare_catalog(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cub200, cars196, sop, folder or csv.")],
    *,
    source: Annotated[Path, typer.Option(help="Folder of the data set (for csv: the table).")],
    out: Annotated[
        Path | None, typer.Option(help="Catalog to write, at or above the images. [default: in their folder]")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="half: first half of the classes trains; background-bias: half, its last quarter for validation; "
            "folders: train/, val/, test/ above the class folders; none. [default: half, where there are labels]"
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Get the official files into SOURCE first.")
    ] = False,
    images: Annotated[Path | None, typer.Option(help="csv: folder its paths are relative to.")] = None,
    path_column: Annotated[str, typer.Option(help="csv: column of image paths.")] = "path",
    label_column: Annotated[str, typer.Option(help="csv: column of class names.")] = "label",
    as_json: AsJson = False,
) -> None:
    """Make a catalog of a published benchmark, of your own folder of images, or of your own table.

    Examples: `likewise data prepare folder --source photos --out photos.parquet` ;
    `likewise data prepare cub200 --source CUB --download --split background-bias --out cub.parquet`
    """
    from likewise.data.preparing import prepare, prepare_table

    if name == "csv":
        if download:
            raise ConfigError("A table of your own cannot be downloaded: leave out --download.")
        prepared = prepare_table(
            source, split, images=images, path_column=path_column, label_column=label_column
        )
    else:
        prepared = prepare(name, source, split, download=download, progress=True)
    catalog = prepared.catalog
    target = catalog.root / "catalog.parquet" if out is None else out
    catalog.write(target)
    for note in prepared.notes:
        say(note)
    groups = catalog.table.groupby("split")["label"]
    rows = [(str(split), len(labels), int(labels.nunique())) for split, labels in groups]
    if as_json:
        splits = {split: {"images": images, "classes": classes} for split, images, classes in rows}
        print_json(
            {"catalog": str(target), "images": len(catalog), "splits": splits, "notes": prepared.notes}
        )
        return
    print_table(["split", "images", "classes"], [(split or "(none)", *numbers) for split, *numbers in rows])
    say(f"Wrote {target}; next:  likewise data check {target}")


@data_app.command("check")
def check_catalog(
    catalog: CatalogFile,
    split: Annotated[str | None, typer.Option(help="Check only this split.")] = None,
    decode: Annotated[
        bool,
        typer.Option("--decode/--no-decode", help="Decode each image and mask, or only look for the files."),
    ] = True,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode. [default: one a core]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for missing, broken and doubled images, classes that cannot be learned, and bad masks.

    Exit code 1 when training would suffer.

    Example: `likewise data check birds.parquet`
    """
    from likewise.data import Catalog
    from likewise.data.checking import check

    report = check(Catalog.read(catalog).select(split=split), decode=decode, workers=workers, progress=True)
    if as_json:
        print_json(report.as_dict())
    else:
        print_table(
            ["split", "images", "classes"],
            [(split or "(none)", size["images"], size["classes"]) for split, size in report.splits.items()],
        )
        if report.issues:
            print_table(
                ["", "issue", "count", "for example", "meaning"], [_issue_row(i) for i in report.issues]
            )
        else:
            say("Nothing wrong was found.")
    if not report.ok:
        raise typer.Exit(1)


@data_app.command("fold")
def fold_catalog(
    catalog: CatalogFile,
    folds: Annotated[int, typer.Option(min=2, help="How many folds.")] = 4,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the catalogs. [default: that of CATALOG]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cross-validation: one catalog a fold, each holding out other training classes as val; test stays.

    Example: `likewise data fold cub.parquet --folds 4`
    """
    from likewise.data import Catalog
    from likewise.data.splits import with_fold

    whole = Catalog.read(catalog)
    folder = catalog.parent if out is None else out
    divided = [with_fold(whole, number, folds) for number in range(folds)]
    rows = []
    for number, part in enumerate(divided):
        target = folder / f"{catalog.stem}-fold{number}{catalog.suffix}"
        part.write(target)
        classes = part.table.groupby("split")["label"].nunique()
        rows.append((str(target), *[int(classes.get(role, 0)) for role in ("train", "val", "test")]))
    names = ["catalog", "train classes", "val classes", "test classes"]
    if as_json:
        print_json([dict(zip([name.replace(" ", "_") for name in names], row, strict=True)) for row in rows])
    else:
        print_table(names, rows)


def _issue_row(issue: Any) -> tuple[str, str, int, str, str]:
    more = " ..." if len(issue.ids) > _SHOWN else ""
    return issue.severity, issue.kind, len(issue.ids), ", ".join(issue.ids[:_SHOWN]) + more, issue.words
