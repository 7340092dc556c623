"""Options shared by all audits, and the course of an audit from the model names to the exit code."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.cli.audit_results import Output, check_fail_on, end_on, facts_of, show
from likewise.cli.catalogs import read_catalog
from likewise.cli.named_models import named_models
from likewise.cli.options import (
    AsJson,
    Device,
    FailOn,
    Names,
    Page,
    PreparedOf,
    Root,
    Split,
    Tables,
    WeightsOf,
)
from likewise.cli.output_checks import check_report, parts_beside
from likewise.cli.trained_on import warn_trained_on

if TYPE_CHECKING:
    from likewise.data import Catalog, Failure
    from likewise.models import SimilarityModel
    from likewise.report import HasSections
    from likewise.results import Result, Verdict


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """Options of every audit, checked before any work."""

    split: Split = None
    root: Root = None
    out: Page = None
    tables: Tables = None
    weights: WeightsOf = None
    preprocessing: PreparedOf = None
    name: Names = None
    device: Device = None
    fail_on: FailOn = None
    as_json: AsJson = False

    def __post_init__(self) -> None:
        check_report(self.out, self.tables)
        check_fail_on(self.fail_on)

    @property
    def output(self) -> Output:
        """Output of the result."""
        return Output(self.out, self.tables, self.as_json)

    def read(self, catalog: Path) -> "Catalog":
        """The images of the audit."""
        return read_catalog(catalog, self.root, split=self.split)


def with_audit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :class:`AuditOptions`, which it gets as the argument ``common``."""
    shared = [
        Parameter(option.name, Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type)
        for option in fields(AuditOptions)
    ]
    others = [parameter for parameter in signature(command).parameters.values() if parameter.name != "common"]

    @wraps(command)
    def run(**values: Any) -> None:
        common = AuditOptions(**{option.name: values.pop(option.name) for option in shared})
        command(**values, common=common)

    # Typer reads the options from both.
    run.__signature__ = Signature([*others, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*others, *shared]}
    return run


@dataclass
class AuditRun:
    """An audit under way.

    Attributes:
        models: The loaded models.
        catalog: The images.
        facts: Origin of the result, for the end of its page.
        parts: Folder that keeps what is measured, so that the command can be resumed; None without ``--out``.
        output: Output of the result.
        verdicts: Verdicts of the printed results; they decide the exit code.
        failures: Images that could not be used.
    """

    models: "list[SimilarityModel]"
    catalog: "Catalog"
    facts: dict[str, str]
    parts: Path | None
    output: Output
    verdicts: "Sequence[Verdict]" = ()
    failures: "Sequence[Failure]" = field(default=())

    def show(self, result: "Result | HasSections", title: str) -> None:
        """Print a result, and write its page and tables."""
        self.verdicts = show(result, title, self.facts, self.output)
        self.failures = list(getattr(result, "failures", ()))


@contextmanager
def audit_run(
    common: AuditOptions, models: Sequence[str], catalog: Path, seed: int | None
) -> Iterator[AuditRun]:
    """Read the catalog and load the models; afterwards, end the command with the exit code of the results."""
    images = common.read(catalog)
    loaded = named_models(models, common.name, common.weights, common.preprocessing, common.device)
    facts = {**warn_trained_on(loaded, images), **facts_of(loaded, images, seed)}
    with parts_beside(common.out) as parts:
        run = AuditRun(loaded, images, facts, parts, common.output)
        yield run
    end_on(run.verdicts, common.fail_on, run.failures)
