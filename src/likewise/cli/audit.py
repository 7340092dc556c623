"""``likewise audit``: what a model really looks at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from likewise.cli.audit_models import Names, PreparedOf, WeightsOf, named_models
from likewise.cli.audit_results import FailOn, Output, Page, Tables, check_fail_on, end_on, facts_of, show
from likewise.cli.catalogs import read_catalog
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Compared,
    Device,
    ModelName,
    Root,
    Split,
)
from likewise.cli.targets import check_report, parts_beside
from likewise.cli.trained_on import warn_trained_on
from likewise.errors import ConfigError, choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from likewise.explain import SaliencySettings

audit_app = typer.Typer(
    name="audit",
    help="Measure what a model looks at: background, properties, agreement with other models.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add ``audit`` to ``app``."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("background")
def background(
    model: ModelName,
    catalog: CatalogFile,
    *,
    backgrounds: Annotated[
        Path, typer.Option(help="Folder of photos without an object, not those of the training.")
    ],
    compare: Compared = None,
    split: Split = None,
    root: Root = None,
    repeats: Annotated[int, typer.Option(min=1, help="Draws of backgrounds.")] = 5,
    compositing: Annotated[
        str, typer.Option(help="published, or clean: old colours taken out of soft edges.")
    ] = "published",
    attention: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Images with an attention score. [default: all on a GPU, else 60; 0 without gradients]",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="How attention is found: smoothgrad, gradient, gradient_x_input, integrated_gradients, grad_cam or "
            "occlusion (needs no gradients)."
        ),
    ] = "smoothgrad",
    exact_masks: Annotated[
        bool | None,
        typer.Option(
            "--exact-masks/--judge-masks",
            help="The masks are exact: trust them; or judge whether they look plausible. [default: judge, unless the "
            "catalog's column mask_status says exact, as in rendered catalogs]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the background draws.")] = 0,
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
    """Does the background decide what the model finds similar? Needs object masks (`likewise masks`).

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit background runs/birds birds-masked.parquet --split test --backgrounds photos --out bg.html`
    """
    from likewise.audit import BackgroundAudit, BackgroundComparison, saliency_figure
    from likewise.audit import background as audit_background
    from likewise.audit.background_bias.audit import require_attention

    check_report(out, tables)
    check_fail_on(fail_on)
    settings = saliency_settings(method)
    chosen = read_catalog(catalog, root, split=split)
    models = named_models([model, *(compare or [])], name, weights, preprocessing, device)
    seen = warn_trained_on(models, chosen)
    for one in models:
        require_attention(one, attention, settings)
    figure = None
    output, facts = Output(out, tables, as_json), {**seen, **facts_of(models, chosen, seed)}
    with parts_beside(out) as parts:
        audits = [
            audit_background(
                one, chosen, backgrounds, repeats, compositing=cast("Any", compositing), attention_images=attention,
                saliency=settings, seed=seed, batch_size=batch_size, progress=True,
                parts=None if parts is None else parts / one.fingerprint[:16], exact_masks=exact_masks,
            )
            for one in models
        ]  # fmt: skip
        if len(audits) > 1 and all(one.attention is not None for one in audits):
            shown = audits[0].evaluation.catalog
            rows = [number * len(shown) // 4 for number in range(4)]
            figure = saliency_figure(models, shown, rows, settings)
        result: BackgroundAudit | BackgroundComparison
        if len(audits) == 1:
            result = audits[0]
            verdicts = show(result, "Does the background decide?", facts, output)
        else:
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
            "--group sorts several models into named groups: compare two or more, and name each group."
        )
    if groups and len(groups) != len(models):
        raise ConfigError(
            f"There are {len(groups)} groups for {len(models)} models: give one --group for each."
        )
