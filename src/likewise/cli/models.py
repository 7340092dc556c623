"""``likewise embed``, ``likewise export`` and ``likewise import``."""

import shlex
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import end_with, failures_json, print_json, print_pairs, say
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Device,
    Dim,
    ModelName,
    ModelOut,
    Precision,
    Prepared,
    Root,
    Runtime,
    Split,
    Weights,
    Workers,
)
from likewise.cli.output_checks import check_file
from likewise.cli.runtimes import apply_runtime

import_app = typer.Typer(
    name="import",
    help="Convert released checkpoints to models of likewise, without running their code.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Distance = Annotated[
    str | None,
    typer.Option(help="Distance of the loss the model was trained with: cosine, euclidean or snr."),
]

_ENDINGS = {"onnx": (".onnx",), "torchscript": (".pt", ".pth", ".ts", ".torchscript")}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(embed)
    app.command()(export)
    app.add_typer(import_app, name="import")


def embed(
    model: ModelName,
    catalog: CatalogFile,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write (.npz or .parquet).")],
    split: Split = None,
    root: Root = None,
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
    """Embed every image of a catalog into one file. If interrupted, rerun the same command to resume.

    Example: `likewise embed runs/birds birds.parquet --split test --out birds.npz`
    """
    from likewise.models import embed_to_file, load

    chosen = read_catalog(catalog, root, split=split)
    loaded = load(model, weights, device, preprocessing=preprocessing, dim=dim)
    apply_runtime(loaded, runtime, chosen)
    embeddings = embed_to_file(
        loaded,
        chosen,
        out,
        batch_size=batch_size,
        num_workers=workers,
        precision=cast("Any", precision),
    )
    result = {
        "file": str(out),
        "images": len(embeddings),
        "dim": embeddings.dim,
        "fingerprint": embeddings.fingerprint,
        "runtime": embeddings.runtime,
    }
    if as_json:
        choice = embeddings.runtime_choice
        measured = None if choice is None else choice.to_dict()
        print_json({**result, "runtime_choice": measured, "failures": failures_json(embeddings.failures)})
    else:
        print_pairs({**result, "failed": len(embeddings.failures)})
    end_with(embeddings.failures)


def export(
    model: ModelName,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write, for instance model.onnx.")],
    to: Annotated[str, typer.Option(help="Format: onnx or torchscript.")] = "onnx",
    weights: Weights = None,
    preprocessing: Prepared = None,
    as_json: AsJson = False,
) -> None:
    """Write a model as one file that takes uint8 pixels, and check that file against the model.

    Example: `likewise export runs/birds --to onnx --out birds.onnx`
    """
    if to in _ENDINGS:
        check_file("--out", out, _ENDINGS[to])
    from likewise.models import export as export_model
    from likewise.models import load

    loaded = load(model, weights, "cpu", preprocessing=preprocessing)
    exported = export_model(loaded, out, cast("Any", to))  # checked there, with a sentence
    result = {
        "file": str(exported.file),
        "megabytes": round(exported.file.stat().st_size / 1e6, 1),
        "max_difference": exported.max_difference,
        "batch_sizes": list(exported.batch_sizes),
    }
    if as_json:
        print_json(result)
        return
    print_pairs({**result, "max_difference": f"{exported.max_difference:.1e}"})
    if to == "onnx":
        say(f"Use it as  onnx:{exported.file}")


@import_app.command("background-bias")
def import_background_bias(
    checkpoint: Annotated[Path, typer.Argument(metavar="CKPT", help="Lightning checkpoint (.ckpt).")],
    *,
    out: ModelOut,
    distance: Distance = "euclidean",
    as_json: AsJson = False,
) -> None:
    """Import a checkpoint of *On Background Bias in Deep Metric Learning* (Kobs & Hotho 2022).

    Example: `likewise import background-bias arcface-cub.ckpt --out runs/arcface-cub`
    """
    from likewise.models.published import import_background_bias as read

    _save(read(checkpoint, _distance(distance) or "euclidean"), out, as_json)


@import_app.command("avsl")
def import_avsl(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CKPT", help="Folder with the files of trunk, embedder and collector, or one file."
        ),
    ],
    *,
    out: ModelOut,
    links_from: Annotated[
        Path | None,
        typer.Option(
            metavar="CATALOG",
            help="Catalog or folder of images to measure the links on. Needed if CKPT has no links.",
        ),
    ] = None,
    split: Split = None,
    root: Root = None,
    topk: Annotated[int, typer.Option(min=1, help="Number of links that each node keeps.")] = 128,
    gamma: Annotated[float, typer.Option(min=0.01, help="Steepness of the reliability function.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Import a checkpoint of *Attributable Visual Similarity Learning* (Zhang et al. 2022), in its published form.

    Example: `likewise import avsl avsl-cub/models --out runs/avsl-cub`
    """
    from likewise.models.published import import_avsl as read

    images = None if links_from is None else read_catalog(links_from, root, split=split)
    _save(read(checkpoint, images, topk=topk, gamma=gamma), out, as_json)


@import_app.command("reality-check")
def import_reality_check(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder saved_models of one fold, with trunk_best.pth and embedder_best.pth.",
        ),
    ],
    *,
    out: ModelOut,
    distance: Distance = None,
    as_json: AsJson = False,
) -> None:
    """Import a model of *A Metric Learning Reality Check* (Musgrave et al. 2020), which Kobs et al. 2021 compare.

    The distance follows from the loss in the folder's name.

    Example: `likewise import reality-check cub_triplet37_reproduction0/Test50_50_Partitions4_0 --out runs/triplet-0`
    """
    from likewise.models.published import import_reality_check as read

    _save(read(folder, _distance(distance)), out, as_json)


def _distance(name: str | None) -> Any:
    from likewise.distances import require_vector_distance

    if name is not None:
        require_vector_distance(name)
    return name


def _save(model: Any, out: Path, as_json: bool) -> None:
    model.save(out)
    result = {"run": str(out), "name": model.name, "dim": model.dim, "distance": model.distance}
    result["fingerprint"] = model.fingerprint
    if as_json:
        print_json(result)
    else:
        print_pairs(result)
        say(f"Next:  likewise eval {shlex.quote(str(out))} CATALOG --split test")
