"""``likewise audit faithfulness``."""

from typing import Annotated

import typer

from likewise.cli.audit import Page, Tables, audit_app, show
from likewise.cli.catalogs import read_catalog
from likewise.cli.options import (
    AsJson,
    BatchSize,
    CatalogFile,
    Copies,
    Device,
    ModelName,
    Prepared,
    Root,
    Split,
    Weights,
)
from likewise.cli.targets import check_report, parts_beside


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
    weights: Weights = None,
    preprocessing: Prepared = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Are the model's explanations true? Hides what they name and measures the distance again.

    Stopped, the same command goes on where it was (with --out).

    Example: `likewise audit faithfulness runs/birds birds.parquet --split test --out faithfulness.html`
    """
    from likewise.audit import faithfulness as audit_faithfulness
    from likewise.models import load

    check_report(out, tables)
    chosen = read_catalog(catalog, root, split=split)
    loaded = load(model, weights, device, preprocessing=preprocessing)
    with parts_beside(out) as parts:
        found = audit_faithfulness(
            loaded, chosen, pairs, draws=draws, copies=copies, samples=samples, seed=seed,
            batch_size=batch_size, progress=True, parts=parts,
        )  # fmt: skip
        show(found, "Are the explanations true?", [loaded.name, str(catalog)], out, tables, as_json)
