"""``likewise explain``: why two images are similar. ``likewise saliency``: where a model looks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import (
    end_with,
    failures_json,
    print_json,
    print_pairs,
    print_table,
    repeated_json,
    say,
    say_repeated,
)
from likewise.cli.options import (
    Amp,
    AsJson,
    CatalogFile,
    Copies,
    CopyBatch,
    Device,
    ModelName,
    Prepared,
    Root,
    Split,
    Weights,
)
from likewise.cli.targets import check_picture
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from likewise.data import Catalog
    from likewise.models import SimilarityModel

_ROWS = 8


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("explain")(explain)
    app.command("saliency")(saliency)


def explain(
    a: Annotated[Path | None, typer.Argument(metavar="A", help="First image.")] = None,
    b: Annotated[Path | None, typer.Argument(metavar="B", help="Second image.")] = None,
    *,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="A Run's folder, likewise:small, timm:NAME, onnx:FILE, hf:org/name, torch:...",
            metavar="MODEL",
        ),
    ],
    node: Annotated[
        str | None,
        typer.Option(
            help="Instead of a pair: what this node of an AVSL model stands for.", metavar="LEVEL:NODE"
        ),
    ] = None,
    catalog: Annotated[Path | None, typer.Option(help="With --node: the images to name it from.")] = None,
    split: Annotated[str | None, typer.Option(help="With --node: only this split.")] = None,
    root: Root = None,
    out: Annotated[Path | None, typer.Option(help="Page (.html) or picture (.png, .jpg) to write.")] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check",
            help="Hide the places that matter most, and check that the distance changes.",
        ),
    ] = True,
    copies: Copies = 8,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the random places and of what the copies hide.")
    ] = 0,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a model finds two images similar or not: which places of both contribute how much.

    For AVSL models also which levels and nodes. --node shows what one node responds to.

    Example: `likewise explain a.jpg b.jpg --model runs/birds --out why.html`

    Example: `likewise explain --node 2:137 --model runs/birds-avsl --catalog birds.parquet --out node.html`
    """
    check_picture("--out", out, or_page=True)
    from likewise.models import load

    if node is not None:
        if a is not None or catalog is None:
            raise ConfigError("--node names one node from a catalog: give --catalog CATALOG, and no images.")
        images = read_catalog(catalog, root, split=split)
        _name_node(load(model, weights, device, preprocessing=preprocessing), node, images, out, as_json)
        return
    if a is None or b is None or any(given is not None for given in (catalog, split, root)):
        raise ConfigError("Give two images, A and B, or --node LEVEL:NODE with --catalog CATALOG.")
    from likewise.cli.audit_results import facts_of
    from likewise.explain import explain_pair
    from likewise.explain.pair_words import picture_words, printed_table

    loaded = load(model, weights, device, preprocessing=preprocessing)
    pair = explain_pair(loaded, a, b, check=check, copies=copies, seed=seed)
    if out is not None:
        pair.save(out, {**facts_of([loaded], None, seed), "images": "2"})
    if as_json:
        print_json({**pair.to_dict(), "picture": None if out is None else str(out)})
        return
    numbers = {
        f"{pair.distance_name} distance": pair.distance,
        "cosine similarity": pair.similarity,
        "rounding error of the sum": None if pair.completeness is None else f"{pair.completeness:.1e}",
        **{f"level {part.level}": f"{part.contribution:.5f}" for part in pair.levels},
    }
    print_pairs({name: number for name, number in numbers.items() if number is not None})
    shown = printed_table(pair, _ROWS)
    title = "Nodes that contribute most" if pair.kind == "nodes" else "Places that matter most"
    print_table([str(name) for name in shown.columns], shown.to_numpy(dtype=object).tolist(), title)
    say(pair.words)
    if out is None:
        say("Add --out why.html to see these places on the images.")
        return
    say(f"Written: {out}. From left to right:")
    for number, words in enumerate(picture_words(pair), 1):
        say(f"  {number}. {words}")


def _name_node(
    model: "SimilarityModel", node: str, catalog: "Catalog", out: Path | None, as_json: bool
) -> None:
    from likewise.cli.audit_results import facts_of
    from likewise.explain import name_node, parse_node

    level, number = parse_node(node)
    named = name_node(model, catalog, level, number)
    if out is not None:
        named.save(out, facts_of([model], catalog, None))
    if as_json:
        print_json({**named.to_dict(), "picture": None if out is None else str(out)})
        return
    for title, end in (("Highest responses", named.highest), ("Lowest responses", named.lowest)):
        print_table(
            ["image", "label", "response"], [[each.id, each.label, each.response] for each in end], title
        )
    table = named.properties.head(_ROWS)
    if len(table):
        print_table(
            [str(name) for name in table.columns], table.to_numpy(dtype=object).tolist(), "Properties"
        )
    say(named.words)
    say(f"Written: {out}" if out is not None else "Draw it with --out node.html")


def saliency(
    model: ModelName,
    catalog: CatalogFile,
    *,
    out: Annotated[Path, typer.Option(help="Folder of the store; made where it does not exist.")],
    split: Split = None,
    root: Root = None,
    method: Annotated[
        str,
        typer.Option(
            help="smoothgrad, gradient, gradient_x_input, integrated_gradients, grad_cam or occlusion."
        ),
    ] = "smoothgrad",
    samples: Annotated[int, typer.Option(min=1, help="smoothgrad: noisy copies of each image.")] = 25,
    variant: Annotated[str, typer.Option(help="smoothgrad: published or smoothgrad.")] = "published",
    distance: Annotated[
        str | None, typer.Option(help="cosine, euclidean... [default: the model's own]")
    ] = None,
    store: Annotated[str, typer.Option(help="uint8 or float16.")] = "uint8",
    batch_size: CopyBatch = 32,
    amp: Amp = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Store where a model looks in every image, and how much of it is on the object where there are masks.

    Stopped and started again, it continues.

    Example: `likewise saliency runs/birds birds.parquet --split test --out birds.saliency`
    """
    from likewise.explain import SaliencySettings, catalog_attention, make_store
    from likewise.models import load

    chosen = read_catalog(catalog, root, split=split)
    loaded = load(model, weights, device, preprocessing=preprocessing)
    settings = _settings(
        SaliencySettings, method=method, samples=samples, variant=variant, distance=distance, seed=seed
    )
    made = make_store(
        loaded,
        chosen,
        out,
        settings=settings,
        kind=cast("Any", store),  # checked there, with a sentence
        batch_size=batch_size,
        amp=amp,
    )
    result: dict[str, Any] = {"store": str(out), "images": len(made.store), "failed": len(made.failures)}
    if any(chosen.mask_paths):
        scores, _ = catalog_attention(made.store, chosen)
        if scores.defined.any():
            result |= {
                "attention": scores.mean(),
                "attention_std": scores.std(),
                "scored": int(scores.defined.sum()),
            }
    if as_json:
        print_json({**result, **repeated_json(made), "failures": failures_json(made.failures)})
    else:
        print_pairs(result)
        say_repeated(made)
    end_with(made.failures, as_json)


def _settings(kind: Any, **values: Any) -> Any:
    from pydantic import ValidationError

    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise ConfigError(f"--{name} cannot be {values[name]!r}: {first['msg']}.") from error
