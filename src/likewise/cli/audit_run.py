"""``likewise audit run``: an audit by its name, also one of the user's own."""

from typing import Annotated

import typer

from likewise.cli.audit import audit_app
from likewise.cli.audit_options import AuditOptions, audit_run, with_audit_options
from likewise.cli.options import (
    CatalogFile,
    ModelName,
)
from likewise.extensions import is_reference, trust


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("run")(with_audit_options(run_audit))


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
    common: AuditOptions,
) -> None:
    """Run an audit by its name, for example one of your own.

    Example: `likewise audit run runs/birds birds.parquet my_audits:crowding -o images=500 --out crowding.html`
    """
    from likewise.audit import registry

    if is_reference(audit):
        trust(audit)
    options = registry.parse_options(audit, option or [])
    with audit_run(common, [model], catalog, registry.seed_of(audit, options)) as run:
        run.facts = {"audit": audit, **run.facts}
        run.show(registry.run(audit, run.models[0], run.catalog, **options), registry.title(audit))
