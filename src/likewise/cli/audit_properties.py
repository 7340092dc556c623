"""``likewise audit properties``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.audit import audit_app, check_groups
from likewise.cli.audit_models import Names, PreparedOf, WeightsOf, model_loaders
from likewise.cli.audit_results import (
    FailOn,
    Output,
    Page,
    Tables,
    check_fail_on,
    end_on,
    show,
)
from likewise.cli.catalogs import read_catalog
from likewise.cli.options import AsJson, CatalogFile, Compared, Device, Root, Split
from likewise.cli.targets import check_report, parts_beside
from likewise.cli.trained_on import warn_trained_on
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from likewise.audit import PropertyAudit
    from likewise.data import Catalog

TITLE = "Which properties steer the embedding?"


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("properties")(properties)


def properties(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A Run's folder, likewise:small, timm:NAME, onnx:FILE, hf:org/name, torch:package.module:function; "
            "or a sweep.",
        ),
    ],
    catalog: CatalogFile,
    *,
    names: Annotated[
        str | None,
        typer.Option("--properties", help="Comma-separated columns. [default: all, and the label]"),
    ] = None,
    should_not: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Comma-separated properties that ought not to matter.")
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Exit with 1 where an unwanted property's share is above this."),
    ] = None,
    compare: Compared = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Group of each model, in order; two groups are tested.")
    ] = None,
    ranks: Annotated[
        bool, typer.Option(help="Properties that are numbers: by rank correlation, too, without bins.")
    ] = False,
    period: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="For --ranks: a property that goes round, e.g. angle=360; repeatable."
        ),
    ] = None,
    published: Annotated[bool, typer.Option(help="Scores in the paper's form.")] = False,
    permutations: Annotated[int, typer.Option(min=19, help="Shufflings behind each p-value.")] = 999,
    seed: Annotated[int, typer.Option(min=0, help="Of the shufflings.")] = 0,
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
    """Which properties (columns of the catalog) steer what a model finds similar, and does one that should not?

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit properties runs/cars cars.parquet --should-not bg_color_hue --fail-above 0.1`

    All losses of a sweep: `likewise audit properties sweeps/cars cars.parquet --split test --tables tables`
    """
    from likewise.audit import PropertyAudit, PropertyComparison, properties_of_sweep
    from likewise.audit import properties as audit_properties
    from likewise.models import pick_device
    from likewise.training import is_sweep

    check_report(out, tables)
    check_fail_on(fail_on)
    chosen = read_catalog(catalog, root, split=split)
    options: dict[str, Any] = {
        "names": _listed(names), "should_not": _listed(should_not) or (), "ranks": ranks, "periods": _periods(period),
        "published": published, "permutations": permutations, "seed": seed, "progress": True,
    }  # fmt: skip
    swept, given = is_sweep(model), [model, *(compare or [])]
    if swept and (compare or group or name or weights or preprocessing):
        raise ConfigError(
            "A sweep holds its losses, their kinds and weights: leave --compare, --group, --name, --weights and "
            "--preprocessing out."
        )
    if not swept:
        check_groups(group, given)
    output, facts = Output(out, tables, as_json), dict[str, str]()
    with parts_beside(out) as parts:
        options["parts"] = parts
        if swept:
            result: PropertyAudit | PropertyComparison
            result = comparison = properties_of_sweep(model, chosen, **options)
            audits = comparison.audits
            facts = {"sweep": Path(model).name, **_facts(audits, chosen, seed, pick_device(None))}
            verdicts = show(result, TITLE, facts, output)
        else:
            loaders = model_loaders(given, name, weights, preprocessing, device)
            audits = []
            for make in loaders:
                loaded = make()
                facts |= {
                    f"{key} ({loaded.name})": text for key, text in warn_trained_on([loaded], chosen).items()
                }
                audits.append(audit_properties(loaded, chosen, **options))
            result = audits[0] if len(audits) == 1 else PropertyComparison(audits, group)
            facts |= _facts(audits, chosen, seed, loaded.device)
            verdicts = show(result, TITLE, facts, output, audits if len(audits) > 1 else ())
    failed = [
        f"{audit.model}: '{one.name}' {one.share:.0%}"
        for audit in audits
        for one in (audit.unwanted_above(fail_above) if fail_above is not None else [])
    ]
    crossed = f"Failed (--fail-above {fail_above:g}): {', '.join(failed)}." if failed else ""
    end_on(verdicts, fail_on, result.failures, crossed)


def _facts(
    audits: "Sequence[PropertyAudit]", catalog: "Catalog", seed: int, device: object
) -> dict[str, str]:
    from likewise.results import provenance

    models = [(audit.model, audit.fingerprint) for audit in audits]
    return provenance(models=models, catalog=catalog, seed=seed, device=str(device))


def _periods(texts: list[str] | None) -> dict[str, float]:
    found = {}
    for text in texts or []:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ConfigError(f"--period is {text!r}: write NAME=VALUE, for instance angle=360.") from None
    return found


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
