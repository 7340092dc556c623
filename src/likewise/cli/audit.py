"""``likewise audit``: what a model really looks at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.audit_models import named_models
from likewise.cli.audit_results import Output, check_fail_on, end_on, facts_of, show
from likewise.cli.catalogs import read_catalog
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Device,
    FailOn,
    Method,
    ModelNames,
    Names,
    Page,
    PreparedOf,
    Repeats,
    Root,
    Seed,
    Split,
    Tables,
    WeightsOf,
)
from likewise.cli.output_checks import check_report, parts_beside
from likewise.cli.trained_on import warn_trained_on
from likewise.errors import ConfigError, choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from likewise.explain import SaliencySettings

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
def background(
    models: ModelNames,
    catalog: CatalogFile,
    *,
    backgrounds: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder of photos without an object, other than those of the training."
        ),
    ],
    split: Split = None,
    root: Root = None,
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
    exact_masks: Annotated[
        bool | None,
        typer.Option(
            "--exact-masks/--no-exact-masks",
            help="Trust the masks as exact, or judge whether they look plausible. Default: trust them only if the "
            "catalog's column mask_status says so, as in rendered catalogs.",
        ),
    ] = None,
    seed: Seed = 0,
    batch_size: BatchSize = 64,
    out: Page = None,
    tables: Tables = None,
    weights: WeightsOf = None,
    preprocessing: PreparedOf = None,
    name: Names = None,
    device: Device = None,
    fail_on: FailOn = None,
    as_json: AsJson = False,
) -> None:
    """Measure whether the background decides what a model finds similar. Needs object masks (`likewise masks`).

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit background runs/birds birds-masked.parquet --split test --backgrounds photos --out bg.html`

    Two models: `likewise audit background runs/a runs/b masked.parquet --backgrounds photos --out compared.html`
    """
    from likewise.audit import BackgroundAudit, BackgroundComparison, saliency_figure
    from likewise.audit import background as audit_background
    from likewise.audit.background_bias.audit import require_attention

    check_report(out, tables)
    check_fail_on(fail_on)
    settings = saliency_settings(method)
    images = read_catalog(catalog, root, split=split)
    loaded = named_models(models, name, weights, preprocessing, device)
    facts = warn_trained_on(loaded, images)
    for model in loaded:
        require_attention(model, attention_images, settings)
    facts |= facts_of(loaded, images, seed)
    output = Output(out, tables, as_json)
    with parts_beside(out) as parts:
        audits = [
            audit_background(
                model, images, backgrounds, repeats, compositing=cast("Any", compositing), seed=seed,
                attention_images=attention_images, saliency=settings, batch_size=batch_size, progress=True,
                parts=None if parts is None else parts / model.fingerprint[:16], exact_masks=exact_masks,
            )
            for model in loaded
        ]  # fmt: skip
        result: BackgroundAudit | BackgroundComparison
        if len(audits) == 1:
            result = audits[0]
            verdicts = show(result, "Does the background decide?", facts, output)
        else:
            figure = None
            if all(audit.attention is not None for audit in audits):
                measured = audits[0].evaluation.catalog
                rows = [number * len(measured) // 4 for number in range(4)]
                figure = saliency_figure(loaded, measured, rows, settings)
            result = BackgroundComparison(audits, figure)
            show(result, "Which model depends on the background?", facts, output)
            verdicts = [result.verdict(), *(audit.verdict() for audit in audits)]
    end_on(verdicts, fail_on, result.failures)


def saliency_settings(method: str, **options: Any) -> "SaliencySettings":
    """Settings of saliency maps.

    Raises:
        ConfigError: There is no such method.
    """
    from typing import get_args

    from likewise.explain import SaliencySettings
    from likewise.explain.settings import Method

    if method not in get_args(Method):
        raise ConfigError(f"--method cannot be {method!r}: {choices(method, get_args(Method))}")
    return SaliencySettings(method=cast("Any", method), **options)


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
