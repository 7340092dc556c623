"""``likewise audit``: what a model really looks at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.audit_options import AuditOptions, audit_run, with_audit_options
from likewise.cli.option_checks import photo_folder, saliency_settings
from likewise.cli.options import (
    BatchSize,
    CatalogFile,
    ExactMasks,
    Method,
    ModelNames,
    Repeats,
    Seed,
)
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


audit_app = typer.Typer(
    name="audit",
    help="Measure what a model looks at: background, properties, agreement with others, faithfulness.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add ``audit`` to ``app``."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("background")
@with_audit_options
def background(
    models: ModelNames,
    catalog: CatalogFile,
    *,
    backgrounds: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            callback=photo_folder,
            help="Folder of photos without an object, other than those of the training.",
        ),
    ],
    repeats: Repeats = 5,
    compositing: Annotated[
        str,
        typer.Option(
            help="Way to paste objects: published (as in the paper), or clean (old colours removed from soft edges)."
        ),
    ] = "published",
    attention_images: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of images with an attention score. Default: all on a GPU, else 60; 0 for models without "
            "gradients.",
        ),
    ] = None,
    method: Method = "smoothgrad",
    exact_masks: ExactMasks = None,
    seed: Seed = 0,
    batch_size: BatchSize = 64,
    common: AuditOptions,
) -> None:
    """Measure whether the background decides what a model finds similar. Needs object masks (`likewise masks`).

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit background runs/birds birds-masked.parquet --split test --backgrounds photos --out bg.html`

    Two models: `likewise audit background runs/a runs/b masked.parquet --backgrounds photos --out compared.html`
    """
    from likewise.audit import BackgroundComparison, saliency_figure
    from likewise.audit import background as audit_background
    from likewise.audit.background_bias.audit import require_attention

    settings = saliency_settings(method=method)
    with audit_run(common, models, catalog, seed) as run:
        for model in run.models:
            require_attention(model, attention_images, settings)
        audits = [
            audit_background(
                model, run.catalog, backgrounds, repeats, compositing=cast("Any", compositing), seed=seed,
                attention_images=attention_images, saliency=settings, batch_size=batch_size, progress=True,
                parts=None if run.parts is None else run.parts / model.fingerprint[:16], exact_masks=exact_masks,
            )
            for model in run.models
        ]  # fmt: skip
        if len(audits) == 1:
            run.show(audits[0], "Does the background decide?")
        else:
            figure = None
            if all(audit.attention is not None for audit in audits):
                measured = audits[0].evaluation.catalog
                rows = [number * len(measured) // 4 for number in range(4)]
                figure = saliency_figure(run.models, measured, rows, settings)
            compared = BackgroundComparison(audits, figure)
            run.show(compared, "Which model depends on the background?")
            run.verdicts = [compared.verdict(), *(audit.verdict() for audit in audits)]


def check_groups(groups: "Sequence[str] | None", models: "Sequence[object]") -> None:
    """Refuse groups that are not one for each of several models."""
    if groups and (len(models) < 2 or not all(group.strip() for group in groups)):
        raise ConfigError(
            "--group sorts several models into named groups: give two models or more, and name each group."
        )
    if groups and len(groups) != len(models):
        raise ConfigError(
            f"There are {len(groups)} groups for {len(models)} models: give one --group for each."
        )
