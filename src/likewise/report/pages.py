"""Pages of results."""

from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Any

from likewise.audit import (
    AgreementAudit,
    BackgroundAudit,
    BackgroundComparison,
    FaithfulnessAudit,
    PropertyAudit,
    PropertyComparison,
    RobustnessAudit,
)
from likewise.audit.evaluation import EvaluationSummary
from likewise.errors import InputError
from likewise.report import agreement, background, evaluation, faithfulness, properties, robustness, sweep
from likewise.report.sections import Section
from likewise.results import Cell, Result, Table
from likewise.training import SweepResults


@singledispatch
def page_sections(result: object) -> list[Section]:
    """The sections of a result, chosen by its type; a table of all its numbers where it has no page.

    Raises:
        InputError: It is not a result.
    """
    if isinstance(result, Result):
        values = {key: value for key, value in result.to_dict().items() if key != "verdict"}
        return [Section("All numbers", table=Table(["name", "value"], list(_rows(values))))]
    raise InputError(
        f"{type(result).__name__} cannot be shown on a page: give a result of likewise, or an object with the "
        "methods sections() and verdict()."
    )


def _rows(values: Mapping[str, Any], prefix: str = "") -> Iterator[list[Cell]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{key}.")
        else:
            plain = value is None or isinstance(value, str | bool | int | float)
            yield [f"{prefix}{key}", value if plain else str(value)]


page_sections.register(AgreementAudit, agreement.sections)
page_sections.register(BackgroundAudit, background.sections)
page_sections.register(BackgroundComparison, background.comparison_sections)
page_sections.register(EvaluationSummary, evaluation.sections)
page_sections.register(FaithfulnessAudit, faithfulness.sections)
page_sections.register(PropertyAudit, properties.sections)
page_sections.register(PropertyComparison, properties.comparison_sections)
page_sections.register(RobustnessAudit, robustness.sections)
page_sections.register(SweepResults, sweep.sections)
