"""``likewise audit robustness``."""

from typing import Annotated

import typer

from likewise.cli.audit import audit_app
from likewise.cli.audit_options import AuditOptions, audit_run, with_audit_options
from likewise.cli.options import BatchSize, CatalogFile, ModelName, Seed


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("robustness")(with_audit_options(robustness))


def robustness(
    model: ModelName,
    catalog: CatalogFile,
    *,
    images: Annotated[int, typer.Option(min=2, help="Number of images that are changed and searched.")] = 200,
    change: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Change to try, such as jpeg, blur, crop or text. Repeatable. Default: all twelve.",
        ),
    ] = None,
    seed: Seed = 0,
    batch_size: BatchSize = 64,
    common: AuditOptions,
) -> None:
    """Measure whether changed photos still find their class: JPEG, blur, noise, light, crop, rotation, text and more.

    Example: `likewise audit robustness runs/birds birds.parquet --split test --out robustness.html`
    """
    from likewise.audit import robustness as audit_robustness

    with audit_run(common, [model], catalog, seed) as run:
        result = audit_robustness(
            run.models[0], run.catalog, images=images, changes=change or None, seed=seed, batch_size=batch_size,
            progress=True,
        )  # fmt: skip
        run.show(result, "Does the search work on changed photos?")
