"""``likewise search``: the most similar images of an index."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.console import end_with, print_json, print_table, say
from likewise.cli.opening import IndexModel, open_index, require_images
from likewise.cli.options import AsJson, Device, IndexPath, Prepared, Weights
from likewise.cli.output_checks import check_file
from likewise.cli.text_queries import Ids, QueryTerms, Texts, Unlike, Weight, Without
from likewise.errors import ConfigError
from likewise.printable import counted

if TYPE_CHECKING:
    from likewise.retrieval import Index, Searched, SearchResult

# Longest side of an image in pixels per format; a sheet needs about 230 pixels per query.
_LONGEST_PX = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
_ROW_PX = 230


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)


def search(
    index: IndexPath,
    image: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGE", help="Image files to search for. Or use --text.")
    ] = None,
    *,
    ids: Ids = None,
    text: Texts = None,
    without: Without = None,
    unlike: Unlike = None,
    weight: Weight = 1.0,
    k: Annotated[int, typer.Option("-k", min=1, help="Number of hits per image.")] = 10,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Condition over label, split and properties that hits must meet, such as \"label = 'wren'\".",
        ),
    ] = None,
    skip_self: Annotated[
        bool,
        typer.Option("--skip-self", help="Leave out the image itself and exact copies of it."),
    ] = False,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Class of the query, to mark right and wrong hits on the sheet. Default: that of the same image "
            "in the index.",
        ),
    ] = None,
    threshold: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Threshold written by `likewise calibrate`. Default: the one beside the model.",
        ),
    ] = None,
    approximate: Annotated[
        bool,
        typer.Option("--approximate", help="Use the approximate index, which is faster and may miss images."),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Picture (.png, .jpg) or page (.html) of the queries and their hits to write.",
        ),
    ] = None,
    model: IndexModel = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Find the most similar images of an index. With a calibrated threshold, show which count as the same.

    Example: `likewise search birds.index unknown.jpg -k 5 --where "label != 'crow'" --sheet hits.png`

    With a model that reads texts: `likewise search cups.index --text "red mug" --without handle`
    """
    images, terms = image or [], QueryTerms(ids or [], text or [], without or [], unlike or [], weight)
    terms.check(images, threshold, skip_self)
    _check_sheet(sheet, max(1, len(images) + len(terms.ids)))
    from likewise.data import Failure
    from likewise.retrieval import Searched, Threshold

    options: dict[str, Any] = {"approximate": approximate} | ({} if terms.plain else {"threshold": None})
    if threshold is not None:
        options["threshold"] = Threshold.load(threshold)
    opened = open_index(index, model, weights, preprocessing, device)
    if len(images) + len(terms.ids) == 1:  # of several images, one that cannot be read is listed at the end
        require_images(*images)
    require_images(*terms.unlike)
    if images or not terms.plain:
        opened.model.to(device)
    searches, failures = list[Searched](), list[Failure]()
    for query in terms.queries(opened, images):
        if query.vector is None:
            failures.append(Failure(str(query.file or query.id), query.problem))
            continue
        copies = [] if query.file is None else opened.find_copies(query.file)
        exclude = [name for name in (query.id, *(name for name, _ in copies)) if name] if skip_self else []
        result = opened.search(query.vector, k, where, exclude=exclude, **options)
        query_label = label or (copies[0][1] if copies and terms.plain else None) or None
        words = "; ".join(part for part in (query.id, terms.words) if part)
        file = None if query.file is None else Path(query.file)
        searches.append(Searched(file, result, query_label, words))
        if not as_json:
            _print_hits(_title(searches[-1]), result, where)
    if as_json:
        answers = [{"query": _title(each), **each.result.to_dict()} for each in searches]
        print_json(answers[0] if len(images) + len(terms.ids) < 2 else answers)
    if searches and sheet is not None:
        _write_sheet(searches, sheet, opened)
    if not as_json and terms.plain and any(search.result.hits for search in searches):
        if all(search.result.threshold is None for search in searches):
            say(
                f"Which hits count as the same is not known: calibrate the model with  {_calibration(opened)}"
            )
        if searches[0].query is not None:
            _say_next(opened, searches[0])
    end_with(failures)


def _title(search: "Searched") -> str:
    """The query in words: the image file, the texts, or both."""
    return "; ".join(part for part in (str(search.query or ""), search.words) if part)


def _check_sheet(sheet: Path | None, queries: int) -> None:
    """Refuse a sheet that cannot be written, before the work."""
    if sheet is None:
        return
    from likewise.images import WRITTEN

    check_file("--sheet", sheet, (*WRITTEN, ".html"))
    longest = _LONGEST_PX.get(sheet.suffix.lower())
    if longest is not None and queries * _ROW_PX > longest:
        raise ConfigError(
            f"A sheet of {queries:,} queries is higher than a {sheet.suffix} image can be ({longest:,} pixels): "
            "write --sheet as .png or .html, or search for fewer images at once."
        )


def _write_sheet(searches: "list[Searched]", sheet: Path, index: "Index") -> None:
    from likewise.retrieval import search_grid

    if sheet.suffix.lower() == ".html":
        from likewise.report import sheet_page
        from likewise.results import provenance

        grids = [(_title(each), search_grid([each])) for each in searches]
        model = index.model
        facts = provenance(
            models=[(model.name, model.fingerprint)],
            catalog=f"{len(index):,} in the index",
            device=str(model.device),
        )
        sheet_page(f"Search in {index.path}", grids, facts=facts).save(sheet)
    else:
        from likewise.images import save_image

        save_image(search_grid(searches).draw(), sheet)
    say(f"Sheet: {sheet}")


def _say_next(index: "Index", search: "Searched") -> None:
    """Name the command that explains the best hit other than the query."""
    if not index.model.embeds_images:
        return
    itself = {name for name, _ in index.find_copies(str(search.query))}
    hits = (hit for hit in search.result.hits if hit.path is not None and hit.id not in itself)
    hit, reference = next(hits, None), index.reference
    if hit is not None and reference is not None:
        name, *options = reference.arguments
        words = ["likewise", "explain", name, str(search.query), str(hit.path), *options]
        say(f"Why they are similar:  {shlex.join(words)}")


def _calibration(index: "Index") -> str:
    """The command that calibrates the model of an index."""
    if index.reference is None:
        return "likewise calibrate"
    name, *options = index.reference.arguments
    # The threshold of a saved model lies in its folder, where searches read it.
    where = [] if Path(name).is_dir() else ["--out", "threshold.json"]
    command = " ".join(
        ["likewise calibrate", shlex.quote(name), "CATALOG", shlex.join([*options, *where])]
    ).rstrip()
    return f"{command}, and search with  --threshold threshold.json" if where else command


def _print_hits(query: str, result: "SearchResult", where: str | None) -> None:
    if not result.hits:
        unfulfilled = (
            "there is none to compare." if where is None else f"none fulfils the condition {where!r}."
        )
        say(f"{query}: no image, {unfulfilled}")
        return
    same = {True: "yes", False: "no", None: ""}
    rows = [(hit.rank, hit.id, hit.label, hit.distance, same[hit.same]) for hit in result.hits]
    names = ["rank", "id", "label", "distance", "same"]
    columns = [column for column in range(len(names)) if any(row[column] != "" for row in rows)]
    how = "" if result.exact else ", approximate"
    print_table(
        [names[column] for column in columns],
        [[row[column] for column in columns] for row in rows],
        f"{query}: {counted(result.searched, 'image')} searched{how}",
    )
    if result.nothing_same:
        say(f"Nothing like this here: no image is within the calibrated distance of {result.threshold:z.4f}.")
