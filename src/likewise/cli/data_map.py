"""``likewise data map``."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.completion import complete_model
from likewise.cli.console import end_with, print_json, say
from likewise.cli.data import data_app
from likewise.cli.option_checks import known_word
from likewise.cli.options import AsJson, BatchSize, CatalogFile, Device, Prepared, Root, Seed, Split, Weights
from likewise.cli.output_checks import check_file
from likewise.printable import counted

MapModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Model whose embeddings are drawn: as for `likewise embed`, or vectors:FILE.",
        autocompletion=complete_model,
    ),
]


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the command belongs to `data`
    """Add the command to ``data``."""
    data_app.command("map")(draw_map)


def draw_map(
    catalog: CatalogFile,
    model: MapModel,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Page to write (.html).")],
    color: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column that colours the map at first. Default: label."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            metavar="pca|umap",
            help="Projection: principal components, or UMAP (`pip install 'likewise[map]'`).",
        ),
    ] = "pca",
    split: Split = None,
    root: Root = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Draw all images as points of a page, with thumbnails and a lasso that selects images.

    The page is one file: it opens offline, and its selection is saved as a catalog in CSV.

    Example: `likewise data map birds.parquet likewise:small --out map.html --color label`
    """
    check_file("--out", out, (".html",))
    known_word("--method", method, ("pca", "umap"))
    from likewise.models import load
    from likewise.report.image_map import check_color, map_page

    chosen = read_catalog(catalog, root, split=split)
    check_color(chosen, color)
    loaded = load(model, weights, device, preprocessing=preprocessing)
    embedded = loaded.embed(chosen, batch_size=batch_size, progress=True)
    made = map_page(
        chosen,
        embedded,
        method="umap" if method == "umap" else "pca",
        color=color,
        title=f"Map of {catalog.name}",
        seed=seed,
        progress=True,
    )
    made.save(out)
    say(f"Map of {counted(len(made.ids), 'image')}: {out}")
    if as_json:
        print_json(made.to_dict())
    end_with(made.failures)
