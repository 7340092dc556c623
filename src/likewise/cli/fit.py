"""``likewise fit``: what is fitted to images without training a network."""

import shlex
from typing import Annotated, Any

import typer

from likewise.cli.catalogs import read_catalog
from likewise.cli.console import end_with, failures_json, print_json, print_pairs, print_table, say
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Device,
    ModelName,
    ModelOut,
    Prepared,
    Root,
    Runtime,
    Weights,
    Workers,
)
from likewise.cli.output_checks import check_new_model
from likewise.cli.runtimes import apply_runtime

fit_app = typer.Typer(
    name="fit",
    help="Fit a projection of embeddings to images, without training.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(fit_app, name="fit")


@fit_app.command("whitening")
def fit_whitening(
    model: ModelName,
    catalog: CatalogFile,
    *,
    out: ModelOut,
    dim: Annotated[
        int | None,
        typer.Option(min=1, help="Number of principal components to keep. Default: all."),
    ] = None,
    whiten: Annotated[
        bool,
        typer.Option(
            "--whiten/--no-whiten",
            help="Divide each component by its standard deviation, or keep the principal components as they are.",
        ),
    ] = True,
    shrinkage: Annotated[
        float,
        typer.Option(
            min=0,
            max=1e6,
            help="Value added to each variance before whitening, in units of the mean variance; 0 is plain whitening.",
        ),
    ] = 1.0,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Split of CATALOG to fit to. The other splits are held out and measured. Default: train if there is "
            "one, else all images.",
        ),
    ] = None,
    root: Root = None,
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    batch_size: BatchSize = 64,
    workers: Workers = None,
    runtime: Runtime = "auto",
    as_json: AsJson = False,
) -> None:
    """Fit principal components and whitening to the embeddings of images, and save them as a model.

    The labels are not used for fitting. If there are any, the scores before and after are measured on the held-out
    images. If interrupted, rerun the same command to resume.

    Example: `likewise fit whitening timm:resnet50.a1_in1k photos.csv --dim 256 --out models/whitened`
    """
    check_new_model("--out", out)
    from likewise.files import parts_folder
    from likewise.models import ModelReference, load
    from likewise.models.embedding_job import embedding_job, merged_embeddings
    from likewise.models.projected_folder import save_projected
    from likewise.training import fit_whitening as fit
    from likewise.training.whitening import ids_to_fit

    chosen = read_catalog(catalog, root)
    loaded = load(model, weights, device, preprocessing=preprocessing)
    ids_to_fit(loaded, chosen, dim, split)
    apply_runtime(loaded, runtime, chosen)
    place = ModelReference.to(
        model, str(out / "model.json"), None if weights is None else str(weights), preprocessing
    )
    job = embedding_job(loaded, chosen, parts_folder(out), batch_size=batch_size, num_workers=workers)
    with merged_embeddings(job, chosen, progress=True) as embeddings:
        fitted = fit(
            loaded, chosen, dim, split=split, whiten=whiten, shrinkage=shrinkage, embeddings=embeddings
        )
        fitted.model.name = out.name
        save_projected(fitted.model, out, reference=place)
    result: dict[str, Any] = {
        "model": str(out),
        "dim": fitted.model.dim,
        "fitted to": fitted.images,
        "fingerprint": fitted.model.fingerprint,
    }
    if as_json:
        scores = {"before": fitted.before, "after": fitted.after, "measured_on": fitted.measured_on or None}
        print_json(
            {name.replace(" ", "_"): value for name, value in result.items()}
            | scores
            | {"failures": failures_json(fitted.failures)}
        )
    else:
        print_pairs({**result, "failed": len(fitted.failures)})
        if fitted.before is not None and fitted.after is not None:
            rows = [
                (name, f"{value:z.3f}", f"{fitted.after[name]:z.3f}") for name, value in fitted.before.items()
            ]
            print_table(["", "before", "after"], rows, f"Measured on {fitted.measured_on}")
        else:
            say("No class has two labelled images, so nothing was measured.")
        say(f"Next:  likewise index build {shlex.quote(str(out))} CATALOG --out INDEX")
    end_with(fitted.failures)
