"""``likewise index build|add|remove|info`` and ``likewise search``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import end_with, failures_json, print_json, print_pairs, print_table, say
from likewise.cli.options import (
    AsJson,
    BatchSize,
    Bf16,
    CatalogFile,
    Device,
    ModelName,
    Prepared,
    Root,
    Split,
    Weights,
    Workers,
)
from likewise.cli.targets import check_picture
from likewise.errors import ConfigError, InputError

if TYPE_CHECKING:
    from likewise.retrieval import Added, EmbeddingOptions, Index, SearchResult

index_app = typer.Typer(
    name="index",
    help="Build and change a searchable index of images.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

IndexPath = Annotated[
    str, typer.Argument(metavar="INDEX", help="Folder, or address such as s3://bucket/index.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(index_app, name="index")
    app.command()(search)


@index_app.command("build")
def build_index(
    model: ModelName,
    catalog: CatalogFile,
    *,
    out: Annotated[
        str, typer.Option(metavar="INDEX", help="Folder or address to write; nothing may be there.")
    ],
    split: Split = None,
    root: Root = None,
    approximate: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1,
            metavar="RECALL",
            help="Also make an approximate index of this recall, e.g. 0.95.",
        ),
    ] = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    bf16: Bf16 = False,
    as_json: AsJson = False,
) -> None:
    """Embed the images of a catalog into a new index. Repeated after a stop, it goes on.

    Example: `likewise index build runs/birds birds.parquet --out birds.index`
    """
    from likewise.models import load
    from likewise.retrieval import Index, ModelReference
    from likewise.retrieval.index.partitions import require_many

    chosen = read_catalog(catalog, root, split=split)
    if approximate is not None:
        require_many(len(chosen))
    reference = ModelReference.to(model, out, None if weights is None else str(weights), preprocessing)
    loaded = load(model, weights, device, preprocessing=preprocessing)
    index = Index.create(
        out, loaded, chosen, reference=reference, options=_options(batch_size, workers, bf16)
    )
    if approximate is not None:
        index.build_approximate(approximate)
    _report(index, index.added, as_json)


@index_app.command("add")
def add_to_index(
    index: IndexPath,
    catalog: CatalogFile,
    *,
    split: Split = None,
    root: Root = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    bf16: Bf16 = False,
    as_json: AsJson = False,
) -> None:
    """Add the images of a catalog; those whose path is in the index already are replaced.

    Example: `likewise index add birds.index more-birds.parquet`
    """
    from likewise.retrieval import Index

    opened = Index.open(index)
    opened.model.to(device)
    chosen = read_catalog(catalog, root, split=split)
    _report(opened, opened.add(chosen, options=_options(batch_size, workers, bf16)), as_json)


@index_app.command("remove")
def remove_from_index(
    index: IndexPath,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Images to remove.")] = None,
    *,
    where: Annotated[str | None, typer.Option(help="Or a condition, such as \"label = 'wren'\".")] = None,
    as_json: AsJson = False,
) -> None:
    """Remove images, by id or by a condition over label and properties.

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


@index_app.command("info")
def show_index(index: IndexPath, *, as_json: AsJson = False) -> None:
    """Print what an index holds, which model made it, and the measured recall of its approximate search.

    Example: `likewise index info birds.index`
    """
    from likewise.retrieval import Index

    info = Index.open(index).info()
    approximate = info.approximate
    if as_json:
        print_json({**asdict(info), "approximate": None if approximate is None else approximate.model_dump()})
        return
    print_pairs(
        {name: value for name, value in asdict(info).items() if name not in ("properties", "approximate")}
    )
    if info.properties:
        print_table(["property", "type"], list(info.properties.items()))
    if approximate is not None:
        print_pairs(approximate.model_dump(), "Approximate search")


def search(
    index: IndexPath,
    image: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="One or more images to search for.")
    ],
    *,
    k: Annotated[int, typer.Option("-k", min=1, help="Hits.")] = 10,
    where: Annotated[
        str | None, typer.Option(help="Only images that fit: SQL over label, split and properties.")
    ] = None,
    skip_self: Annotated[
        bool, typer.Option("--skip-self", help="Leave out the image itself where it is in the index.")
    ] = False,
    label: Annotated[
        str | None,
        typer.Option(help="Class of the query, to mark right and wrong hits on the sheet. [default: known]"),
    ] = None,
    threshold: Annotated[
        Path | None, typer.Option(help="File of likewise calibrate. [default: the one beside the model]")
    ] = None,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Ask the approximate index: faster, may miss images.")
    ] = False,
    sheet: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the query and its hits.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model, where it has moved since the index was built.")
    ] = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Find the most similar images of an index; says which count as the same where a threshold was calibrated.

    Example: `likewise search birds.index unknown.jpg -k 5 --where "label != 'crow'" --sheet hits.png`
    """
    if model is None and (weights is not None or preprocessing is not None):
        raise ConfigError(
            "--weights and --preprocessing belong to --model: name the model too, or leave them out."
        )
    check_picture("--sheet", sheet)
    from likewise.models import load
    from likewise.retrieval import Index, Searched, Threshold, search_sheet

    given = None if model is None else load(model, weights, device, preprocessing=preprocessing)
    opened = Index.open(index, given)
    opened.model.to(device)
    options: dict[str, Any] = {"approximate": approximate}
    if threshold is not None:
        options["threshold"] = Threshold.load(threshold)
    searches = []
    for file in image:
        known = opened.find_file(file)
        exclude = [known[0]] if skip_self and known is not None else []
        result = opened.search(file, k, where, exclude=exclude, **options)
        searches.append(Searched(file, result, label or (known[1] if known else None) or None))
    if sheet is not None:
        from likewise.images import save_image

        save_image(search_sheet(searches), sheet)
    if as_json:
        found = [{"query": str(each.query), **each.result.as_dict()} for each in searches]
        print_json(found[0] if len(found) == 1 else found)
        return
    for each in searches:
        _print_hits(str(each.query), each.result)
    if sheet is not None:
        say(f"Sheet: {sheet}")


def _print_hits(query: str, result: "SearchResult") -> None:
    same = {True: "yes", False: "no", None: ""}
    rows = [(hit.rank, hit.id, hit.label, hit.distance, same[hit.same]) for hit in result.hits]
    how = "" if result.exact else ", approximate"
    print_table(
        ["rank", "id", "label", "distance", "same"],
        rows,
        f"{query}: {result.searched:,} images searched{how}",
    )
    if result.nothing_same:
        say(
            f"Nothing like this here: no image lies within the calibrated distance of {result.threshold:.4f}."
        )
    elif result.threshold is None:
        say("Which hits count as the same is not known: calibrate the model with  likewise calibrate")


def _options(batch_size: int, workers: int | None, bf16: bool) -> "EmbeddingOptions":
    from likewise.retrieval import EmbeddingOptions

    return EmbeddingOptions(
        batch_size=batch_size, num_workers=workers, precision="bf16" if bf16 else "float32"
    )


def _report(index: "Index", added: "Added", as_json: bool) -> None:
    approximate = index.info().approximate
    result = {"index": index.path, "images": len(index), "added": added.added, "replaced": added.replaced}
    if approximate is not None:
        result["approximate recall"] = approximate.recall
    if as_json:
        print_json({**result, "failures": failures_json(added.failures)})
    else:
        print_pairs({**result, "failed": len(added.failures)})
    end_with(added.failures, as_json)
