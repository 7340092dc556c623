"""``likewise data duplicates`` and ``likewise data suspects``."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.completion import complete_model
from likewise.cli.console import end_with, print_json, print_table, say, written_after
from likewise.cli.data import data_app
from likewise.cli.opening import argument_words
from likewise.cli.options import AsJson, BatchSize, CatalogFile, Device, Prepared, Root, Seed, Split, Weights
from likewise.cli.output_checks import check_file
from likewise.errors import ConfigError
from likewise.printable import counted

_SHOWN = 20
Strip = tuple[str, list[tuple[int, str]]]
"""Name of a strip of images, and rows of the catalog with their words."""
_MOST_STRIPS = 200  # on a page
_NEIGHBORS = 3  # of each label, beside a doubtful image

ModelAfterCatalog = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]",
        help="Model that proposes more candidates: as for `likewise embed`. Default: none.",
        autocompletion=complete_model,
    ),
]
JudgingModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Model whose neighbours judge the labels: as for `likewise embed`, or vectors:FILE.",
        autocompletion=complete_model,
    ),
]
CleanCatalog = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Catalog to write without the listed images (.parquet or .csv)."),
]
Sheet = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Page with the pictures of the listed images (.html).")
]


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the commands belong to `data`
    """Add the commands to ``data``."""
    data_app.command("duplicates")(find_duplicates)
    data_app.command("suspects")(find_suspects)


def find_duplicates(
    catalog: CatalogFile,
    model: ModelAfterCatalog = None,
    *,
    out: CleanCatalog = None,
    sheet: Sheet = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="State of the search (.npz), read and written again: images in it are not compared with each other "
            "again.",
        ),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="List only pairs with an image that is new since --state.")
    ] = False,
    split: Split = None,
    root: Root = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Find copies of images: exact, re-encoded, resized, cropped or mirrored, also across splits.

    One image of each group stays in the catalog of --out, one of the split test if there is any.

    Example: `likewise data duplicates birds.parquet --out birds-clean.parquet --sheet copies.html`
    """
    _check_files(out, sheet)
    check_file("--state", state, (".npz",))
    if new and state is None:
        raise ConfigError("--new needs the images of an earlier search: name its file with --state.")
    from likewise.curation import duplicates
    from likewise.models import load

    chosen = read_catalog(catalog, root, split=split)
    loaded = None if model is None else load(model, weights, device, preprocessing=preprocessing)
    copies = duplicates(chosen, loaded, state=state, progress=True)
    if copies.new is not None:
        say(f"{len(copies.new):,} of {len(chosen):,} images are new: {state}")
    copies = copies.with_new() if new else copies

    def write() -> None:
        if sheet is not None:
            strips = [
                (f"{number}", [(row, copies.labels[row]) for row in group])
                for number, group in enumerate(copies.groups, 1)
            ]
            _write_sheet(
                sheet,
                "Copies",
                chosen,
                strips,
                lead=f"{counted(len(copies.groups), 'group')} of copies.",
                noun="groups",
            )
        _write_without(chosen, copies.redundant, out, root)

    with written_after(write):
        if as_json:
            print_json(copies.to_dict())
        else:
            _print(copies.table)
            say(
                f"{counted(len(copies.pairs), 'pair')} in {counted(len(copies.groups), 'group')}; "
                f"{len(copies.across_splits):,} across splits, {len(copies.other_label):,} with different labels."
            )
            if copies.pairs and out is None:
                words = [argument_words(str(catalog), {"--split": split, "--root": root})]
                if model is not None:
                    words.append(
                        argument_words(model, {"--weights": weights, "--preprocessing": preprocessing})
                    )
                say(f"Write a catalog without them:  likewise data duplicates {' '.join(words)} --out FILE")
    end_with(copies.failures)


