"""Which checks fit into a budget of time."""

from collections.abc import Collection

from likewise.checks.context import CheckContext
from likewise.checks.definition import Check
from likewise.checks.registry import get
from likewise.printable import duration

_FLOOR_S = {"seconds": 0.1, "minutes": 2.0, "hours": 300.0}


def planned(
    checks: list[Check],
    context: CheckContext,
    embedding_s: float,
    budget_s: float | None,
    *,
    spent_s: float | None = None,
    finished: Collection[str] = (),
) -> tuple[list[Check], dict[str, str]]:
    """All checks, and why some are left out.

    Args:
        checks: The chosen checks.
        context: Number of images, and what does not apply anyway.
        embedding_s: Duration of embedding all images once.
        budget_s: Seconds for everything; None is no limit.
        spent_s: Seconds that have passed: fewer than ``embedding_s`` if an earlier run has embedded the images. None:
            ``embedding_s``.
        finished: Ids of the checks that an earlier run has finished; they take no time.

    Returns:
        The checks in their order, and the id of each that does not fit to a sentence. Cheap checks come first.
    """
    if budget_s is None:
        return checks, {}
    remaining_s = budget_s - (embedding_s if spent_s is None else spent_s)
    seconds = {
        check.id: 0.0 if check.id in finished else expected_s(check, context, embedding_s) for check in checks
    }
    reasons: dict[str, str] = {}
    measured: set[str] = set()
    for check in sorted(checks, key=lambda each: seconds[each.id]):
        needed_s = 0.0 if check.id in measured else seconds[check.id]
        if check.shares not in {"", *measured} and seconds[check.id]:
            needed_s += expected_s(get(check.shares), context, embedding_s)
        if needed_s > max(0.0, remaining_s):
            reasons[check.id] = (
                f"{check.id} was left out: it takes {_words(needed_s, 'about ')}, and "
                f"{_words(max(0.0, remaining_s))} of the budget were left; raise `--budget`."
            )
        else:
            remaining_s -= needed_s
            measured |= {check.id, check.shares} if seconds[check.id] else set()
    return checks, reasons


def _words(seconds: float, about: str = "") -> str:
    return "less than 1 s" if 0 < seconds < 1 else about + duration(seconds)


def expected_s(check: Check, context: CheckContext, embedding_s: float) -> float:
    """Rough seconds of a check beyond embedding all images once (``embedding_s``); 0 if it does not apply."""
    if context.why_not(check.needs):
        return 0.0
    return max(
        _FLOOR_S[check.cost], expected_passes(check, context) * embedding_s / max(1, len(context.catalog))
    )


def expected_passes(check: Check, context: CheckContext) -> float:
    """Forward passes of a check beyond embedding all images once; 0 if it does not apply."""
    if context.why_not(check.needs):
        return 0.0
    return check.passes(context) if callable(check.passes) else check.passes * max(1, len(context.catalog))
