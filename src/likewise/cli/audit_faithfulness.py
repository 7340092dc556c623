"""``likewise audit faithfulness``."""

from typing import Annotated

import typer

from likewise.cli.audit import audit_app
from likewise.cli.audit_models import Names, PreparedOf, WeightsOf, named_models
from likewise.cli.audit_results import FailOn, Output, Page, Tables, check_fail_on, end_on, facts_of, show
from likewise.cli.catalogs import read_catalog
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Copies,
    Device,
    ModelName,
    Root,
    Split,
)
from likewise.cli.targets import check_report, parts_beside
from likewise.cli.trained_on import warn_trained_on


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("faithfulness")(faithfulness)


def faithfulness(
    model: ModelName,
    catalog: CatalogFile,
    *,
    pairs: Annotated[int, typer.Option(min=5, help="Images that are explained and hidden.")] = 50,
    draws: Annotated[int, typer.Option(min=1, help="Random choices for each pair and share.")] = 5,
    copies: Copies = 8,
    samples: Annotated[int, typer.Option(min=1, help="Noisy copies of each saliency map.")] = 15,
    seed: Annotated[int, typer.Option(min=0, help="Of random choices, hidden places and noise.")] = 0,
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
    """Are the model's explanations true? Hides what they name and measures the distance again.

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit faithfulness runs/birds birds.parquet --split test --out faithfulness.html`
    """
    from likewise.audit import faithfulness as audit_faithfulness

    check_report(out, tables)
    check_fail_on(fail_on)
    chosen = read_catalog(catalog, root, split=split)
    loaded = named_models([model], name, weights, preprocessing, device)[0]
    seen = warn_trained_on([loaded], chosen)
    with parts_beside(out) as parts:
        found = audit_faithfulness(
            loaded, chosen, pairs, draws=draws, copies=copies, samples=samples, seed=seed,
            batch_size=batch_size, progress=True, parts=parts,
        )  # fmt: skip
        facts = {**seen, **facts_of([loaded], chosen, seed)}
        verdicts = show(found, "Are the explanations true?", facts, Output(out, tables, as_json))
    end_on(verdicts, fail_on, found.failures)
