"""``likewise index``: build an index and keep it up to date."""

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import end_with, failures_json, print_json, print_pairs, print_table, say
from likewise.cli.index_approximate import (
    ApproximateRecall,
    Vectors,
    add_approximate,
    approximate_index,
    require_approximate,
)
from likewise.cli.opening import IndexModel, open_index
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Device,
    Dim,
    IndexPath,
    ModelName,
    Precision,
    Prepared,
    Root,
    Runtime,
    Split,
    Weights,
    Workers,
)
from likewise.cli.runtimes import apply_runtime
from likewise.errors import InputError

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.retrieval import Added, EmbeddingOptions, Index

index_app = typer.Typer(
    name="index",
    help="Build and update a searchable index of images.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(index_app, name="index")


@index_app.command("build")
def build_index(
    model: ModelName,
    catalog: CatalogFile,
    *,
    out: Annotated[
        str, typer.Option(metavar="INDEX", help="Folder or address to write. It must not exist yet.")
    ],
    split: Split = None,
    root: Root = None,
    approximate_recall: ApproximateRecall = None,
    vectors: Vectors = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    dim: Dim = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    precision: Precision = "float32",
    runtime: Runtime = "auto",
    as_json: AsJson = False,
) -> None:
    """Embed the images of a catalog or folder into a new index.

    If interrupted, rerun the same command to resume.

    Example: `likewise index build timm:resnet50.a1_in1k photos --out photos.index`
    """
    from likewise.models import load
    from likewise.retrieval import Index, ModelReference

    chosen = read_catalog(catalog, root, split=split)
    require_approximate(approximate_recall, vectors, len(chosen))
    named = model if dim is None else f"{model}#{dim}"
    reference = ModelReference.to(named, out, None if weights is None else str(weights), preprocessing)
    loaded = load(named, weights, device, preprocessing=preprocessing)
    require_approximate(approximate_recall, vectors, len(chosen), loaded)
    apply_runtime(loaded, runtime, chosen)
    index = Index.create(
        out, loaded, chosen, reference=reference, options=_options(batch_size, workers, precision)
    )
    add_approximate(index, approximate_recall, vectors)
    query = "IMAGE" if loaded.embeds_images else "--id ID"
    model_options = "" if reference.is_data else " " + shlex.join(["--model", *reference.arguments])
    _report(
        index, index.added, as_json, next_step=f"likewise search {shlex.quote(out)} {query}{model_options}"
    )


@index_app.command("add")
def add_to_index(
    index: IndexPath,
    catalog: CatalogFile,
    *,
    split: Split = None,
    root: Root = None,
    model: IndexModel = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    precision: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Add the images of a catalog or folder to an index.

    Images that are in the index already are embedded again and replaced. To embed only new and changed images, use
    `likewise index sync`.

    Example: `likewise index add birds.index more-birds.parquet`
    """
    opened = open_index(index, model, weights, preprocessing, device)
    opened.model.to(device)
    chosen = read_catalog(catalog, root, split=split)
    options = _options(batch_size, _workers(workers, chosen), precision)
    _report(opened, opened.add(chosen, options=options), as_json)


@index_app.command("sync")
def sync_index(
    index: IndexPath,
    catalog: CatalogFile,
    *,
    split: Split = None,
    root: Root = None,
    model: IndexModel = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    keep_deleted: Annotated[
        bool, typer.Option("--keep-deleted", help="Keep images that CATALOG no longer lists.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change, without changing it.")
    ] = False,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    precision: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Bring an index up to date with a catalog or folder. Only new and changed images are embedded.

    Images are recognised by location and content: renamed and relabelled images are updated without the model.
    Images below the folder of CATALOG that it no longer lists are removed; images from other folders are kept.

    Example: `likewise index sync photos.index photos`
    """
    opened = open_index(index, model, weights, preprocessing, device)
    chosen = read_catalog(catalog, root, split=split)
    synced = opened.sync(
        chosen,
        keep_deleted=keep_deleted,
        dry_run=dry_run,
        options=_options(batch_size, _workers(workers, chosen), precision),
        device=device,
    )
    counts = {name: value for name, value in asdict(synced).items() if name != "failures"}
    if as_json:
        print_json(
            {
                "index": opened.path,
                "images": len(opened),
                **counts,
                "failures": failures_json(synced.failures),
            }
        )
    else:
        print_pairs({"index": opened.path, "images": len(opened), **counts, "failed": len(synced.failures)})
        _say_renamed(opened, chosen)
        if dry_run:
            say("Nothing was changed: leave out --dry-run to do it.")
    end_with(synced.failures)


@index_app.command("remove")
def remove_from_index(
    index: IndexPath,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of the images to remove.")
    ] = None,
    *,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE", help="Condition that selects the images to remove, such as \"label = 'wren'\"."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove images from an index, by id or by a condition over label and properties.

    Example: `likewise index remove birds.index images/wren/12.jpg images/wren/13.jpg`
    """
    from likewise.retrieval import Index

    opened = Index.open(index)
    removed = opened.remove(ids or None, where=where)
    if not removed:
        raise InputError(
            f"Nothing in {index} fits, so nothing was removed: look at its ids with  likewise search"
        )
    result = {"removed": removed, "images": len(opened)}
    if as_json:
        print_json(result)
    else:
        print_pairs(result)
    if ids and removed < len(set(ids)):
        say(f"{len(set(ids)) - removed} of the {len(set(ids))} ids were not in the index.")


index_app.command("approximate")(approximate_index)


@index_app.command("info")
def show_index(index: IndexPath, *, as_json: AsJson = False) -> None:
    """Show the contents of an index, its model, and the measured recall of its approximate search.

    Example: `likewise index info birds.index`
    """
    from likewise.retrieval import Index

    info = Index.open(index).info()
    approximate = info.approximate
    if as_json:
        print_json({**asdict(info), "approximate": None if approximate is None else approximate.model_dump()})
        return
    fields = {
        name: value for name, value in asdict(info).items() if name not in ("properties", "approximate")
    }
    print_pairs({**fields, "runtime": "" if info.runtime is None else info.runtime.runtime})
    if info.properties:
        print_table(["property", "type"], list(info.properties.items()))
    if approximate is not None:
        print_pairs(approximate.model_dump(), "Approximate search")


def _options(batch_size: int, workers: int | None, precision: str) -> "EmbeddingOptions":
    from likewise.retrieval import EmbeddingOptions

    return EmbeddingOptions(batch_size=batch_size, num_workers=workers, precision=cast("Any", precision))


def _workers(workers: int | None, catalog: "Catalog") -> int:
    """Number of decoding processes while an index is open. Only a command knows that starting them is safe."""
    from likewise.data.loading import default_workers

    return default_workers(len(catalog)) if workers is None else workers


def _report(index: "Index", added: "Added", as_json: bool, next_step: str | None = None) -> None:
    approximate = index.info().approximate
    result = {"index": index.path, "images": len(index), "added": added.added, "replaced": added.replaced}
    if approximate is not None:
        result["approximate recall"] = approximate.recall
    if as_json:
        print_json({**result, "failures": failures_json(added.failures)})
    else:
        print_pairs({**result, "failed": len(added.failures)})
        _say_renamed(index)
        if next_step is not None:
            say(f"Next:  {next_step}")
    end_with(added.failures)


def _say_renamed(index: "Index", catalog: "Catalog | None" = None) -> None:
    for column, name in index.columns.items():
        if catalog is None or column in catalog.table:
            say(f"The column {column!r} is called {name!r} in the index, which cannot take its name.")
