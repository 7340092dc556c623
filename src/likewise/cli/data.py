"""``likewise data``: make catalogs, check them, and divide them into cross-validation folds."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.bounds import MOST_WORKERS
from likewise.cli.catalogs import beside, read_catalog
from likewise.cli.console import print_json, print_table, say
from likewise.cli.options import AsJson, CatalogFile, Root, Split
from likewise.errors import CROSSED, UNFINISHED, ConfigError
from likewise.files import free_path

if TYPE_CHECKING:
    from likewise.data import Catalog

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
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help="Kind of data: folder, table, cub200, cars196 or sop."),
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Folder of the images or of the data set, or a table (.csv, .xlsx, .jsonl, .parquet).",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Catalog to write. Images that are not below its folder are named by absolute paths. Default: "
            "catalog.parquet in the folder of the images.",
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder that the written paths are relative to. Reading needs the same --root. Default: the folder of "
            "the catalog.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Way to split: half (the first half of the classes trains), background-bias (as half, with the last "
            "quarter of that half for validation), folders (train/, val/, test/ above the class folders) or none. "
            "Default: split folders or a column 'split' if there are any, else half from 12 classes on.",
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Download the official files to SOURCE first.")
    ] = False,
    image_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder that the paths of a table are relative to. Default: the table's folder.",
        ),
    ] = None,
    path_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of a table with the image paths.")
    ] = "path",
    label_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of a table with the class names, '' for none.")
    ] = "label",
    as_json: AsJson = False,
) -> None:
    """Make a catalog of your own folder of images, of your own table, or of a published benchmark.

    Examples: `likewise data prepare folder photos --out photos.parquet` ;
    `likewise data prepare cub200 CUB --download --split background-bias --out cub.parquet`
    """
    from likewise.data.preparing import TABLE, prepare, prepare_table

    if kind in TABLE:
        if download:
            raise ConfigError("A table of your own cannot be downloaded: leave out --download.")
        prepared = prepare_table(
            source, split, images=image_dir, path_column=path_column, label_column=label_column
        )
    else:
        prepared = prepare(kind, source, split, download=download, progress=True)
    catalog = prepared.catalog
    target = catalog.root / "catalog.parquet" if out is None else out
    catalog.write(target, root=root)
    notes = [*prepared.notes, *_note_on_paths(catalog, target, root)]
    for note in notes:
        say(note)
    groups = catalog.table.groupby("split")["label"]
    rows = [(str(split), len(labels), int(labels[labels != ""].nunique())) for split, labels in groups]
    if as_json:
        splits = {split: {"images": images, "classes": classes} for split, images, classes in rows}
        print_json({"catalog": str(target), "images": len(catalog), "splits": splits, "notes": notes})
        _end_if_unread(prepared.unread)
        return
    print_table(["split", "images", "classes"], [(split or "(none)", *numbers) for split, *numbers in rows])
    rooted = "" if root is None else f" --root {shlex.quote(str(root))}"
    file = shlex.quote(str(target)) + rooted
    index = shlex.quote(str(free_path(f"{target.stem}.index")))
    say(f"Wrote {target}; search it:  likewise index build MODEL {file} --out {index}")
    say(f"Look for broken images and copies:  likewise data check {file}")
    _end_if_unread(prepared.unread)


@data_app.command("check")
def check_catalog(
    catalog: CatalogFile,
    *,
    split: Split = None,
    root: Root = None,
    decode: Annotated[
        bool,
        typer.Option(
            "--decode/--no-decode", help="Decode every image and mask, not only look for the files."
        ),
    ] = True,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_WORKERS, help="Number of threads that decode images. Default: one per core."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find missing, broken and duplicate images, classes that cannot be learned, and bad masks.

    The exit code is 1 if an issue affects training or evaluation.

    Example: `likewise data check birds.parquet`
    """
    from likewise.data.checking import check

    report = check(read_catalog(catalog, root, split=split), decode=decode, workers=workers, progress=True)
    if as_json:
        print_json(report.to_dict())
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
            say("No issues found.")
    if not report.ok:
        raise typer.Exit(CROSSED)


@data_app.command("fold")
def fold_catalog(
    catalog: CatalogFile,
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 4,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write the catalogs to. Default: the folder of CATALOG."),
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Make one catalog per fold of a cross-validation. Each uses other training classes as val; test is unchanged.

    Example: `likewise data fold cub.parquet --folds 4`
    """
    from likewise.data.splits import with_fold

    images = read_catalog(catalog, root)
    paths = [beside(catalog, f"-fold{number}") for number in range(folds)]
    divided = [with_fold(images, number, folds) for number in range(folds)]
    rows = []
    for part, path in zip(divided, paths, strict=True):
        target = path if out is None else out / path.name
        part.write(target, root=root)
        classes = part.table[part.table["label"] != ""].groupby("split")["label"].nunique()
        rows.append((str(target), *[int(classes.get(role, 0)) for role in ("train", "val", "test")]))
    names = ["catalog", "train classes", "val classes", "test classes"]
    if as_json:
        print_json([dict(zip([name.replace(" ", "_") for name in names], row, strict=True)) for row in rows])
    else:
        print_table(names, rows)


def _end_if_unread(folders: Sequence[str]) -> None:
    """End with exit code 3 if folders could not be read: a nightly job must notice that images are missing."""
    if folders:
        say("Images may be missing: run the command again when all folders can be read.")
        raise typer.Exit(UNFINISHED)


def _note_on_paths(catalog: "Catalog", target: Path, root: Path | None) -> list[str]:
    """A sentence where the written paths are absolute."""
    folder = Path(os.path.realpath(target.parent if root is None else root))
    if all(Path(os.path.realpath(path.parent)).is_relative_to(folder) for path in catalog.paths[:1]):
        return []
    return [f"The images are not below {folder}, so {target} uses absolute paths: do not move the images."]


def _issue_row(issue: Any) -> tuple[str, str, int, str, str]:
    more = " ..." if len(issue.ids) > _SHOWN else ""
    return issue.severity, issue.kind, len(issue.ids), ", ".join(issue.ids[:_SHOWN]) + more, issue.words
