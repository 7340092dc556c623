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
    """The property that steers the model most, and whether an unwanted one does."""
    measures = {
        influence.name: {
            "share": influence.share, "p_value": influence.p_value, "unwanted": influence.unwanted,
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
    unwanted = [influence for influence in audit.influences if influence.unwanted]
    if not unwanted:
        if strongest is None:
            return Verdict(
                "No property steers the embedding significantly.", "info", _evidence(audit), "", most
            )
        return Verdict(
            f"'{_short(strongest.name)}' steers the embedding most.", "info", _evidence(audit), "", most,
            percent(strongest.share),
        )  # fmt: skip
    return (
        _matters(audit, unwanted, most)
        or _cannot_tell(audit, unwanted, most)
        or _little(audit, unwanted, most)
    )


def _matters(audit: "PropertyAudit", unwanted: "list[PropertyInfluence]", most: str) -> Verdict | None:
    """An unwanted property whose influence is shown and large enough to matter; the strongest of them."""
    significant = [
        influence for influence in unwanted if influence.p_value < LEVEL and influence.share >= NOTABLE
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


def _cannot_tell(audit: "PropertyAudit", unwanted: "list[PropertyInfluence]", most: str) -> Verdict | None:
    """A serious influence of an unwanted property is neither shown nor excluded."""
    open_ones = [
        influence for influence in unwanted if influence.p_value >= LEVEL and _may_reach(influence) >= SERIOUS
    ]
    smallest = len(audit.influences) / (1 + audit.permutations) if audit.permutations else 0.0
    if smallest >= LEVEL and any(influence.share >= NOTABLE for influence in unwanted):
        needed = math.ceil(len(audit.influences) / LEVEL)
        return Verdict(
            "Too few permutations to tell what matters.", "unsure", _evidence(audit),
            f"Repeat with --permutations {needed} or more.",
            f"With {audit.permutations} permutations and {len(audit.influences)} properties, no p-value can be below "
            f"{smallest:.2f}. {most}",
        )  # fmt: skip
    if not open_ones:
        return None
    worst = max(open_ones, key=_may_reach)
    needed = 2 * audit.images
    if worst.interval is not None:
        needed = units_needed(audit.images, worst.interval, max(worst.share, SERIOUS - worst.share, 0.01))
    return Verdict(
        f"Too few images to tell whether '{_short(worst.name, 2)}' matters.", "unsure", _evidence(audit),
        f"Measure on about {needed} images.",
        f"'{worst.name}' reaches between nothing and {percent(_may_reach(worst))} of the way to perfect grouping (p "
        f"{p_words(worst.p_value)} on {audit.images} images). {most}",
        percent(worst.share),
    )  # fmt: skip


def _little(audit: "PropertyAudit", unwanted: "list[PropertyInfluence]", most: str) -> Verdict:
    worst = max(unwanted, key=lambda influence: influence.share)
    what = (
        f"'{_short(worst.name)}' hardly matters"
        if len(unwanted) == 1
        else "The unwanted properties hardly matter"
    )
    return Verdict(
        f"{what}, as it should be.", "good", _evidence(audit), "",
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
    """The four strongest properties, and every unwanted one."""
    listed = [
        influence for place, influence in enumerate(audit.influences) if place < 4 or influence.unwanted
    ]
    return [
        f"'{influence.name}': {percent(influence.share)} of the way from chance to perfect grouping"
        f"{_interval(influence)}, NR-Prec {influence.score:.1f}, p {p_words(influence.p_value)} "
        f"(corrected for {len(audit.influences)} properties)."
        for influence in listed
    ]


def _interval(influence: "PropertyInfluence") -> str:
    if influence.interval is None:
        return ""
    return f" (95 % interval over images {percent(influence.interval.low)} to {percent(influence.interval.high)})"