def find_suspects(
    catalog: CatalogFile,
    model: JudgingModel,
    *,
    out: CleanCatalog = None,
    sheet: Sheet = None,
    split: Split = None,
    root: Root = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Find images whose label is probably wrong, by the labels of their nearest neighbours.

    Example: `likewise data suspects birds.parquet likewise:small --sheet suspects.html`
    """
    _check_files(out, sheet)
    from likewise.curation import suspects
    from likewise.models import load
    from likewise.results import percent

    chosen = read_catalog(catalog, root, split=split)
    chosen.require_labels("The search for wrong labels")
    judge = load(model, weights, device, preprocessing=preprocessing)
    embedded = judge.embed(chosen, batch_size=batch_size, progress=True)
    doubts = suspects(embedded, seed=seed, progress=True)
    place = {name: row for row, name in enumerate(chosen.ids)}
    rows = [place[doubts.ids[each.row]] for each in doubts.found]

    def write() -> None:
        if sheet is not None:
            strips = [_evidence(each, doubts.ids, place, chosen) for each in doubts.found]
            _write_sheet(
                sheet, "Doubtful labels", chosen, strips,
                lead=f"{counted(len(doubts.found), 'doubtful label')}. Each strip begins with the doubtful image; its "
                "nearest neighbours with the suggested label follow, then those with its own label.",
                noun="doubtful labels",
            )  # fmt: skip
        _write_without(chosen, rows, out, root)

    with written_after(write):
        if as_json:
            print_json(doubts.to_dict())
        else:
            _print(doubts.table)
            interval = (
                ""
                if doubts.interval is None
                else f" ({percent(doubts.interval.low)} to {percent(doubts.interval.high)})"
            )
            say(
                f"{len(doubts.found):,} of {doubts.judged:,} labels are doubtful: {percent(doubts.rate)}{interval}."
            )
            if doubts.confused:
                in_them = len(doubts.found) - (doubts.recognized.suspects if doubts.recognized else 0)
                say(
                    f"{in_them:,} of them {'is' if in_them == 1 else 'are'} of "
                    f"{counted(len(doubts.confused), 'class')} that the model confuses as a "
                    f"whole, such as {doubts.confused[0]!r}: they may be errors of the model."
                )
            if doubts.single:
                say(
                    f"{counted(len(doubts.single), 'class')} with one image cannot be judged, such as "
                    f"{doubts.single[0]!r}."
                )
            if doubts.unlabelled:
                say(f"{counted(doubts.unlabelled, 'image')} without a label: not judged.")
    end_with(embedded.failures)


def _check_files(out: Path | None, sheet: Path | None) -> None:
    check_file("--out", out, (".parquet", ".csv"))
    check_file("--sheet", sheet, (".html",))


def _write_without(catalog: Any, rows: Sequence[int], out: Path | None, root: Path | None) -> None:
    """Write a catalog without some of its rows."""
    if out is not None:
        left_out = set(rows)
        catalog.take([row for row in range(len(catalog)) if row not in left_out]).write(out, root=root)


def _print(table: Any) -> None:
    if table.rows:
        print_table([column.name for column in table.columns], table.rows[:_SHOWN])
    if len(table.rows) > _SHOWN:
        say(f"... and {len(table.rows) - _SHOWN:,} more: --json lists all.")


def _evidence(suspect: Any, ids: Sequence[str], place: dict[str, int], catalog: Any) -> Strip:
    """A doubtful image, and its nearest neighbours of both labels."""
    neighbors = [place[ids[row]] for row in suspect.neighbors]
    images = [(place[ids[suspect.row]], f"labelled {suspect.label}")]
    for label in (suspect.suggested, suspect.label):
        images += [(row, label) for row in neighbors if str(catalog.labels[row]) == label][:_NEIGHBORS]
    return f"{suspect.label}? Its neighbours say {suspect.suggested}", images


def _write_sheet(
    path: Path, title: str, catalog: Any, strips: Sequence[Strip], *, lead: str, noun: str
) -> None:
    """A page with strips of captioned images, which names the strips it leaves out."""
    from likewise.drawing.grid import Grid
    from likewise.drawing.sheets import Tile
    from likewise.errors import ImageError
    from likewise.images import open_image
    from likewise.report.sheet_page import sheet_page

    paths, ids, grids = catalog.paths, catalog.ids, []
    for name, images in strips[:_MOST_STRIPS]:
        tiles = []
        for row, words in images:
            caption = "/".join(PurePath(ids[row]).parts[-2:])
            with suppress(ImageError):  # gone since it was compared; the table lists it
                tiles.append(
                    Tile(open_image(paths[row], min_side_px=256), f"{caption}: {words}" if words else caption)
                )
        if tiles:
            grids.append((name, Grid([tiles])))
    if not grids:
        say(f"There are no pictures to show, so {path} is not written.")
        return
    if len(strips) > _MOST_STRIPS:
        lead += f" This page shows the first {_MOST_STRIPS:,}; `--json` lists all."
    sheet_page(title, grids, lead=lead, noun=noun).save(path)
    say(f"Pictures: {path}")
