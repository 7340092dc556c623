"""Which page belongs to which result."""

from functools import singledispatch

from likewise.audit import (
    AgreementAudit,
    BackgroundAudit,
    BackgroundComparison,
    FaithfulnessAudit,
    PropertyAudit,
    PropertyComparison,
)
from likewise.audit.evaluation import EvaluationSummary
from likewise.errors import InputError
from likewise.report import agreement, background, evaluation, faithfulness, properties, sweep
from likewise.report.sections import Section
from likewise.training import SweepResults


@singledispatch
def page_sections(result: object) -> list[Section]:
    """The sections of a result, chosen by its type.

    Raises:
        InputError: It is no result.
    """
    raise InputError(
        f"{type(result).__name__} cannot be shown on a page: give a result of likewise, or an object with the "
        "methods sections() and verdict()."
    )


page_sections.register(AgreementAudit, agreement.sections)
page_sections.register(BackgroundAudit, background.sections)
page_sections.register(BackgroundComparison, background.comparison_sections)
page_sections.register(EvaluationSummary, evaluation.sections)
page_sections.register(FaithfulnessAudit, faithfulness.sections)
page_sections.register(PropertyAudit, properties.sections)
page_sections.register(PropertyComparison, properties.comparison_sections)
page_sections.register(SweepResults, sweep.sections)
