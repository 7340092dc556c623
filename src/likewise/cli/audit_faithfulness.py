"""``likewise audit faithfulness``."""

from typing import Annotated

import typer

from likewise.cli.audit import audit_app
from likewise.cli.audit_models import named_models
from likewise.cli.audit_results import Output, check_fail_on, end_on, facts_of, show
from likewise.cli.catalogs import read_catalog
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Device,
    FailOn,
    HidingMasks,
    ModelName,
    Names,
    Page,
    PreparedOf,
    Root,
    Samples,
    Seed,
    Split,
    Tables,
    WeightsOf,
)
from likewise.cli.output_checks import check_report, parts_beside
from likewise.cli.trained_on import warn_trained_on


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("faithfulness")(faithfulness)


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
    hiding_masks: HidingMasks = 8,
    samples: Samples = 15,
    seed: Seed = 0,
    split: Split = None,
    root: Root = None,
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
    """Test whether a model's explanations are true: hide what they name, and measure the distance again.

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit faithfulness runs/birds birds.parquet --split test --out faithfulness.html`
    """
    from likewise.audit import faithfulness as audit_faithfulness

    check_report(out, tables)
    check_fail_on(fail_on)
    images = read_catalog(catalog, root, split=split)
    loaded_model = named_models([model], name, weights, preprocessing, device)[0]
    warnings = warn_trained_on([loaded_model], images)
    with parts_beside(out) as parts:
        result = audit_faithfulness(
            loaded_model, images, pairs, random_choices=random_choices, hiding_masks=hiding_masks, samples=samples,
            seed=seed, batch_size=batch_size, progress=True, parts=parts,
        )  # fmt: skip
        facts = {**warnings, **facts_of([loaded_model], images, seed)}
        verdicts = show(result, "Are the explanations faithful?", facts, Output(out, tables, as_json))
    end_on(verdicts, fail_on, result.failures)
