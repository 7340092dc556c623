"""``likewise audit properties``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.audit import audit_app, check_groups
from likewise.cli.audit_options import AuditOptions, with_audit_options
from likewise.cli.audit_results import end_on, show
from likewise.cli.named_models import model_loaders
from likewise.cli.options import (
    CatalogFile,
    Groups,
    ModelsOrSweep,
    Seed,
    ShouldMatter,
    ShouldNotMatter,
)
from likewise.cli.output_checks import parts_beside
from likewise.cli.trained_on import warn_trained_on
from likewise.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from likewise.audit import PropertyAudit, PropertyComparison
    from likewise.data import Catalog
    from likewise.models import SimilarityModel

TITLE = "Which properties steer the embedding?"


def register(app: typer.Typer) -> None:  # noqa: ARG001 - the group is in the application already
    """Add the command to ``audit``."""
    audit_app.command("properties")(with_audit_options(properties))


def properties(
    models: ModelsOrSweep,
    catalog: CatalogFile,
    *,
    property_names: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="NAME",
            help="Column to measure. Repeatable. Default: all properties, and the label.",
        ),
    ] = None,
    should_matter: ShouldMatter = None,
    should_not_matter: ShouldNotMatter = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Exit with code 1 if the share of a property of --should-not-matter is above this, 0 to 1.",
        ),
    ] = None,
    group: Groups = None,
    ranks: Annotated[
        bool,
        typer.Option("--ranks", help="Also report rank correlations of numeric properties, without bins."),
    ] = False,
    period: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Period of a cyclic property for --ranks, for instance angle=360. Repeatable.",
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Compute the scores exactly as in the paper.")
    ] = False,
    permutations: Annotated[int, typer.Option(min=19, help="Number of permutations per p-value.")] = 999,
    seed: Seed = 0,
    common: AuditOptions,
) -> None:
    """Measure which properties (columns of the catalog) decide what a model finds similar.

    If interrupted, rerun the same command to resume (with --out).

    Example: `likewise audit properties runs/cars cars.parquet --should-not-matter bg_color_hue --fail-above 0.1`

    All losses of a sweep: `likewise audit properties sweeps/cars cars.parquet --split test --tables tables`
    """
    images = common.read(catalog)
    options: dict[str, Any] = {
        "names": property_names, "should_matter": should_matter or (),
        "should_not_matter": should_not_matter or (), "ranks": ranks, "periods": _periods(period),
        "published": published, "permutations": permutations, "seed": seed, "progress": True,
    }  # fmt: skip
    swept = _is_sweep(models)
    if swept and (group or common.name or common.weights or common.preprocessing):
        raise ConfigError(
            "A sweep defines its losses, their kinds and weights: leave --group, --name, --weights and "
            "--preprocessing out."
        )
    if not swept:
        check_groups(group, models)
    with parts_beside(common.out) as parts:
        options["parts"] = parts
        if swept:
            result, audits, facts = _of_sweep(models[0], images, common.device, options)
        else:
            loaders = model_loaders(models, common.name, common.weights, common.preprocessing, common.device)
            result, audits, facts = _of_models(loaders, images, group, options)
        more = audits if len(audits) > 1 and not swept else ()
        verdicts = show(result, TITLE, facts, common.output, more)
    from likewise.results import percent

    failed = [
        f"{audit.model}: '{score.name}' {percent(score.share, 0)}"
        for audit in audits
        for score in (audit.too_strong(fail_above) if fail_above is not None else [])
    ]
    crossed = f"Failed (--fail-above {fail_above:g}): {', '.join(failed)}." if failed else ""
    end_on(verdicts, common.fail_on, result.failures, crossed)


def _is_sweep(models: "Sequence[str]") -> bool:
    from likewise.training import is_sweep

    swept = [is_sweep(model) for model in models]
    if any(swept) and len(models) > 1:
        raise ConfigError(
            f"{models[swept.index(True)]} is a sweep, which includes all of its models: give it alone."
        )
    return any(swept)


def _of_sweep(
    sweep: str, catalog: "Catalog", device: str | None, options: dict[str, Any]
) -> "tuple[PropertyAudit | PropertyComparison, Sequence[PropertyAudit], dict[str, str]]":
    from likewise.audit import properties_of_sweep
    from likewise.models import pick_device

    comparison = properties_of_sweep(sweep, catalog, device=device, **options)
    facts = _facts(comparison.audits, catalog, options["seed"], pick_device(device))
    return comparison, comparison.audits, {"sweep": Path(sweep).name, **facts}


def _of_models(
    loaders: "Sequence[Callable[[], SimilarityModel]]",
    catalog: "Catalog",
    groups: "Sequence[str] | None",
    options: dict[str, Any],
) -> "tuple[PropertyAudit | PropertyComparison, Sequence[PropertyAudit], dict[str, str]]":
    """The audits of models that are loaded one after the other."""
    from likewise.audit import PropertyComparison
    from likewise.audit import properties as audit_properties

    audits: list[PropertyAudit] = []
    facts: dict[str, str] = {}
    for load_model in loaders:
        model = load_model()
        warnings = warn_trained_on([model], catalog)
        facts |= {f"{key} ({model.name})": text for key, text in warnings.items()}
        audits.append(audit_properties(model, catalog, **options))
    facts |= _facts(audits, catalog, options["seed"], model.device)
    return (audits[0] if len(audits) == 1 else PropertyComparison(audits, groups)), audits, facts


def _facts(
    audits: "Sequence[PropertyAudit]", catalog: "Catalog", seed: int, device: object
) -> dict[str, str]:
    from likewise.results import provenance

    models = [(audit.model, audit.fingerprint) for audit in audits]
    return provenance(models=models, catalog=catalog, seed=seed, device=str(device))


def _periods(texts: list[str] | None) -> dict[str, float]:
    periods = {}
    for text in texts or []:
        name, _, value = text.partition("=")
        try:
            periods[name.strip()] = float(value)
        except ValueError:
            raise ConfigError(f"--period is {text!r}: write NAME=VALUE, for instance angle=360.") from None
    return periods
