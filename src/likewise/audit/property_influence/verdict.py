"""Verdict of the property audit."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from likewise.audit.significance import LEVEL, p_words, percent, units_needed
from likewise.results import Verdict

if TYPE_CHECKING:
    from likewise.audit.property_influence.result import PropertyAudit, PropertyInfluence

NOTABLE, SERIOUS = 0.05, 0.2  # share of the way from chance to perfect grouping


def verdict(audit: "PropertyAudit") -> Verdict:
    """The property that steers the model most, and whether properties matter as they should."""
    measures = {
        influence.name: {
            "share": influence.share, "p_value": influence.p_value,
            "should_matter": audit.should_matter.get(influence.name),
            "interval": None if influence.interval is None else influence.interval._asdict(),
        }
        for influence in audit.influences
    }  # fmt: skip
    thresholds = {"notable": NOTABLE, "serious": SERIOUS, "p_value": LEVEL}
    return replace(_answer(audit), measures=measures, thresholds=thresholds)


def _answer(audit: "PropertyAudit") -> Verdict:
    strongest = next((influence for influence in audit.influences if influence.p_value < LEVEL), None)
    most = (
        f"For {audit.model}, no property groups images significantly beyond chance." if strongest is None
        else f"{audit.model} groups images most by '{strongest.name}', {percent(strongest.share)} of the way from "
        "chance to perfect grouping."
    )  # fmt: skip
    if not audit.should_matter:
        if strongest is None:
            return Verdict(
                "No property steers the embedding significantly.", "info", _evidence(audit), "", most
            )
        return Verdict(
            f"'{_short(strongest.name)}' steers the embedding most.", "info", _evidence(audit), "", most,
            percent(strongest.share),
        )  # fmt: skip
    return (
        _matters(audit, most)
        or _absent(audit, most)
        or _cannot_tell(audit, most)
        or _not_measured(audit, most)
        or _as_it_should(audit, most)
    )


def _matters(audit: "PropertyAudit", most: str) -> Verdict | None:
    """A property that should not matter has a significant influence of notable size; the strongest of them."""
    significant = [
        influence
        for influence in audit.expected(matter=False)
        if influence.p_value < LEVEL and influence.share >= NOTABLE
    ]
    if not significant:
        return None
    worst = max(significant, key=lambda influence: influence.share)
    others = [f"'{influence.name}'" for influence in significant if influence is not worst]
    also = f" The same is true of {', '.join(others)}." if others else ""
    return Verdict(
        f"'{_short(worst.name)}' should not matter, but does.", "bad" if worst.share >= SERIOUS else "warning",
        _evidence(audit), f"Vary '{worst.name}' within each class of the training images, or by augmentation.",
        f"'{worst.name}' reaches {percent(worst.share)} of the way from chance to perfect grouping.{also} {most}",
        percent(worst.share),
    )  # fmt: skip


def _absent(audit: "PropertyAudit", most: str) -> Verdict | None:
    """A notable influence of a property that should matter is excluded; the weakest of them."""
    absent = [influence for influence in audit.expected(matter=True) if _may_reach(influence) < NOTABLE]
    if not absent:
        return None
    weakest = min(absent, key=lambda influence: influence.share)
    return Verdict(
        f"'{_short(weakest.name)}' should matter, but does not.", "bad", _evidence(audit),
        f"Train with '{weakest.name}' as the label.",
        f"'{weakest.name}' reaches at most {percent(_may_reach(weakest))} of the way from chance to perfect grouping. "
        f"{most}",
        percent(weakest.share),
    )  # fmt: skip


def _cannot_tell(audit: "PropertyAudit", most: str) -> Verdict | None:
    """An influence that should be there, or a serious one that should not, is neither shown nor excluded."""
    open_questions = [
        influence
        for influence in audit.influences
        if influence.p_value >= LEVEL
        and (expected := audit.should_matter.get(influence.name)) is not None
        and (expected or _may_reach(influence) >= SERIOUS)
    ]
    smallest = len(audit.influences) / (1 + audit.permutations) if audit.permutations else 0.0
    if smallest >= LEVEL and (
        open_questions or any(influence.share >= NOTABLE for influence in audit.expected(matter=False))
    ):
        needed = math.ceil(len(audit.influences) / LEVEL)
        return Verdict(
            "Too few permutations to tell what matters.", "unsure", _evidence(audit),
            f"Repeat with --permutations {needed} or more.",
            f"With {audit.permutations} permutations and {len(audit.influences)} properties, no p-value can be below "
            f"{smallest:z.2f}. {most}",
        )  # fmt: skip
    if not open_questions:
        return None
    worst = max(open_questions, key=_may_reach)
    needed = 2 * audit.images
    if worst.interval is not None:
        apart = worst.share if audit.should_matter[worst.name] else max(worst.share, SERIOUS - worst.share)
        needed = units_needed(audit.images, worst.interval, max(apart, 0.01))
    return Verdict(
        f"Too few images to tell whether '{_short(worst.name, 2)}' matters.", "unsure", _evidence(audit),
        f"Measure on about {needed} images.",
        f"'{worst.name}' reaches between nothing and {percent(_may_reach(worst))} of the way to perfect grouping (p "
        f"{p_words(worst.p_value)} on {audit.images} images). {most}",
        percent(worst.share),
    )  # fmt: skip


def _not_measured(audit: "PropertyAudit", most: str) -> Verdict | None:
    """A property that should matter, or should not, could not be used."""
    unusable = {name: reason for name, reason in audit.left_out.items() if name in audit.should_matter}
    if not unusable:
        return None
    name = next(iter(unusable))
    reasons = "; ".join(f"'{name}': {reason}" for name, reason in unusable.items())
    return Verdict(
        f"Cannot tell whether '{_short(name)}' matters.", "unsure", _evidence(audit),
        f"Measure on images that share, and differ in, values of '{name}'.",
        f"Not measured: {reasons}. {most}",
    )  # fmt: skip


def _as_it_should(audit: "PropertyAudit", most: str) -> Verdict:
    weak, strong = audit.expected(matter=False), audit.expected(matter=True)
    if len(weak) + len(strong) == 1:
        verb = "hardly matters" if weak else "matters"
        headline = f"'{_short((weak or strong)[0].name)}' {verb}, as it should."
    elif weak and strong:
        headline = "The properties matter and do not matter as they should."
    else:
        headline = f"The properties {'hardly matter' if weak else 'matter'}, as they should."
    worst = weak[0] if weak else strong[-1]
    return Verdict(
        headline, "good", _evidence(audit), "",
        f"'{worst.name}' reaches {percent(worst.share)} of the way from chance to perfect grouping. {most}",
        percent(worst.share),
    )  # fmt: skip


def _may_reach(influence: "PropertyInfluence") -> float:
    """The largest share that the images do not exclude."""
    return influence.share if influence.interval is None else max(influence.share, influence.interval.high)


def _short(name: str, words: int = 3) -> str:
    """A property's name in a headline of at most ten words."""
    return (
        name if len(name) <= 40 and len(name.split()) <= words else f"{' '.join(name.split()[:words])[:36]}…"
    )


def _evidence(audit: "PropertyAudit") -> list[str]:
    """The four strongest properties, and each that should or should not matter."""
    listed = [
        influence
        for place, influence in enumerate(audit.influences)
        if place < 4 or influence.name in audit.should_matter
    ]
    return [
        f"'{influence.name}': {percent(influence.share)} of the way from chance to perfect grouping"
        f"{_interval(influence)}, NR-Prec {influence.score:z.1f}, p {p_words(influence.p_value)} "
        f"(corrected for {len(audit.influences)} properties)."
        for influence in listed
    ]


def _interval(influence: "PropertyInfluence") -> str:
    if influence.interval is None:
        return ""
    return f" (95 % interval over images {percent(influence.interval.low)} to {percent(influence.interval.high)})"
