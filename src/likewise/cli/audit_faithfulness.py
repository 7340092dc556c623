"""``likewise audit faithfulness``."""

from typing import Annotated, Literal, cast

import typer

from likewise.cli.audit import audit_app
from likewise.cli.audit_options import AuditOptions, audit_run, with_audit_options
from likewise.cli.console import say
from likewise.cli.options import (
    BatchSize,
    CatalogFile,
    HideBy,
    HidingMasks,
    ModelName,
    Samples,
    Seed,
)


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("faithfulness")(with_audit_options(faithfulness))


def faithfulness(
    model: ModelName,
    catalog: CatalogFile,
    *,
    pairs: Annotated[
        int, typer.Option(min=5, help="Number of images, each explained with its nearest neighbour.")
    ] = 50,
    random_choices: Annotated[
        int, typer.Option(min=1, help="Number of random choices of hidden locations per pair and share.")
    ] = 5,
    hiding_masks: HidingMasks = None,
    hide_by: HideBy = "fill",
    samples: Samples = 15,
    seed: Seed = 0,
    batch_size: BatchSize = 64,
    common: AuditOptions,
) -> None:
    """Test whether a model's explanations are true: hide what they name, and measure the distance again.

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit faithfulness runs/birds birds.parquet --split test --out faithfulness.html`
    """
    from likewise.audit import faithfulness as audit_faithfulness
    from likewise.audit.explanation_faithfulness.verdict import fewest_pairs

    with audit_run(common, [model], catalog, seed) as run:
        if pairs < (fewest := fewest_pairs(run.models[0])):
            say(f"{pairs} pairs are too few for a certain verdict: use --pairs {fewest} or more.")
        result = audit_faithfulness(
            run.models[0], run.catalog, pairs, random_choices=random_choices, hiding_masks=hiding_masks,
            samples=samples, seed=seed, batch_size=batch_size, progress=True, parts=run.parts,
            hide_by=cast("Literal['fill', 'tokens']", hide_by),
        )  # fmt: skip
        run.show(result, "Are the explanations faithful?")
