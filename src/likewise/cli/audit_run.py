"""``likewise audit run``: an audit by its name, also one of the user's own."""

from typing import Annotated

import typer

from likewise.cli.audit import audit_app
from likewise.cli.audit_models import named_models
from likewise.cli.audit_results import Output, check_fail_on, end_on, facts_of, show
from likewise.cli.catalogs import read_catalog
from likewise.cli.options import (
    AsJson,
    CatalogFile,
    Device,
    FailOn,
    ModelName,
    Names,
    Page,
    PreparedOf,
    Root,
    Split,
    Tables,
    WeightsOf,
)
from likewise.cli.output_checks import check_report
from likewise.cli.trained_on import warn_trained_on
from likewise.extensions import is_reference, trust


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("run")(run_audit)


def run_audit(
    model: ModelName,
    catalog: CatalogFile,
    audit: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of an audit that an installed package provides, or package.module:function.",
        ),
    ],
    *,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="OPTION=VALUE", help="Option of the audit; repeatable."),
    ] = None,
    split: Split = None,
    root: Root = None,
    out: Page = None,
    tables: Tables = None,
    weights: WeightsOf = None,
    preprocessing: PreparedOf = None,
    name: Names = None,
    device: Device = None,
    fail_on: FailOn = None,
    as_json: AsJson = False,
) -> None:
    """Run an audit by its name, for example one of your own.

    Example: `likewise audit run runs/birds birds.parquet my_audits:crowding -o images=500 --out crowding.html`
    """
    from likewise.audit import registry

    check_report(out, tables)
    check_fail_on(fail_on)
    if is_reference(audit):
        trust(audit)
    options = registry.parse_options(audit, option or [])
    images = read_catalog(catalog, root, split=split)
    loaded_model = named_models([model], name, weights, preprocessing, device)[0]
    warnings = warn_trained_on([loaded_model], images)
    result = registry.run(audit, loaded_model, images, **options)
    seed = options.get("seed")
    facts = {
        "audit": audit, **warnings,
        **facts_of([loaded_model], images, seed if isinstance(seed, int) else None),
    }  # fmt: skip
    verdicts = show(result, registry.title(audit), facts, Output(out, tables, as_json))
    end_on(verdicts, fail_on, list(getattr(result, "failures", ())))
