"""``likewise explain``: why two images are similar. ``likewise saliency``: where a model looks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import (
    end_with,
    failures_json,
    print_json,
    print_pairs,
    repeated_json,
    say,
    say_repeated,
    written_after,
)
from likewise.cli.explain_results import print_pair, show_node, show_text
from likewise.cli.named_models import named_model
from likewise.cli.opening import require_images
from likewise.cli.option_checks import known_word, saliency_settings
from likewise.cli.options import (
    AsJson,
    CatalogFile,
    CopyBatch,
    Device,
    HideBy,
    HidingMasks,
    Method,
    ModelName,
    Precision,
    Prepared,
    Root,
    Samples,
    Seed,
    Split,
    Weights,
)
from likewise.cli.output_checks import check_picture
from likewise.errors import ConfigError

if TYPE_CHECKING:
    pass

_ROWS = 8


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("explain")(explain)
    app.command("saliency")(saliency)


def explain(
    model: ModelName,
    a: Annotated[
        Path,
        typer.Argument(metavar="A|CATALOG", help="First image. With --node: catalog or folder of images."),
    ],
    b: Annotated[Path | None, typer.Argument(metavar="B", help="Second image. Not with --node.")] = None,
    *,
    node: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL:NODE",
            help="Node of an AVSL model to explain by the images of a catalog, instead of a pair.",
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Text to explain the image A by, instead of a second image."),
    ] = None,
    split: Split = None,
    root: Root = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Page (.html) or image (.png, .jpg) to write.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check",
            help="Hide the locations that matter most, and measure how the distance changes.",
        ),
    ] = True,
    hiding_masks: HidingMasks = None,
    hide_by: HideBy = "fill",
    seed: Seed = 0,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a model finds two images similar or not: how much each location of both contributes.

    For AVSL models, levels and nodes are explained as well. --node shows what a single node responds to.

    Example: `likewise explain runs/birds a.jpg b.jpg --out why.html`

    A text: `likewise explain open_clip:ViT-B-32/laion2b_s34b_b79k a.jpg --text "a red mug"`

    One node: `likewise explain runs/birds-avsl birds.parquet --node 2:137 --out node.html`
    """
    check_picture("--out", out, or_page=True)
    if (node is not None or text is not None) and (
        not check or hiding_masks is not None or hide_by != "fill" or seed
    ):
        raise ConfigError(
            "--no-check, --hiding-masks, --hide-by and --seed are for two images: leave them out with --text or "
            "--node."
        )
    if node is not None:
        if b is not None or text is not None:
            raise ConfigError(
                "--node explains a node by one catalog: write  likewise explain MODEL CATALOG --node ..."
            )
        images = read_catalog(a, root, split=split)
        show_node(named_model(model, weights, device, preprocessing), node, images, out, as_json)
        return
    if (b is None) == (text is None) or split is not None or root is not None:
        raise ConfigError(
            "Give MODEL and two images, A and B, without --split and --root; MODEL, one image and --text; or MODEL, "
            "CATALOG and --node LEVEL:NODE."
        )
    require_images(a, *([] if b is None else [b]))
    if text is not None:
        show_text(named_model(model, weights, device, preprocessing), a, text, out, as_json)
        return
    assert b is not None
    from likewise.cli.audit_results import facts_of
    from likewise.explain import explain_pair
    from likewise.explain.pair_words import picture_words

    loaded = named_model(model, weights, device, preprocessing)
    pair = explain_pair(
        loaded, a, b, check=check, hiding_masks=hiding_masks, seed=seed,
        hide_by=cast("Literal['fill', 'tokens']", hide_by), progress=True,
    )  # fmt: skip

    def write() -> None:
        if out is not None:
            pair.save(out, {**facts_of([loaded], None, seed), "images": "2"})

    with written_after(write):
        if as_json:
            print_json({**pair.to_dict(), "picture": None if out is None else str(out)})
        else:
            print_pair(pair)
    if as_json:
        return
    if out is None:
        say("Add --out why.html to see these locations on the images.")
        return
    say(f"Written: {out}. From left to right:")
    for number, words in enumerate(picture_words(pair), 1):
        say(f"  {number}. {words}")


def saliency(
    model: ModelName,
    catalog: CatalogFile,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to keep the saliency maps in.")],
    split: Split = None,
    root: Root = None,
    method: Method = "smoothgrad",
    samples: Samples = 25,
    absolute: Annotated[
        str,
        typer.Option(
            metavar="per_copy|after_mean",
            help="When smoothgrad takes absolute values: per noisy copy (published), or after the mean of the copies.",
        ),
    ] = "per_copy",
    distance: Annotated[
        str | None,
        typer.Option(help="Distance to explain: cosine, euclidean or snr. Default: the model's own."),
    ] = None,
    dtype: Annotated[str, typer.Option(help="Number format of the stored maps: uint8 or float16.")] = "uint8",
    batch_size: CopyBatch = 32,
    precision: Precision = "float32",
    seed: Seed = 0,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Compute a saliency map of every image: where the model looks, and how much of it is on the object.

    Shares on the object need masks. If interrupted, rerun the same command to resume.

    Example: `likewise saliency runs/birds birds.parquet --split test --out birds.saliency`
    """
    from likewise.explain import catalog_attention, make_store
    from likewise.explain.store import StoreType

    settings = saliency_settings(
        method=method, samples=samples, absolute=absolute, distance=distance, seed=seed
    )
    known_word("--dtype", dtype, get_args(StoreType))

    chosen = read_catalog(catalog, root, split=split)
    loaded = named_model(model, weights, device, preprocessing)
    stored = make_store(
        loaded,
        chosen,
        out,
        settings=settings,
        kind=cast("Any", dtype),  # checked there, with a sentence
        batch_size=batch_size,
        precision=cast("Any", precision),
    )
    result: dict[str, Any] = {"store": str(out), "images": len(stored.store), "failed": len(stored.failures)}
    if any(chosen.mask_paths):
        scores, _ = catalog_attention(stored.store, chosen)
        if scores.defined.any():
            result |= {
                "attention": scores.mean(),
                "attention_std": scores.std(),
                "scored": int(scores.defined.sum()),
            }
    if as_json:
        print_json({**result, **repeated_json(stored), "failures": failures_json(stored.failures)})
    else:
        print_pairs(result)
        say_repeated(stored)
    end_with(stored.failures)
