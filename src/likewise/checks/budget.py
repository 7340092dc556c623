"""Which checks fit into a budget of time."""

from likewise.checks.context import CheckContext
from likewise.checks.definition import Check
from likewise.progress import duration

_FLOOR_S = {"seconds": 1.0, "minutes": 15.0, "hours": 300.0}


def planned(
    checks: list[Check], context: CheckContext, embedding_s: float, budget_s: float | None
) -> tuple[list[Check], dict[str, str]]:
    """All checks, and why some are left out.

    Args:
        checks: The chosen checks.
        context: Number of images, and what does not apply anyway.
        embedding_s: Duration of the shared embedding.
        budget_s: Seconds for everything; None is no limit.

    Returns:
        The checks in their order, and the id of each that does not fit to a sentence. Cheap checks come first.
    """
    if budget_s is None:
        return checks, {}
    remaining_s = budget_s - embedding_s
    per_image = embedding_s / max(1, len(context.catalog))
    reasons: dict[str, str] = {}
    for check in sorted(checks, key=lambda each: estimate(each, len(context.catalog), per_image)):
        if context.why_not(check.needs):
            continue
        seconds = estimate(check, len(context.catalog), per_image)
        if seconds > remaining_s:
            reasons[check.id] = (
                f"{check.id} was left out: it takes about {duration(seconds)}, and "
                f"{duration(max(0.0, remaining_s))} of the budget were left; raise `--budget`."
            )
        else:
            remaining_s -= seconds
    return checks, reasons


def estimate(check: Check, images: int, embedding_s_per_image: float) -> float:
    """Rough seconds of a check beyond the shared embedding.

    Args:
        check: The check.
        images: Number of images of the catalog.
        embedding_s_per_image: Measured speed of the model.
    """
    return max(_FLOOR_S[check.cost], check.passes * images * embedding_s_per_image)
